package trail_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/chain"
	"github.com/argocd-seal/argocd-seal-plugin/audit/trail"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// The variables that turn the test binary into a program under test.
const (
	childDir = "TRAIL_TEST_DIR"
	childRun = "TRAIL_TEST_RUN"
)

func TestMain(m *testing.M) {
	switch dir := os.Getenv(childDir); os.Getenv(childRun) {
	case "load":
		load(dir)
	case "open":
		openOnly(dir)
	case "limit":
		reachLimit(dir)
	default:
		os.Exit(m.Run())
	}
}

// child starts this program again.
func child(t *testing.T, run, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childRun+"="+run, childDir+"="+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

// load appends for ever and prints the id of each event once it is acknowledged.
// Every eighth is large, so that some writes are cut in the middle.
func load(dir string) {
	o := options(dir)
	o.SegmentSize, o.MaxSize, o.CheckpointEvents = 1<<20, 1<<30, 20
	opened, err := trail.Open(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var wait sync.WaitGroup
	for g := range 8 {
		wait.Go(func() {
			for i := 0; ; i++ {
				one := event(fmt.Sprintf("%d/%d/%d", os.Getpid(), g, i))
				if i%8 == 0 {
					one.Message = strings.Repeat("x", 200_000)
				}
				if _, err := opened.Append(context.Background(), one); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				// One write for each line: lines of several goroutines do not mix.
				_, _ = os.Stdout.WriteString(one.ID + "\n")
			}
		})
	}
	wait.Wait()
}

func TestNothingAcknowledgedIsLostByKill(t *testing.T) {
	dir := t.TempDir()
	acknowledged := map[string]bool{}
	const kills = 50
	for range kills {
		cmd := child(t, "load", dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ids := bufio.NewScanner(out)
		for seen := 0; ids.Scan(); seen++ {
			acknowledged[ids.Text()] = true
			if seen == 40 {
				_ = cmd.Process.Signal(syscall.SIGKILL)
			}
		}
		if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("the child ended with %v", err)
		}
	}
	shut(t, open(t, options(dir)))
	report := proved(t, dir)
	all := records(t, dir)
	present := map[string]bool{}
	var torn int64
	for _, r := range all {
		present[r.ID] = true
		if r.Recovered != nil {
			torn += r.Recovered.TornBytes
		}
	}
	for id := range acknowledged {
		if !present[id] {
			t.Errorf("%s was acknowledged and is not there", id)
		}
	}
	if len(acknowledged) < kills*40 || len(ofType(all, audit.Recovery)) == 0 {
		t.Errorf("%d acknowledged, %d recoveries", len(acknowledged), len(ofType(all, audit.Recovery)))
	}
	t.Logf("%d kills, %d events acknowledged, %d lines, %d recoveries, %d torn bytes cut off",
		kills, len(acknowledged), report.Lines, len(ofType(all, audit.Recovery)), torn)
}

// openOnly tries to become the second writer.
func openOnly(dir string) {
	_, err := trail.Open(options(dir))
	fmt.Println(err)
	os.Exit(0)
}

func TestASecondWriterIsRefused(t *testing.T) {
	dir := t.TempDir()
	opened := open(t, options(dir))
	add(t, opened, "1")
	_, err := trail.Open(options(dir))
	wantCode(t, err, fault.Audit)
	out, err := child(t, "open", dir).Output()
	if err != nil || !strings.HasPrefix(string(out), "E_AUDIT: another process writes the audit trail in "+dir) {
		t.Errorf("%v: %s", err, out)
	}
	shut(t, opened)
	shut(t, open(t, options(dir)))
	proved(t, dir)
}

// Whatever byte the last write ended at, the next start cuts the line off, says
// so, and goes on.
func TestATornLineIsCutOffAndRecorded(t *testing.T) {
	dir := t.TempDir()
	opened := open(t, options(dir))
	add(t, opened, "1")
	add(t, opened, "2")
	shut(t, opened)
	content, err := os.ReadFile(lastSegment(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	whole := bytes.LastIndexByte(content[:len(content)-1], '\n') + 1
	tails := map[string][]byte{"zeros": make([]byte, 4096)}
	for size := 1; size < len(content)-whole; size += 37 {
		tails[strconv.Itoa(size)] = content[whole : whole+size]
	}
	for name, tail := range tails {
		dir := t.TempDir()
		path := filepath.Join(dir, chain.SegmentName(1))
		if err := os.WriteFile(path, append(bytes.Clone(content[:whole]), tail...), 0o600); err != nil {
			t.Fatal(err)
		}
		reopened := open(t, options(dir))
		add(t, reopened, "3")
		shut(t, reopened)
		proved(t, dir)
		recoveries := ofType(records(t, dir), audit.Recovery)
		if len(recoveries) != 1 || recoveries[0].Recovered == nil || recoveries[0].Recovered.TornBytes != int64(len(tail)) ||
			recoveries[0].Recovered.Unsigned != 1 || recoveries[0].Message == "" {
			t.Errorf("%s: %+v", name, recoveries)
		}
	}
}

func TestATornFirstLineLeavesTheTrailAtItsBeginning(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, chain.SegmentName(1)), []byte(`{"seq":1,"prev":"00`), 0o600); err != nil {
		t.Fatal(err)
	}
	opened := open(t, options(dir))
	if seq := add(t, opened, "1"); seq != 3 { // behind the recovery and its checkpoint
		t.Errorf("seq %d", seq)
	}
	shut(t, opened)
	proved(t, dir)
}

func TestAnEmptySegmentIsNoDamage(t *testing.T) {
	dir := t.TempDir()
	opened := open(t, options(dir))
	add(t, opened, "1")
	shut(t, opened)
	if err := os.WriteFile(filepath.Join(dir, chain.SegmentName(7)), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	reopened := open(t, options(dir))
	if seq := add(t, reopened, "2"); seq != 3 {
		t.Errorf("seq %d", seq)
	}
	shut(t, reopened)
	proved(t, dir)
}

// A writer never continues a chain that it cannot follow, so that a change is not
// signed for good.
func TestADamagedTrailIsNotContinued(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{
		"edited": func(b []byte) []byte { return bytes.Replace(b, []byte(`"id":"3"`), []byte(`"id":"4"`), 1) },
		"line gone": func(b []byte) []byte {
			return bytes.Join(append(bytes.SplitAfter(b, []byte("\n"))[:2], bytes.SplitAfter(b, []byte("\n"))[3:]...), nil)
		},
		"not a line":  func(b []byte) []byte { return append(b, "{}\n"...) },
		"first gone":  func(b []byte) []byte { return b[bytes.IndexByte(b, '\n')+1:] },
		"endless":     func(b []byte) []byte { return append(append(b, bytes.Repeat([]byte("x"), 3<<20)...), '\n') },
		"other start": func(b []byte) []byte { return bytes.Replace(b, []byte(`"prev":"00`), []byte(`"prev":"01`), 1) },
	} {
		dir := t.TempDir()
		opened := open(t, options(dir))
		for i := range 6 {
			add(t, opened, strconv.Itoa(i))
		}
		shut(t, opened)
		path := lastSegment(t, dir)
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, change(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := trail.Open(options(dir)); fault.CodeOf(err) != fault.Audit || !strings.Contains(err.Error(), "argocd-seal audit verify") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What goes to a file that is gone would be acknowledged and lost.
func TestAFileThatSomebodyTouchesIsNotWritten(t *testing.T) {
	for name, touch := range map[string]func(path string) error{
		"deleted": os.Remove,
		"cut":     func(path string) error { return os.Truncate(path, 10) },
		"longer":  func(path string) error { return os.Truncate(path, 100_000) },
	} {
		dir := t.TempDir()
		opened := open(t, options(dir))
		add(t, opened, "1")
		if err := touch(lastSegment(t, dir)); err != nil {
			t.Fatal(err)
		}
		if _, err := opened.Append(t.Context(), event("2")); fault.CodeOf(err) != fault.Audit || !strings.Contains(err.Error(), "somebody") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
