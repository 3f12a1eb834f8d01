package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// number is a count of a test that an environment variable may change, for longer
// and shorter runs.
func number(t *testing.T, variable string, usual int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return usual
	}
	count, err := strconv.Atoi(text)
	must(t, err)
	return count
}

// command runs argocd-seal as a user does.
func command(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	path, err := harness.Seal.Path()
	must(t, err)
	var out, errs bytes.Buffer
	run := exec.CommandContext(t.Context(), path, args...)
	run.Stdout, run.Stderr = &out, &errs
	if err := run.Run(); err != nil && run.ProcessState == nil {
		t.Fatal(err)
	}
	return run.ProcessState.ExitCode(), out.String(), errs.String()
}

// audited is a place for the trail of one sidecar, with its keys.
type audited struct {
	t                           *testing.T
	dir, trail, private, public string
}

func newAudited(t *testing.T) *audited {
	t.Helper()
	harness.Need(t, harness.Seal)
	dir := t.TempDir()
	a := &audited{t, dir, filepath.Join(dir, "trail"), filepath.Join(dir, "audit.key"), filepath.Join(dir, "audit.pub")}
	if code, _, stderr := command(t, "audit", "key", a.private, a.public); code != 0 {
		t.Fatal(stderr)
	}
	return a
}

// plugin serves with an audit trail; more are further lines of its section.
func (a *audited) plugin(more ...string) harness.Plugin {
	plugin := harness.Plugin{Name: "argocd-seal", Version: "v1.0"}
	lines := append([]string{"audit:", "directory: " + a.trail, "key: " + a.private}, more...)
	plugin.Seal = strings.Join(lines, "\n  ") + "\n"
	return plugin
}

// serve starts a sidecar on the sockets of the one before.
func (a *audited) serve(plugin harness.Plugin) *harness.Sidecar {
	a.t.Helper()
	return harness.NewSidecar(a.t, a.dir, plugin)
}

// verify proves the trail as a user does.
func (a *audited) verify() string {
	a.t.Helper()
	code, stdout, stderr := command(a.t, "audit", "verify", a.trail, "--key", a.public)
	if code != 0 {
		a.t.Fatalf("exit status %d\n%s%s", code, stdout, stderr)
	}
	return stdout
}

// auditEvent is what the tests look at in a line of a trail.
type auditEvent struct {
	Seq       uint64
	Type      string
	App       string
	Outcome   string
	Recovered *struct {
		TornBytes, Unsigned, Refused int
	}
	Removed *struct {
		From, To uint64
		Readers  []struct {
			Reader string
			From   uint64
		}
	}
}

// files are the trail's, in order.
func (a *audited) files() []string {
	a.t.Helper()
	files, err := filepath.Glob(filepath.Join(a.trail, "trail-*.jsonl"))
	must(a.t, err)
	slices.Sort(files)
	return files
}

// lines are all that the trail has, without their line feeds.
func (a *audited) lines() []string {
	a.t.Helper()
	var lines []string
	for _, file := range a.files() {
		content, err := os.ReadFile(file)
		must(a.t, err)
		if len(content) > 0 {
			lines = append(lines, strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")...)
		}
	}
	return lines
}

func (a *audited) events() []auditEvent {
	a.t.Helper()
	var events []auditEvent
	for _, line := range a.lines() {
		events = append(events, eventOf(a.t, line))
	}
	return events
}

func eventOf(t *testing.T, line string) (event auditEvent) {
	t.Helper()
	if err := json.Unmarshal([]byte(line), &event); err != nil {
		t.Fatalf("%.300q is no line of a trail: %v", line, err)
	}
	return event
}

// last is the seq at the trail's end, which may be written just now.
func (a *audited) last() uint64 {
	a.t.Helper()
	files := a.files()
	for _, file := range slices.Backward(files) {
		if seq := lastSeq(a.t, file); seq > 0 {
			return seq
		}
	}
	return 0
}

// lastSeq is the seq of the last whole line of a file, 0 where it has none.
func lastSeq(t *testing.T, name string) uint64 {
	t.Helper()
	file, err := os.Open(name)
	if os.IsNotExist(err) {
		return 0
	}
	must(t, err)
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	must(t, err)
	const enough = 64 << 10
	content, err := io.ReadAll(io.NewSectionReader(file, max(0, info.Size()-enough), enough))
	must(t, err)
	whole := content[:bytes.LastIndexByte(content, '\n')+1]
	if len(whole) == 0 {
		return 0
	}
	whole = whole[:len(whole)-1]
	return seqOf(t, string(whole[bytes.LastIndexByte(whole, '\n')+1:]))
}

// seqOf is that of a line of the trail, or of what a Fluent receiver made of one.
func seqOf(t *testing.T, line string) uint64 {
	t.Helper()
	var either struct {
		Seq    uint64
		Record struct{ Seq uint64 }
	}
	if err := json.Unmarshal([]byte(line), &either); err != nil {
		t.Fatalf("%.300q: %v", line, err)
	}
	return max(either.Seq, either.Record.Seq)
}

// flood leaves so many events of applications NAME-1 and so on.
func flood(t *testing.T, sidecar *harness.Sidecar, name string, count int) {
	t.Helper()
	must(t, sidecar.Flood(t.Context(), count, "E_STREAM", func(number int) []string {
		return identity(fmt.Sprintf("%s-%d", name, number), "https://git.example.com/shop.git")
	}))
}

// shopRepository has an application in app, and one in bad that cannot be
// rendered.
func shopRepository(t *testing.T) string {
	t.Helper()
	return writeFiles(t, harness.Files{"app/pod.yaml": pod, "bad/pod.yaml": "kind: Pod\n"})
}

// render renders the application of [shopRepository] under a name of its own.
func render(ctx context.Context, sidecar *harness.Sidecar, repository, app string) error {
	_, err := sidecar.Generate(ctx, repository, "app", identity(app, "https://git.example.com/shop.git")...)
	return err
}
