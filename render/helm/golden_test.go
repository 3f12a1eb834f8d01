package helm

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"sigs.k8s.io/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

var update = flag.Bool("update", false, "write what the charts in testdata render to")

// TestTemplate renders the charts in testdata. Each file says what it is about,
// and holds options.yaml, a source with the chart in app/, and want.yaml: what
// "helm template" of Helm 3.20.2 prints, but for the names of templates, which
// are paths in the source.
func TestTemplate(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no charts in testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			tree, options := caseOf(t, archive)
			manifests, _, err := Template(tree, ".", options)
			if err != nil {
				t.Fatal(err)
			}
			got := string(Stream(manifests))
			want := &archive.Files[len(archive.Files)-1]
			if *update {
				want.Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(want.Data), got); diff != "" {
				t.Errorf("wrong manifests (-want +got):\n%s", diff)
			}
		})
	}
}

// caseOf reads a test's options and source.
func caseOf(t *testing.T, archive *txtar.Archive) (*source.Tree, Options) {
	t.Helper()
	options := Options{Dir: "app", QuoteErrors: true}
	tree := source.NewTree()
	for _, file := range archive.Files {
		switch file.Name {
		case "options.yaml":
			if err := yaml.UnmarshalStrict(file.Data, &options); err != nil {
				t.Fatal(err)
			}
		case "want.yaml":
		default:
			tree.Add(file.Name, file.Data)
		}
	}
	return tree, options
}

// treeOf builds a source of the files of a txtar text.
func treeOf(text string) *source.Tree {
	tree := source.NewTree()
	for _, file := range txtar.Parse([]byte(text)).Files {
		tree.Add(file.Name, file.Data)
	}
	return tree
}
