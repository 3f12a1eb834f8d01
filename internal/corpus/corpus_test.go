package corpus_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/corpus"
)

// target counts what it is given, in the place of a fuzz target.
type target struct {
	testing.TB
	seeds int
	fails bool
}

func (t *target) Add(...any)            { t.seeds++ }
func (t *target) Fatalf(string, ...any) { t.fails = true }

func TestATargetWithoutSeedsFails(t *testing.T) {
	many := strings.Split("a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t", ",")
	for name, test := range map[string]struct {
		seeds []string
		added int
		fails bool
	}{
		"none":         {nil, 0, true},
		"one too few":  {many[1:], 19, true},
		"one repeated": {append(many[1:], many[1:]...), 19, true},
		"enough":       {many, 20, false},
	} {
		into := &target{TB: t}
		corpus.Add(into, test.seeds...)
		if into.seeds != test.added || into.fails != test.fails {
			t.Errorf("%s: %d seeds, fails: %v", name, into.seeds, into.fails)
		}
	}
}

// The files of this package are found by patterns of any depth, in the order of
// their names, and others are not.
func TestFilesAreFoundInAnyDepth(t *testing.T) {
	code, test := corpus.Files(t, "internal/corpus/corpus.go"), corpus.Files(t, "internal/corpus/corpus_test.go")
	if len(code) != 1 || !strings.Contains(code[0], "func Root(") || len(test) != 1 || !strings.Contains(test[0], "func TestFilesAreFoundInAnyDepth(") {
		t.Fatalf("%d and %d files have the names of two", len(code), len(test))
	}
	other := corpus.Files(t, "internal/corpus/threats.go")[0]
	for _, pattern := range []string{"internal/corpus/corpus*.go", "internal/corpus/**/corpus*.go", "internal/**/corpus*.go"} {
		found := corpus.Files(t, pattern)
		first, second := slices.Index(found, code[0]), slices.Index(found, test[0])
		if first < 0 || second < first || slices.Contains(found, other) {
			t.Errorf("%s has them at %d and %d of %d", pattern, first, second, len(found))
		}
	}
}

func TestBlocksAreTheCodeOfGuides(t *testing.T) {
	blocks := corpus.Blocks(t, "docs/policies.md", "waivers:")
	if len(blocks) != 1 || !strings.HasPrefix(blocks[0], "waivers:\n") || strings.Contains(blocks[0], "`") {
		t.Errorf("got %q", blocks)
	}
}
