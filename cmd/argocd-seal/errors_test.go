package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault/example"
)

var update = flag.Bool("update", false, "write what commands print now into the examples of error codes")

const exampleFiles = "../../internal/fault/example/codes/"

// reached is one example at work.
type reached struct {
	*testing.T
	example.Example
}

// setups do what files and a command line alone cannot, and return what was
// shown. Every other example is its command.
var setups = map[fault.Code]func(reached) string{
	fault.Stream: reached.cutShort, fault.ArchivePath: reached.climbs, fault.ArchiveType: reached.hardLink,
	fault.ArchiveDup: reached.twice, fault.EnvDup: reached.namedTwice, fault.ArchiveLink: reached.linksOut,
	fault.YAMLEnc: reached.latin1, fault.Seal: reached.pinned, fault.VaultDynamic: reached.database, fault.Vault: reached.refused,
	fault.Busy: reached.busy, fault.Canceled: reached.canceled,
	fault.ImageSignature: reached.unsigned, fault.ImageAttestation: reached.unattested, fault.ImageVulnerable: reached.vulnerable,
	fault.Sandbox: reached.oldKernel, fault.Internal: reached.noDescriptors,
	fault.Audit: reached.noKey, fault.AuditFull: reached.trailFull, fault.AuditSink: reached.sinkAway, fault.AuditLost: reached.linesLost,
}

// TestEveryCodeIsReached runs the example of every code and expects the product
// to show exactly what docs/errors.md says: a code that nothing gives has no
// example, and fails. Outputs are written anew with -update.
func TestEveryCodeIsReached(t *testing.T) {
	files, err := filepath.Abs(exampleFiles)
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("ARGOCD_SEAL_SERVERS") == "" { // the examples run elsewhere
		servers, err := filepath.Abs("../../.cache/servers")
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("ARGOCD_SEAL_SERVERS", servers)
	}
	for _, m := range fault.Codes() {
		t.Run(string(m.Code), func(t *testing.T) {
			shown, err := example.Of(m.Code)
			if err != nil {
				t.Fatal(err)
			}
			t.Chdir(t.TempDir())
			// Paths are shown from the root of the repository.
			write(t, ".git/HEAD", "", 0o600)
			for _, file := range shown.Files {
				write(t, file.Name, string(file.Data), 0o600)
			}
			run := setups[m.Code]
			if run == nil {
				run = reached.command
			}
			got, want := run(reached{t, shown}), shown.Output+shown.Log
			if !regexp.MustCompile(`\b` + string(m.Code) + `\b`).MatchString(got) {
				t.Fatalf("the code is not in what is shown:\n%s", got)
			}
			if *update {
				rewrite(t, filepath.Join(files, string(m.Code)+".txtar"), want, got)
			} else if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s %s (-docs +now):\n%s", m.Code, shown.Command, diff)
			}
		})
	}
}

// TestEveryExampleHasACode finds examples that were left behind.
func TestEveryExampleHasACode(t *testing.T) {
	files, err := filepath.Glob(exampleFiles + "*")
	if err != nil || len(files) != len(fault.Codes()) {
		t.Errorf("there are %d files for %d codes (%v)", len(files), len(fault.Codes()), err)
	}
}

func write(t *testing.T, name, content string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

// rewrite puts what is shown now into the place of what was shown, which is the
// last part of the file.
func rewrite(t *testing.T, name, was, now string) {
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	kept, found := strings.CutSuffix(string(content), was)
	if !found {
		t.Fatalf("%s does not end with what it shows", name)
	}
	if err := os.WriteFile(name, []byte(kept+now), 0o644); err != nil {
		t.Fatal(err)
	}
}

var (
	logTime = regexp.MustCompile(`time="[^"]*"`)
	// logLines are lines of the log, which have times and process ids in them.
	logLines = regexp.MustCompile(`(?m)^(time=.*\n)+`)
)

// command runs the example's command line as if a person looked at it in a
// terminal without colors.
func (r reached) command() string {
	r.Helper()
	var shown bytes.Buffer
	words := words(strings.TrimPrefix(r.Command, "argocd-seal "))
	code := runAt(screen{person: true, style: fault.Style{Width: pipeWidth}}, words, strings.NewReader(""), &shown, &shown)
	warns := r.Code == fault.KubeVersion || r.Code == fault.ObjectDup
	if (code == exitOK) != warns {
		r.Errorf("%s exits with %d", r.Command, code)
	}
	if r.Code == fault.ObjectDup { // which is in the log alone
		return logTime.ReplaceAllString(shown.String(), `time="2026-11-28T09:00:00Z"`)
	}
	return logLines.ReplaceAllString(shown.String(), "...\n")
}
