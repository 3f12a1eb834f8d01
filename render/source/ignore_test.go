package source

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGitIgnored(t *testing.T) {
	root := write(t, map[string]string{
		".gitignore":     "/build/\n*.log\n!keep.log\n",
		"build/large":    "x",
		"a.log":          "x",
		"keep.log":       "x",
		"app/.gitignore": "local.yaml\n",
		"app/local.yaml": "x",
		"app/a.yaml":     "x",
		"local.yaml":     "x",
	})
	tests := map[string]struct {
		keep string
		want []string
	}{
		"beside the application": {"other", []string{".gitignore", "app/.gitignore", "app/a.yaml", "keep.log", "local.yaml"}},
		"in the application":     {"app", []string{".gitignore", "app/.gitignore", "app/a.yaml", "app/local.yaml", "keep.log", "local.yaml"}},
		"an ignored application": {"build", []string{".gitignore", "app/.gitignore", "app/a.yaml", "build/large", "keep.log", "local.yaml"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			skip, err := GitIgnored(root, test.keep)
			if err != nil {
				t.Fatal(err)
			}
			tree, err := ReadDirectory(t.Context(), root, Limits{}, skip)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, tree.Files(".")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
