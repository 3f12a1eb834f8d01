package migrate_test

import (
	"bytes"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/yamledit"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// FuzzEdits: whatever a file holds, what is written is YAML if it was before,
// has as many objects, and is left alone by a second migration.
func FuzzEdits(f *testing.F) {
	tree, err := source.ReadDirectory(f.Context(), "testdata/corpus", source.Limits{}, nil)
	if err != nil {
		f.Fatal(err)
	}
	seeds := 0
	for _, name := range tree.Files(".") {
		data, _ := tree.File(name)
		f.Add(data)
		seeds++
	}
	if seeds < leastManifests {
		f.Fatalf("only %d seeds", seeds)
	}
	f.Add([]byte("a: {b: <path:kv/data/a/b#c>, d: [*x]}\n"))
	f.Add([]byte("kind: Secret\napiVersion: v1\nmetadata: {annotations: {avp.kubernetes.io/path: kv/data/a, x: y}}\nstringData: {? a : <k>}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 64<<10 {
			return
		}
		one := source.NewTree()
		one.Add("a.yaml", data)
		plan, err := migrate.New(t.Context(), migrate.Input{Tree: one, Scope: "."})
		if err != nil {
			t.Fatal(err)
		}
		if len(plan.Changes) == 0 {
			return
		}
		after := plan.Changes[0].After
		if bytes.Equal(after, data) {
			t.Fatal("a change that changes nothing")
		}
		if _, err := yamledit.Parse("a.yaml", after); err != nil {
			t.Fatalf("%v\nbefore:\n%s\nafter:\n%s", err, data, after)
		}
		if old, err := object.Decode("a.yaml", data); err == nil {
			now, err := object.Decode("a.yaml", after)
			if err != nil || len(now) != len(old) {
				t.Fatalf("%d objects became %d (%v)\nbefore:\n%s\nafter:\n%s", len(old), len(now), err, data, after)
			}
		}
		again := source.NewTree()
		again.Add("a.yaml", after)
		second, err := migrate.New(t.Context(), migrate.Input{Tree: again, Scope: "."})
		if err != nil {
			t.Fatal(err)
		}
		if len(second.Changes) > 0 {
			t.Fatalf("a second migration changes more\nbefore:\n%s\nafter:\n%s\nand then:\n%s", data, after, second.Changes[0].After)
		}
	})
}
