package corpus_test

import (
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

func TestFilesAreFoundInAnyDepth(t *testing.T) {
	flat, deep := corpus.Files(t, "internal/corpus/*.go"), corpus.Files(t, "internal/**/corpus*.go")
	if len(flat) != 3 || len(deep) != 2 || !strings.Contains(deep[0], "func Root(") {
		t.Errorf("%d and %d files", len(flat), len(deep))
	}
}

func TestBlocksAreTheCodeOfGuides(t *testing.T) {
	blocks := corpus.Blocks(t, "docs/policies.md", "waivers:")
	if len(blocks) != 1 || !strings.HasPrefix(blocks[0], "waivers:\n") || strings.Contains(blocks[0], "`") {
		t.Errorf("got %q", blocks)
	}
}
