package migrate_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/render/engine"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// update writes the expected files anew, for a person to look at.
var update = flag.Bool("update", false, "write testdata/migrated and testdata/findings.txt anew")

// leastManifests is how many manifests the corpus must have: a test over a folder
// that was moved away would otherwise pass.
const leastManifests = 30

// inProcess renders in the test's own process, one request at a time: its sources
// are its own.
type inProcess struct{ sync.Mutex }

func (r *inProcess) Render(_ context.Context, request render.Request) (render.Result, error) {
	r.Lock()
	defer r.Unlock()
	return engine.Render(request)
}

func treeOf(t testing.TB, dir string) *source.Tree {
	t.Helper()
	tree, err := source.ReadDirectory(t.Context(), dir, source.Limits{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func planOf(t testing.TB, tree *source.Tree) *migrate.Plan {
	t.Helper()
	plan, err := migrate.New(t.Context(), migrate.Input{Tree: tree, Scope: ".", Renderer: &inProcess{}})
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// migrated returns a tree with a plan's changes.
func migrated(tree *source.Tree, plan *migrate.Plan) *source.Tree {
	after := source.NewTree()
	for _, name := range tree.Files(".") {
		data, _ := tree.File(name)
		after.Add(name, data)
	}
	for _, change := range plan.Changes {
		after.Add(change.File, change.After)
	}
	return after
}

// TestCorpus migrates a repository with every documented form of a placeholder
// and compares each file, and each finding, with what a person has looked at.
func TestCorpus(t *testing.T) {
	tree := treeOf(t, "testdata/corpus")
	if manifests := len(tree.Files("manifests")); manifests < leastManifests {
		t.Fatalf("the corpus has %d manifests, want at least %d", manifests, leastManifests)
	}
	plan := planOf(t, tree)
	after := migrated(tree, plan)
	if *update {
		write(t, "testdata/migrated", after)
		writeFile(t, "testdata/findings.txt", findings(plan))
		writeFile(t, "testdata/plugin.yaml", string(plan.Plugin))
	}
	want := treeOf(t, "testdata/migrated")
	if diff := cmp.Diff(want.Files("."), after.Files(".")); diff != "" {
		t.Fatalf("files (-want +got):\n%s", diff)
	}
	for _, name := range want.Files(".") {
		expected, _ := want.File(name)
		got, _ := after.File(name)
		if diff := cmp.Diff(string(expected), string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if diff := cmp.Diff(read(t, "testdata/findings.txt"), findings(plan)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(read(t, "testdata/plugin.yaml"), string(plan.Plugin)); diff != "" {
		t.Errorf("plugin.yaml (-want +got):\n%s", diff)
	}
}

// TestSecondRunFindsNothingToDo: what has moved stays, and what did not is
// listed again.
func TestSecondRunFindsNothingToDo(t *testing.T) {
	tree := treeOf(t, "testdata/corpus")
	first := planOf(t, tree)
	if len(first.Changes) < 30 {
		t.Fatalf("the first run changes %d files", len(first.Changes))
	}
	second := planOf(t, migrated(tree, first))
	if len(second.Changes) != 0 || len(second.Moves) != 0 {
		t.Errorf("the second run changes %v and moves %v", second.Changes, second.Moves)
	}
	what := func(plan *migrate.Plan) (texts []string) {
		for _, one := range plan.Findings {
			texts = append(texts, one.File+" "+one.Code+" "+one.What)
		}
		return texts
	}
	if diff := cmp.Diff(what(first), what(second)); diff != "" {
		t.Errorf("findings (-first +second):\n%s", diff)
	}
}

func TestInferredPluginFileIsValid(t *testing.T) {
	plan := planOf(t, treeOf(t, "testdata/corpus"))
	file, err := config.Parse("plugin.yaml", plan.Plugin)
	if err != nil {
		t.Fatal(err)
	}
	bindings := map[string][]string{}
	for _, one := range file.Seal.Bindings {
		bindings[one.Name] = append(append([]string{}, one.Projects...), one.Paths...)
	}
	want := map[string][]string{
		"chart":      {"shop", "kv/shop/api", "kv/shop/app", "kv/shop/db", "kv/shop/registry"},
		"shop":       {"shop", "kv/shop/api", "kv/shop/app", "kv/shop/db"},
		"lovely":     {"shop", "kv/shop/api", "kv/shop/app", "kv/shop/db"},
		"kv-shop":    {"CHANGE-ME", "kv/shop/tls"},
		"kv1-legacy": {"CHANGE-ME", "kv1/legacy/mail"},
	}
	if diff := cmp.Diff(want, bindings); diff != "" {
		t.Errorf("bindings (-want +got):\n%s", diff)
	}
	if got := strings.Join(file.Seal.Aliases, " "); got != "argocd-vault-plugin-helm argocd-vault-plugin-kustomize" {
		t.Errorf("aliases are %s", got)
	}
	if role := file.Seal.Vault.Roles[0]; file.Seal.Vault.Address != "https://vault.shop.example.com:8200" || role.VaultRole != "argocd" || role.Mount != "kubernetes-shop" {
		t.Errorf("vault is %+v", file.Seal.Vault)
	}
}

func findings(plan *migrate.Plan) string {
	var b strings.Builder
	for _, one := range plan.Findings {
		fmt.Fprintf(&b, "%s:%d %s %s\n  %s\n  fix: %s\n", one.File, one.Line, one.Code, one.What, one.Reason, one.Fix)
	}
	for _, note := range plan.Notes {
		fmt.Fprintf(&b, "note: %s\n", note)
	}
	return b.String()
}

func read(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func write(t testing.TB, dir string, tree *source.Tree) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range tree.Files(".") {
		data, _ := tree.File(name)
		writeFile(t, filepath.Join(dir, name), string(data))
	}
}

func writeFile(t testing.TB, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
