package bundle

import (
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// maxExponent is the largest decimal exponent of a number in a policy's hands,
// a little above what a 64-bit float can have.
const maxExponent = 400

// init fences builtins of OPA that turn a short string into a number without a
// bound: units.parse("1e999999") computes for seconds and json.unmarshal lets
// "1e9999999" through, on which the next addition computes for minutes and a
// comparison panics. None of them looks at the context. The table of builtins
// is global and is not guarded, so it can only be changed before anything is
// evaluated.
func init() {
	for _, name := range []string{"units.parse", "units.parse_bytes"} {
		topdown.RegisterBuiltinFunc(name, boundOperand(topdown.GetBuiltin(name)))
	}
	for _, name := range []string{"to_number", "json.unmarshal"} {
		topdown.RegisterBuiltinFunc(name, boundResult(topdown.GetBuiltin(name)))
	}
}

func boundOperand(builtin topdown.BuiltinFunc) topdown.BuiltinFunc {
	return func(bctx topdown.BuiltinContext, operands []*ast.Term, iter func(*ast.Term) error) error {
		if text, ok := operands[0].Value.(ast.String); ok && !Bounded(string(text)) {
			return errUnbounded()
		}
		return builtin(bctx, operands, iter)
	}
}

func boundResult(builtin topdown.BuiltinFunc) topdown.BuiltinFunc {
	return func(bctx topdown.BuiltinContext, operands []*ast.Term, iter func(*ast.Term) error) error {
		return builtin(bctx, operands, func(result *ast.Term) error {
			if !boundedValue(result) {
				return errUnbounded()
			}
			return iter(result)
		})
	}
}

func errUnbounded() error { return fmt.Errorf("a number's exponent is beyond %d", maxExponent) }

func boundedValue(term *ast.Term) bool {
	bounded := true
	ast.WalkTerms(term, func(t *ast.Term) bool {
		if number, ok := t.Value.(ast.Number); ok && !Bounded(string(number)) {
			bounded = false
		}
		return !bounded
	})
	return bounded
}

// Bounded reports whether the text, read as a number, can be computed with in
// bounded time: it is not very long, and a decimal exponent in it is small.
// Text that is not a number at all is bounded when it is short.
func Bounded(number string) bool {
	const maxDigits = 1024
	if len(number) > maxDigits {
		return false
	}
	at := strings.IndexAny(number, "eE")
	if at < 0 {
		return true
	}
	digits := strings.TrimLeft(number[at+1:], "+-")
	exponent := 0
	for _, digit := range digits {
		if digit < '0' || digit > '9' {
			break
		}
		if exponent = exponent*10 + int(digit-'0'); exponent > maxExponent {
			return false
		}
	}
	return true
}
