package trail_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/trail"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// fill appends until there is no room, and returns how many events were written.
func fill(ctx context.Context, opened *trail.Trail) (int, error) {
	for i := 0; ; i++ {
		one := event(fmt.Sprintf("fill/%d", i))
		one.Message = strings.Repeat("x", 3000)
		if _, err := opened.Append(ctx, one); err != nil {
			return i, err
		}
	}
}

func TestAFullDiskStopsTheTrailAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=512k"); err != nil {
		t.Skipf("this user cannot mount a small disk (%v); TestAFileThatCannotGrow asks the same with a limit of the process", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 128<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	opened := open(t, options(dir))
	written, err := fill(t.Context(), opened)
	wantCode(t, err, fault.AuditFull)
	if strings.Contains(err.Error(), dir) || written < 20 {
		t.Errorf("%d written, then %v", written, err)
	}
	for range 5 {
		_, err := opened.Append(t.Context(), audit.Event{Type: audit.Render, Message: strings.Repeat("x", 20_000)})
		wantCode(t, err, fault.AuditFull)
	}
	if report := proved(t, dir); report.Last != opened.Last() {
		t.Errorf("the file ends with line %d, the trail with %d", report.Last, opened.Last())
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	add(t, opened, "room")
	shut(t, opened)
	all := records(t, dir)
	recoveries := ofType(all, audit.Recovery)
	if len(recoveries) != 1 || recoveries[0].Recovered.Refused != 6 {
		t.Errorf("%+v", recoveries)
	}
	if renders := ofType(all, audit.Render); len(renders) != written+1 || renders[written].ID != "room" {
		t.Errorf("%d renders for %d written", len(renders), written)
	}
	proved(t, dir)
}

// reachLimit fills a trail whose file may not grow beyond a limit, raises it, and
// goes on.
func reachLimit(dir string) {
	if err := limitAndGoOn(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func limitAndGoOn(dir string) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	before := limit.Cur
	limit.Cur = 100_000
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	opened, err := trail.Open(options(dir))
	if err != nil {
		return err
	}
	written, err := fill(context.Background(), opened)
	if fault.CodeOf(err) != fault.AuditFull {
		return fmt.Errorf("after %d events: %w", written, err)
	}
	limit.Cur = before
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	if _, err := opened.Append(context.Background(), event("room")); err != nil {
		return err
	}
	return opened.Close()
}

func TestAFileThatCannotGrow(t *testing.T) {
	dir := t.TempDir()
	cmd := child(t, "limit", dir)
	cmd.Stdout = io.Discard
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	recoveries := ofType(records(t, dir), audit.Recovery)
	if len(recoveries) != 1 || recoveries[0].Recovered.Refused != 1 {
		t.Errorf("%+v", recoveries)
	}
	proved(t, dir)
}
