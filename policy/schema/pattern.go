package schema

import (
	"regexp"
	"regexp/syntax"
	"sync"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// The bounds of patterns. Go's regular expressions take time in proportion to
// the text and to the program that a pattern becomes, and counted repetitions
// make a long program of a short pattern. A match cannot be interrupted.
const (
	maxPatternBytes = 4 << 10
	// maxPattern is the size of one program, and maxPatterns of all in a render.
	maxPattern  = 20_000
	maxPatterns = 1_000_000
	// maxMatch bounds the product of program and text: about a second.
	maxMatch = 50_000_000
)

// pattern is a regular expression of a tenant, compiled when it is first needed.
type pattern struct {
	source  string
	size    int
	compile func() *regexp.Regexp
}

// newPattern reads a pattern. The problem is empty for a good one.
func newPattern(source string) (p *pattern, problem string) {
	if len(source) > maxPatternBytes {
		return nil, "the pattern is longer than the check can take"
	}
	parsed, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return nil, "is not a regular expression: " + fault.Clean(err.Error(), 120)
	}
	size := programSize(parsed)
	if size > maxPattern {
		return nil, "the pattern repeats more than the check can take"
	}
	return &pattern{source: source, size: size, compile: sync.OnceValue(func() *regexp.Regexp {
		compiled, err := regexp.Compile(source)
		if err != nil {
			return nil
		}
		return compiled
	})}, ""
}

// programSize estimates how many instructions an expression becomes.
func programSize(re *syntax.Regexp) int {
	size := 1
	for _, sub := range re.Sub {
		size += programSize(sub)
	}
	switch re.Op {
	case syntax.OpLiteral:
		size += len(re.Rune)
	case syntax.OpRepeat:
		size *= max(re.Min, re.Max, 1) + 1
	}
	return min(size, maxPattern+1)
}

func (w *walker) meetsPattern(p *pattern, value string) bool {
	cost := p.size * (len(value) + 1)
	if cost > maxMatch {
		return w.fail("is too long for the pattern of the schema to be tried")
	}
	if w.over(cost / bytesAStep) {
		return true
	}
	compiled := p.compile()
	if compiled != nil && compiled.MatchString(value) {
		return true
	}
	return w.fail("must match the pattern %s", fault.Clean(p.source, 120))
}
