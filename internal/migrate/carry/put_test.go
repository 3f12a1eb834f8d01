package carry

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate"
)

// TestFailureHalfWayTakesAllBack: the second of two files cannot be put into
// place, since its new content is gone.
func TestFailureHalfWayTakesAllBack(t *testing.T) {
	tests := map[string]struct {
		lose  func(first staged) error
		a     string
		named bool
	}{
		"all comes back":            {func(staged) error { return nil }, "a: 1\n", false},
		"what cannot come is named": {func(first staged) error { return os.Remove(first.former) }, "a: 2\n", true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			plan := &migrate.Plan{Plugin: []byte("kind: x\n"), Changes: []migrate.Change{
				{File: "a.yaml", Before: []byte("a: 1\n"), After: []byte("a: 2\n")},
				{File: "b.yaml", Before: []byte("b: 1\n"), After: []byte("b: 2\n")},
			}}
			var ready []staged
			for _, change := range plan.Changes {
				if err := os.WriteFile(filepath.Join(dir, change.File), change.Before, 0o444); err != nil {
					t.Fatal(err)
				}
				one, err := stage(dir, change)
				if err != nil {
					t.Fatal(err)
				}
				ready = append(ready, one)
			}
			if err := os.Remove(ready[1].temporary); err != nil {
				t.Fatal(err)
			}
			if err := test.lose(ready[0]); err != nil {
				t.Fatal(err)
			}
			options := Options{Root: dir, PluginFile: filepath.Join(dir, "plugin.yaml")}
			err := put(ready, plan, options)
			if err == nil || !strings.Contains(err.Error(), "b.yaml: cannot be written") || strings.Contains(err.Error(), "taken back: a.yaml") != test.named {
				t.Errorf("the error is %v", err)
			}
			for file, want := range map[string]string{"a.yaml": test.a, "b.yaml": "b: 1\n"} {
				if got, err := os.ReadFile(filepath.Join(dir, file)); err != nil || string(got) != want {
					t.Errorf("%s is %q (%v), want %q", file, got, err, want)
				}
			}
			if err := checkPluginFile(options); err != nil {
				t.Errorf("the next run refuses: %v", err)
			}
		})
	}
}
