package source_test

import (
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// What is dropped is held to the limits of names, so that a walk into it ends.
func TestDroppedEntriesHaveADepth(t *testing.T) {
	steps := 0
	_, err := source.ReadEntries(t.Context(), func(yield func(source.Entry, error) bool) {
		for name := ".git"; steps < 1000 && yield(source.Entry{Name: name, Dir: true}, nil); name += "/d" {
			steps++
		}
	}, source.Limits{Segments: 8})
	if fault.CodeOf(err) != fault.ArchivePath || !strings.Contains(err.Error(), "more than 8 parts") || steps != 8 {
		t.Errorf("after %d steps: %v", steps, err)
	}
}
