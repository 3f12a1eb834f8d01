package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
)

// block is a block of a guide, with the language that it names.
var block = regexp.MustCompile("(?s)```([a-z]*)\n(.*?)```")

// TestTheAuditGuideWorks loads the configuration that the guide shows, and checks
// a signature with openssl as it says.
func TestTheAuditGuideWorks(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	guide, err := os.ReadFile(filepath.Join(root, "docs/audit.md"))
	if err != nil {
		t.Fatal(err)
	}
	plugin, err := os.ReadFile(filepath.Join(root, "plugin.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	loaded, checked := 0, 0
	for _, match := range block.FindAllStringSubmatch(string(guide), -1) {
		switch language, text := match[1], match[2]; {
		case language == "yaml":
			if _, err := config.Parse("audit.md", append(plugin, text...)); err != nil {
				t.Error(err)
			}
			loaded++
		case strings.Contains(text, "openssl pkeyutl"):
			checked++
			if _, err := exec.LookPath("openssl"); err != nil {
				t.Log("there is no openssl here")
				continue
			}
			dir := t.TempDir()
			if err := os.Symlink(filepath.Join(root, "examples"), filepath.Join(dir, "examples")); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), "sh", "-e", "-c", text)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "Verified Successfully") {
				t.Errorf("%v: %s", err, out)
			}
		}
	}
	if loaded != 1 || checked != 1 {
		t.Errorf("%d configurations and %d signatures in the guide", loaded, checked)
	}
}
