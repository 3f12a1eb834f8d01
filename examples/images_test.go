package examples_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/cosign"
)

// TestImagesExample reads plugin.yaml as the sidecar does, and the files that it
// names as they lie beside it. What it demands is tried in e2e/images_test.go.
func TestImagesExample(t *testing.T) {
	file, err := config.Load("images/plugin.yaml")
	if err != nil {
		t.Fatal(err)
	}
	beside := func(name string) []byte {
		content, err := os.ReadFile(filepath.Join("images", filepath.Base(name)))
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	keys, roots := 0, 0
	for _, signer := range file.Seal.Images.Signers {
		for _, name := range signer.KeyFiles {
			keys++
			if _, err := cosign.ReadKeys(beside(name)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if name := signer.TrustedRootFile; name != "" {
			roots++
			if _, err := cosign.ReadRoot(beside(name)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if keys == 0 || roots == 0 {
		t.Errorf("the example shows %d keys and %d trust roots", keys, roots)
	}
}
