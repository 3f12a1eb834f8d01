// Package quickstart_test does what a newcomer does: it clones the repository and
// runs what the first pages say.
package quickstart_test

import (
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// clone copies the repository as it was committed. What heavy tools there are
// stays where it is.
func clone(t *testing.T) (root, dir string) {
	t.Helper()
	harness.Need(t, harness.Git)
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(t.TempDir(), "argocd-seal-plugin")
	if out, err := exec.CommandContext(t.Context(), "git", "clone", "--quiet", root, dir).CombinedOutput(); err != nil {
		t.Fatalf("git clone: %v\n%s", err, out)
	}
	return root, dir
}

var block = regexp.MustCompile("(?ms)^( *)```sh\n(.*?)^ *```$")

// script joins the commands of a page in their order. Each says what it is before
// it runs.
func script(t *testing.T, page string) (text string, blocks int) {
	t.Helper()
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	found := block.FindAllStringSubmatch(string(content), -1)
	var all strings.Builder
	all.WriteString("set -euo pipefail\n")
	for _, one := range found {
		all.WriteString("set -x\n" + regexp.MustCompile("(?m)^"+one[1]).ReplaceAllString(one[2], "") + "{ set +x; } 2>/dev/null\n")
	}
	return all.String(), len(found)
}

// run runs the commands of a page and returns what they print.
func run(t *testing.T, dir, text string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "bash", "-c", text)
	command.Dir = dir
	command.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

func shows(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not shown in\n%s", part, text)
		}
	}
}

// pictured are the lines of the README's picture that are the same each time.
func pictured(t *testing.T, picture string) (lines []string) {
	t.Helper()
	content, err := os.ReadFile(picture)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range regexp.MustCompile(`(?s)<text[^>]*>(.*?)</text>`).FindAllStringSubmatch(string(content), -1) {
		text := html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(line[1], ""))
		text = strings.TrimSpace(strings.ReplaceAll(text, "\u00a0", " "))
		if !strings.HasPrefix(text, "$") && !regexp.MustCompile(`: AQ|<vault:|^(\.\.\.)?$`).MatchString(text) {
			lines = append(lines, text)
		}
	}
	if len(lines) < 20 {
		t.Fatalf("the picture has %d lines", len(lines))
	}
	return lines
}

// TestQuickstart follows docs/quickstart.md from its first line to its last.
func TestQuickstart(t *testing.T) {
	root, dir := clone(t)
	// The reader's own repository.
	if err := os.MkdirAll(filepath.Join(dir, "path", "to", "your"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, "path", "to", "your", "repository"), os.DirFS(filepath.Join(root, "e2e", "quickstart", "testdata", "old"))); err != nil {
		t.Fatal(err)
	}
	text, blocks := script(t, filepath.Join(dir, "docs", "quickstart.md"))
	if blocks < 7 {
		t.Fatalf("found %d blocks, want at least 7", blocks)
	}
	printed := run(t, dir, text)
	shows(t, printed, pictured(t, filepath.Join(dir, "docs", "demo.svg"))...)
	shows(t, printed,
		"exit code 1: denied",
		"kind: SealedSecret",                                   // rendered without a cluster
		"key: web.PROVIDER_TOKEN",                              // the variable that was a reference
		"demo: of 4 values in examples/values.yaml it shows 0", // from end to end
		"<vault:kv/shop/db#password>",                          // what a placeholder becomes
	)
	for _, made := range []string{"plugin.yaml", "policies", "install/kustomization.yaml"} {
		if _, err := os.Stat(filepath.Join(dir, "my-platform", made)); err != nil {
			t.Error(err)
		}
	}
}

// TestPipelineCommands runs those of docs/ci.md.
func TestPipelineCommands(t *testing.T) {
	_, dir := clone(t)
	text, blocks := script(t, filepath.Join(dir, "docs", "ci.md"))
	if blocks == 0 {
		t.Fatal("docs/ci.md has no command")
	}
	shows(t, run(t, dir, "make build >/dev/null\n"+text), "<testsuites", "0 denied")
}
