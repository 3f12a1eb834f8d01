package runbooks

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// page is a runbook whose commands are run one block after the other.
type page struct {
	name   string
	blocks []string
	done   int
	desk   *desk
}

// open reads the blocks of a runbook that are marked as sh, in its order, and
// expects at the end of the test that all of them were run.
func (d *desk) open(t *testing.T, name string) *page {
	t.Helper()
	root, err := harness.Root()
	must(t, err)
	text, err := os.ReadFile(filepath.Join(root, "docs", "runbooks", name))
	must(t, err)
	p := &page{name: name, blocks: blocks(string(text)), desk: d}
	t.Cleanup(func() {
		if !t.Failed() && p.done != len(p.blocks) {
			t.Errorf("%s: %d of %d blocks of commands were run", name, p.done, len(p.blocks))
		}
	})
	return p
}

// blocks returns what stands between ```sh and ```, without the indentation that
// a block has in a list.
func blocks(text string) []string {
	var found []string
	var block strings.Builder
	inside, indent := false, ""
	for line := range strings.Lines(text) {
		before, fence, fenced := strings.Cut(line, "```")
		fenced = fenced && strings.TrimSpace(before) == ""
		switch {
		case fenced && inside:
			found = append(found, block.String())
			inside = false
			block.Reset()
		case fenced && fence == "sh\n":
			inside, indent = true, before
		case inside:
			block.WriteString(strings.TrimPrefix(line, indent))
		}
	}
	return found
}

// run runs the next block, which must hold a text so that a change of the page
// that moves its steps is noticed, and returns what it prints. Variables stay
// from one block to the next, as in the shell of whoever types them.
func (p *page) run(t *testing.T, holds string) string {
	t.Helper()
	if p.done == len(p.blocks) {
		t.Fatalf("%s has no more blocks; want one with %q", p.name, holds)
	}
	block := p.blocks[p.done]
	p.done++
	if !strings.Contains(block, holds) {
		t.Fatalf("%s: block %d has no %q:\n%s", p.name, p.done, holds, block)
	}
	script := "set -a; touch .variables; source .variables\n" + block + "\nexport -p | grep -v 'SHLVL\\|OLDPWD' > .variables\n"
	command := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script)
	command.Dir, command.Env = p.desk.dir, p.desk.env
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: block %d: %v\n%s\n%s", p.name, p.done, err, block, output)
	}
	return string(output)
}

// shows expects parts in what a block has printed.
func shows(t *testing.T, output string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(output, part) {
			t.Errorf("there is no %q in\n%s", part, output)
		}
	}
}
