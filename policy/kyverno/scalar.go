package kyverno

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
)

// comparison is what stands before a value in a pattern.
type comparison string

const (
	equal        comparison = ""
	notEqual     comparison = "!"
	less         comparison = "<"
	lessEqual    comparison = "<="
	greater      comparison = ">"
	greaterEqual comparison = ">="
)

// operand is one value of a pattern, and how it is compared.
type operand struct {
	comparison comparison
	glob       glob
	plain      string
}

// choice is a pattern of text: it fits where all clauses of one of its lists do.
type choice struct {
	whole string
	any   [][]clause
}

// clause fits where one of its operands does.
type clause []operand

// ranges finds two numbers or quantities with a dash between them; the dash is
// the third group, after an exclamation mark or nothing.
var ranges = regexp.MustCompile(`^([-+]?[0-9]+(?:\.[0-9]+)?[A-Za-z]*)(!?)(-)([-+]?[0-9]+(?:\.[0-9]+)?[A-Za-z]*)$`)

// newChoice reads the operators of a pattern. Only those count that the policy
// wrote: see [glob].
func newChoice(g glob) choice {
	c := choice{whole: g.plain()}
	for _, alternative := range g.split('|') {
		var all []clause
		for _, condition := range alternative.split('&') {
			all = append(all, clauses(condition)...)
		}
		c.any = append(c.any, all)
	}
	return c
}

// clauses reads one condition. A number in a range is not below it and not above;
// one outside is either.
func clauses(g glob) []clause {
	compared := comparisonOf(g)
	if compared == equal {
		if low, high, inside, ok := rangeOf(g); ok && inside {
			return []clause{{operandOf(greaterEqual, low)}, {operandOf(lessEqual, high)}}
		} else if ok {
			return []clause{{operandOf(less, low), operandOf(greater, high)}}
		}
	}
	return []clause{{operandOf(compared, g[len(compared):])}}
}

func operandOf(compared comparison, g glob) operand {
	g = g.trim()
	return operand{comparison: compared, glob: g, plain: g.plain()}
}

// comparisonOf returns the operator at the start. One character alone is none.
func comparisonOf(g glob) comparison {
	if len(g) < 2 {
		return equal
	}
	for _, c := range []comparison{greaterEqual, lessEqual, greater, less, notEqual} {
		if matchesOwn(g, string(c)) {
			return c
		}
	}
	return equal
}

func matchesOwn(g glob, text string) bool {
	for i, r := range []byte(text) {
		if i >= len(g) || g[i] != -rune(r) {
			return false
		}
	}
	return true
}

func rangeOf(g glob) (low, high glob, inside, ok bool) {
	plain := g.plain()
	at := ranges.FindStringSubmatchIndex(plain)
	// The text is ASCII where it matches, so that bytes are characters.
	if at == nil || g[at[6]] != -'-' {
		return nil, nil, false, false
	}
	return g[at[2]:at[3]], g[at[8]:at[9]], at[4] == at[5], true
}

// fits compares a value of an object with the pattern.
func (c choice) fits(v any) bool {
	if s, ok := v.(string); ok && s == c.whole {
		return true
	}
	broken := func(one clause) bool {
		return !slices.ContainsFunc(one, func(o operand) bool { return o.fits(v) })
	}
	return slices.ContainsFunc(c.any, func(all []clause) bool { return !slices.ContainsFunc(all, broken) })
}

// fits compares as durations where both are some, as quantities where both are
// some, and as text otherwise. A missing value counts as zero before it counts
// as no text at all.
func (o operand) fits(v any) bool {
	if text, ok := number(v); ok {
		wanted, err := time.ParseDuration(o.plain)
		given, err2 := time.ParseDuration(text)
		if err == nil && err2 == nil {
			return o.comparison.holds(int(sign(given - wanted)))
		}
		if wanted, ok := quantity(o.plain); ok {
			if given, ok := quantity(text); ok {
				return o.comparison.holds(given.Cmp(wanted))
			}
		}
	}
	text, ok := scalarText(v)
	if !ok || (o.comparison != equal && o.comparison != notEqual) {
		return false
	}
	return o.glob.fits(text) == (o.comparison == equal)
}

func sign(d time.Duration) time.Duration { return max(-1, min(1, d)) }

// holds tells whether the result of comparing a value with an operand is what the
// operator asks for.
func (c comparison) holds(order int) bool {
	switch c {
	case equal:
		return order == 0
	case notEqual:
		return order != 0
	case less:
		return order < 0
	case lessEqual:
		return order <= 0
	case greater:
		return order > 0
	default:
		return order >= 0
	}
}

// number writes a value so that it can be read as a duration or a quantity.
func number(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "0", true
	case string:
		return v, true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'f', 6, 64), true
	default:
		return "", false
	}
}

func scalarText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	default:
		return "", false
	}
}

// maxQuantity bounds what is read as a quantity, in bytes; exponents of more
// than two digits are left out too. To compare 1e1000000000 would need as many
// digits.
const maxQuantity = 64

var largeExponent = regexp.MustCompile(`[eE][-+]?[0-9]{3}`)

func quantity(text string) (resource.Quantity, bool) {
	if text == "" || len(text) > maxQuantity || strings.ContainsAny(text, " *?") || largeExponent.MatchString(text) {
		return resource.Quantity{}, false
	}
	q, err := resource.ParseQuantity(text)
	return q, err == nil
}

// fitsConstant compares a value with a pattern that is no text.
func fitsConstant(pattern, v any) bool {
	switch pattern := pattern.(type) {
	case nil:
		return zero(v)
	case bool:
		b, ok := v.(bool)
		return ok && b == pattern
	case int64:
		switch v := v.(type) {
		case int64:
			return v == pattern
		case float64:
			return v == math.Trunc(v) && int64(v) == pattern
		case string:
			n, err := strconv.ParseInt(v, 10, 64)
			return err == nil && n == pattern
		}
	case float64:
		switch v := v.(type) {
		case int64:
			return float64(v) == pattern
		case float64:
			return v == pattern
		case string:
			n, err := strconv.ParseFloat(v, 64)
			return err == nil && n == pattern
		}
	}
	return false
}

// zero tells whether a value is missing, or as empty as a missing one.
func zero(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case bool:
		return !v
	case int64:
		return v == 0
	case float64:
		return v == 0
	default:
		return false
	}
}
