package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
)

// onTerminal runs a command line on a terminal on which somebody types, and
// returns what the terminal shows.
func onTerminal(t *testing.T, dir, typed, line string) (shown string, code int) {
	t.Helper()
	environ := installed(t)
	near, far := pseudoTerminal(t)
	cmd := exec.CommandContext(t.Context(), "bash", "-c", line)
	cmd.Dir, cmd.Env = dir, append(environ, "TERM=xterm", "NO_COLOR=")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = far, far, far
	output := make(chan string)
	go func() {
		// The last end of the terminal that is closed ends the reading.
		text, _ := io.ReadAll(near)
		output <- string(text)
	}()
	if _, err := near.WriteString(typed); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	far.Close()
	return strings.ReplaceAll(<-output, "\r\n", "\n"), cmd.ProcessState.ExitCode()
}

// TestInitAsksOnATerminal answers some questions and takes the defaults of the
// others, then looks at what was written with the doctor.
func TestInitAsksOnATerminal(t *testing.T) {
	dir := t.TempDir()
	shown, code := onTerminal(t, dir, "books\nlive\n\nbasic-security\nnone\n\n", "argocd-seal init new")
	if code != exitOK || !strings.Contains(shown, "Repositories of the team, as a pattern [https://git.example.com/books/*]: ") || !strings.Contains(shown, "Written to new:") {
		t.Fatalf("exit code %d:\n%s", code, shown)
	}
	file, err := config.Load(filepath.Join(dir, "new", "plugin.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(file.Seal.Environments) != 1 || file.Seal.Environments[0].Name != "live" || file.Seal.Vault.Address != "" {
		t.Errorf("written was %+v", file.Seal)
	}
	shown, code = onTerminal(t, filepath.Join(dir, "new"), "", "argocd-seal doctor")
	if code != exitOK || !strings.Contains(shown, "\x1b[32m✓\x1b[0m  policies live: basic-security") {
		t.Errorf("exit code %d:\n%s", code, shown)
	}
}

// Who ends the input instead of answering has changed nothing.
func TestInitIsLeft(t *testing.T) {
	dir := t.TempDir()
	shown, code := onTerminal(t, dir, "books\n\x04", "argocd-seal init new")
	if _, err := os.Stat(filepath.Join(dir, "new")); code != exitError || !strings.Contains(shown, "E_CANCELED") || err == nil {
		t.Errorf("exit code %d:\n%s", code, shown)
	}
}
