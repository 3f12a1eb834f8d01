package bounded_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/bounded"
)

func TestReadFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte("four"), 0o600); err != nil {
		t.Fatal(err)
	}
	if content, err := bounded.ReadFile(name, 4); err != nil || string(content) != "four" {
		t.Errorf("a file of the largest size: %q, %v", content, err)
	}
	if content, err := bounded.ReadFile(name, 3); !errors.Is(err, bounded.ErrTooLarge) || content != nil {
		t.Errorf("a larger file: %q, %v", content, err)
	}
	if _, err := bounded.ReadFile(name+".gone", 4); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}
