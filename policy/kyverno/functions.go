package kyverno

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	jmespath "github.com/kyverno/go-jmespath"
)

// standardFunctions are those of JMESPath itself.
var standardFunctions = []string{
	"abs", "avg", "ceil", "contains", "ends_with", "floor", "join", "keys", "length", "map", "max", "max_by", "merge", "min", "min_by",
	"not_null", "reverse", "sort", "sort_by", "starts_with", "sum", "to_array", "to_number", "to_string", "type", "values",
}

// ownFunctions are those of Kyverno's functions on texts that give the same answer
// at any time and place, by their name.
var ownFunctions = map[string]function{
	"equal_fold":    {2, func(a []string) (any, error) { return strings.EqualFold(a[0], a[1]), nil }},
	"pattern_match": {2, func(a []string) (any, error) { return fit(a[0], a[1]), nil }},
	"regex_match":   {2, regexMatch},
	"replace_all":   {3, replaceAll},
	"split":         {2, split},
	"to_lower":      {1, func(a []string) (any, error) { return strings.ToLower(a[0]), nil }},
	"to_upper":      {1, func(a []string) (any, error) { return strings.ToUpper(a[0]), nil }},
	"trim":          {2, func(a []string) (any, error) { return strings.Trim(a[0], a[1]), nil }},
	"trim_prefix":   {2, func(a []string) (any, error) { return strings.TrimPrefix(a[0], a[1]), nil }},
}

// function takes a number of texts.
type function struct {
	arguments int
	call      func([]string) (any, error)
}

// maxReplaced bounds what replace_all makes, in bytes.
const maxReplaced = 1 << 20

var errLong = errors.New("the result is too long")

var caller = newCaller()

func newCaller() *jmespath.FunctionCaller {
	c := jmespath.NewFunctionCaller()
	for name, f := range ownFunctions {
		entry := jmespath.FunctionEntry{Name: name, Handler: f.handle}
		for range f.arguments {
			entry.Arguments = append(entry.Arguments, jmespath.ArgSpec{Types: []jmespath.JpType{jmespath.JpString, jmespath.JpNumber}})
		}
		c.Register(entry)
	}
	return c
}

func (f function) handle(arguments []any) (any, error) {
	texts := make([]string, len(arguments))
	for i, argument := range arguments {
		texts[i] = written(argument)
	}
	if len(texts) != f.arguments {
		return nil, fmt.Errorf("%d arguments are needed", f.arguments)
	}
	return f.call(texts)
}

// regexMatch uses Go's expressions, whose time is linear in the text.
func regexMatch(a []string) (any, error) {
	if len(a[0]) > maxExpression {
		return nil, errLong
	}
	compiled, err := regexp.Compile(a[0])
	if err != nil {
		return nil, errors.New("the regular expression is not valid")
	}
	return compiled.MatchString(a[1]), nil
}

func replaceAll(a []string) (any, error) {
	if grown := strings.Count(a[0], a[1]) * len(a[2]); grown > maxReplaced {
		return nil, errLong
	}
	return strings.ReplaceAll(a[0], a[1], a[2]), nil
}

func split(a []string) (any, error) {
	var parts []any
	for _, s := range strings.Split(a[0], a[1]) {
		parts = append(parts, s)
	}
	return parts, nil
}
