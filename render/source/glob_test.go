package source

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mattn/go-zglob"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// globFiles is the source that the patterns of this file are tried on.
var globFiles = []string{
	"Chart.yaml", "values.yaml", "values-prod.yaml", "charts/sub/Chart.yaml", "charts/sub/templates/a.yaml",
	"charts/sub/templates/b.yml", "overlays/prod/kustomization.yaml", "overlays/dev/kustomization.yaml",
	".hidden/x.yaml", "a[1]/x.yaml", "overlays/kustomization.yaml",
}

func globTree() *Tree {
	tree := NewTree()
	for _, name := range globFiles {
		tree.Add(name, nil)
	}
	return tree
}

func TestGlob(t *testing.T) {
	for name, tc := range map[string]struct {
		dir, pattern string
		want         []string
	}{
		"in the directory itself too": {".", "**/Chart.yaml", []string{"Chart.yaml", "charts/sub/Chart.yaml"}},
		"from a directory":            {"charts", "**/Chart.yaml", []string{"charts/sub/Chart.yaml"}},
		"itself from a directory":     {"charts/sub", "**/Chart.yaml", []string{"charts/sub/Chart.yaml"}},
		"one level":                   {".", "*/kustomization.yaml", []string{"overlays/kustomization.yaml"}},
		"alternatives": {"overlays", "{dev,prod}/*.yaml",
			[]string{"overlays/dev/kustomization.yaml", "overlays/prod/kustomization.yaml"}},
		"directories match":            {".", "over*", []string{"overlays"}},
		"leading slash and dot":        {"charts", "/./sub/*.yaml", []string{"charts/sub/Chart.yaml"}},
		"climbs inside":                {"overlays/dev", "../../values*.yaml", []string{"values-prod.yaml", "values.yaml"}},
		"ends with any depth":          {"charts/sub", "templates/**", []string{"charts/sub/templates", "charts/sub/templates/a.yaml", "charts/sub/templates/b.yml"}},
		"the directory is no pattern":  {"a[1]", "*.yaml", []string{"a[1]/x.yaml"}},
		"a prefix is not a directory":  {"over", "**", nil},
		"question mark is a wildcard":  {".", "value?.yaml", []string{"values.yaml"}},
		"class without other wildcard": {".", "[CD]hart.yaml", []string{"Chart.yaml"}},
		"nothing":                      {".", "missing.yaml", nil},
		"empty pattern":                {".", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := globTree().Glob(tc.dir, tc.pattern)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestGlobRefuses(t *testing.T) {
	for pattern, code := range map[string]fault.Code{
		"[":                            fault.Parameter,
		"a/[b":                         fault.Parameter,
		"{a,b":                         fault.Parameter,
		`a\`:                           fault.Parameter,
		"../x":                         fault.Path,
		"..":                           fault.Path,
		"a/../../x":                    fault.Path,
		strings.Repeat("{a,a,a,a}", 6): fault.Parameter,
	} {
		for name, tree := range map[string]*Tree{"empty": NewTree(), "full": globTree()} {
			if _, err := tree.Glob(".", pattern); fault.CodeOf(err) != code {
				t.Errorf("Glob of %q in the %s tree: %v, want %s", pattern, name, err, code)
			}
		}
	}
	if _, err := NewTree().GlobFileName(".", "["); fault.CodeOf(err) != fault.Parameter {
		t.Errorf("GlobFileName: %v, want E_PARAMETER", err)
	}
}

// Argo CD's own functions run over the same files on disk: for these patterns
// the answers must not differ.
func TestGlobAgreesWithArgoCD(t *testing.T) {
	files := map[string]string{}
	for _, name := range globFiles {
		files[name] = ""
	}
	root := write(t, files)
	tree, err := ReadDirectory(t.Context(), root, Limits{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{".", "charts", "charts/sub", "overlays"} {
		for _, pattern := range []string{
			"**/Chart.yaml", "*.yaml", "**/*.yaml", "**/kustomization.yaml", "*/kustomization.yaml", "**/templates/*.{yaml,yml}",
			"{values,Chart}.yaml", "**/sub/**/*.yml", "*", "**/*", "val*[s].yaml", "**/no*", ".hidden/*", "sub/**/b.yml",
		} {
			got, err := tree.Glob(dir, pattern)
			if err != nil {
				t.Fatal(err)
			}
			// Where the part without wildcards is missing, theirs is an error.
			theirs, err := zglob.Glob(filepath.Join(root, dir, pattern))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			if diff := cmp.Diff(below(t, root, theirs), got); diff != "" {
				t.Errorf("find.glob %q in %s (-argocd +ours):\n%s", pattern, dir, diff)
			}
		}
		for _, pattern := range []string{"Chart.yaml", "*.yaml", "*/*.yaml", "value?.yaml", "[!v]*.yaml", "*", "missing", "/Chart.yaml", "./sub"} {
			got, err := tree.GlobFileName(dir, pattern)
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := filepath.Glob(filepath.Join(root, dir, pattern))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(below(t, root, theirs), got); diff != "" {
				t.Errorf("fileName %q in %s (-argocd +ours):\n%s", pattern, dir, diff)
			}
		}
	}
}

// below gives sorted names relative to root; nil where there are none.
func below(t *testing.T, root string, names []string) []string {
	t.Helper()
	var relative []string
	for _, name := range names {
		name, found := strings.CutPrefix(name, root+string(os.PathSeparator))
		if !found {
			t.Fatalf("%s is not below %s", name, root)
		}
		relative = append(relative, filepath.ToSlash(name))
	}
	slices.Sort(relative)
	return relative
}
