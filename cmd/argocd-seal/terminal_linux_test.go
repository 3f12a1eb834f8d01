package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// pseudoTerminal returns both ends of a terminal with 60 columns.
func pseudoTerminal(t *testing.T) (near, far *os.File) {
	t.Helper()
	near, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("there are no pseudo terminals here: %v", err)
	}
	t.Cleanup(func() { near.Close() })
	number, err := unix.IoctlGetInt(int(near.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(near.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	if far, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	if err := unix.IoctlSetWinsize(int(far.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 60}); err != nil {
		t.Fatal(err)
	}
	return near, far
}

// TestTerminal runs check on a terminal: it is colored unless NO_COLOR is set,
// and keeps to the width.
func TestTerminal(t *testing.T) {
	environ := installed(t)
	dir := pipelineRepository(t, true)
	for name, noColor := range map[string]bool{"colored": false, "NO_COLOR": true} {
		t.Run(name, func(t *testing.T) {
			near, far := pseudoTerminal(t)
			cmd := exec.CommandContext(t.Context(), "bash", "-c", "argocd-seal check . --level production-security")
			cmd.Dir, cmd.Env = dir, append(environ, "TERM=xterm", "NO_COLOR=")
			if noColor {
				cmd.Env = append(cmd.Env, "NO_COLOR=1")
			}
			cmd.Stdout = far
			output := make(chan string)
			go func() {
				// The last end of the terminal that is closed ends the reading.
				text, _ := io.ReadAll(near)
				output <- string(text)
			}()
			if err := cmd.Run(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != exitDenied {
				t.Fatalf("ended with %v", err)
			}
			far.Close()
			text := <-output
			if colored := strings.Contains(text, "\x1b[31mdeny"); colored == noColor {
				t.Errorf("colored: %v, want %v:\n%s", colored, !noColor, text)
			}
			if noColor && strings.Contains(text, "\x1b") {
				t.Errorf("an escape sequence in:\n%q", text)
			}
			for line := range strings.Lines(text) {
				if line = strings.TrimRight(line, "\r\n"); noColor && len(line) > 60 && !strings.Contains(line, "[") {
					t.Errorf("%d characters: %s", len(line), line)
				}
			}
		})
	}
}
