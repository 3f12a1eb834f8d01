package kyverno

import (
	"errors"
	"strings"
)

// text is a string of a policy: parts that stand there, and variables.
type text struct {
	parts []part
}

// part is a literal, or a variable where expression is set.
type part struct {
	literal    string
	expression *expression
}

var (
	errNested    = errors.New("a variable stands within a variable")
	errUnclosed  = errors.New("a variable has no closing braces")
	errReference = errors.New("a reference $(...) is not supported")
)

// parseText reads the variables of a text. Scope says which names they may use.
func parseText(s string, scope scope) (text, error) {
	// What a backslash stands before is meant as it is.
	if strings.Contains(strings.ReplaceAll(s, `\$(`, ""), "$(") {
		return text{}, errReference
	}
	s = strings.ReplaceAll(s, `\$(`, "$(")
	var t text
	var plain strings.Builder
	for s != "" {
		start := strings.Index(s, "{{")
		if start < 0 {
			plain.WriteString(s)
			break
		}
		if start > 0 && s[start-1] == '\\' {
			plain.WriteString(s[:start-1] + "{{")
			s = s[start+2:]
			continue
		}
		plain.WriteString(s[:start])
		length, err := variableEnd(s[start+2:])
		if err != nil {
			return text{}, err
		}
		source := strings.TrimSpace(s[start+2 : start+2+length])
		compiled, err := compile(strings.TrimSpace(strings.TrimPrefix(source, "-")), scope)
		if err != nil {
			return text{}, err
		}
		t.literal(&plain)
		t.parts = append(t.parts, part{expression: compiled})
		s = s[start+length+4:]
	}
	t.literal(&plain)
	t.inline()
	return t, nil
}

// inline turns what variables give of the policy itself into its text.
func (t *text) inline() {
	for i, p := range t.parts {
		if p.expression == nil || !p.expression.fixed {
			continue
		}
		if s, ok := p.expression.constant.(string); ok || len(t.parts) > 1 {
			if !ok {
				s = written(p.expression.constant)
			}
			t.parts[i] = part{literal: s}
		}
	}
}

func (t *text) literal(plain *strings.Builder) {
	if plain.Len() > 0 {
		t.parts = append(t.parts, part{literal: plain.String()})
		plain.Reset()
	}
}

// variableEnd returns the length of a variable's expression, which follows s's
// start and ends with two braces. Braces and quotes within it are skipped.
func variableEnd(s string) (int, error) {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\'' || c == '"' || c == '`':
			end := quoted(s[i+1:], c)
			if end < 0 {
				return 0, errUnclosed
			}
			i += end + 1
		case strings.HasPrefix(s[i:], "{{"):
			return 0, errNested
		case c == '{':
			depth++
		case c == '}' && depth > 0:
			depth--
		case strings.HasPrefix(s[i:], "}}"):
			return i, nil
		}
	}
	return 0, errUnclosed
}

// quoted returns where a quoted text ends.
func quoted(s string, quote byte) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case quote:
			return i
		}
	}
	return -1
}

// variable returns the expression of a text that is one variable and nothing
// else, whose result may be of any type.
func (t text) variable() (*expression, bool) {
	if len(t.parts) == 1 && t.parts[0].expression != nil {
		return t.parts[0].expression, true
	}
	return nil, false
}

// static returns a text without variables.
func (t text) static() (string, bool) {
	var plain strings.Builder
	for _, p := range t.parts {
		if p.expression != nil {
			return "", false
		}
		plain.WriteString(p.literal)
	}
	return plain.String(), true
}

// in puts the values of the variables into the text.
func (t text) in(facts facts) (glob, error) {
	var g glob
	for _, p := range t.parts {
		if p.expression == nil {
			g = append(g, own(p.literal)...)
			continue
		}
		result, err := p.expression.evaluate(facts)
		if err != nil {
			return nil, err
		}
		g = append(g, []rune(written(result))...)
	}
	return g, nil
}
