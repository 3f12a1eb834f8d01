package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// smallSpool is the smallest trail that the configuration takes.
var smallSpool = []string{"segmentSize: 2Mi", "maxSize: 4Mi"}

// fillSpool asks until the trail has no room for more, or has deleted lines.
func (s *sending) fillSpool(full func() bool) {
	s.t.Helper()
	const atOnce, most = 2000, 30
	for i := range most {
		flood(s.t, s.sidecar, fmt.Sprintf("fill-%d", i), atOnce)
		if full() {
			return
		}
	}
	s.t.Fatalf("%d events do not fill the trail", atOnce*most)
}

// refusedForRoom asks for a render, which must not fail for another reason than
// that the trail has no room.
func (s *sending) refusedForRoom() (refused bool) {
	s.t.Helper()
	err := render(s.t.Context(), s.sidecar, s.repository, "one-more")
	if err != nil && !strings.Contains(err.Error(), "E_AUDIT_FULL: ") {
		s.t.Fatal(err)
	}
	return err != nil
}

// TestRequiredSpoolThatIsFull expects renders to fail rather than lose a line that
// a sink has not sent, and to go on when the sink has.
func TestRequiredSpoolThatIsFull(t *testing.T) {
	hook := newWebhook(t)
	s := newSending(t, []receiver{hook}, append(smallSpool, "required: true")...)
	s.start()
	s.render("before")
	waitFor(t, s.audited, hook)
	hook.stop()
	s.fillSpool(s.refusedForRoom)
	if log := s.sidecar.Log(); !strings.Contains(log, "the reader archive still needs line") {
		t.Errorf("nobody is told which sink is behind:\n%s", log)
	}
	if got := s.metric(`argocd_seal_audit_events_total{result="failed"}`); got == 0 {
		t.Error("no metric says that events are missing")
	}
	hook.start()
	eventually(t, "renders go on", func() bool { return !s.refusedForRoom() })
	waitFor(t, s.audited, hook)
	if code, err := s.sidecar.Exit(); code != 0 || err != nil {
		t.Errorf("exit status %d, %v", code, err)
	}
	s.verify()
	wantLines(t, hook, s.lines())
	refused := 0
	for _, line := range hook.got() {
		if event := eventOf(t, line); event.Recovered != nil {
			refused += event.Recovered.Refused
		}
	}
	if refused == 0 {
		t.Error("the trail does not say how many events are missing")
	}
	t.Logf("the sink has all %d lines; %d events had no room, as the trail says", len(hook.got()), refused)
}

// TestSpoolThatDropsLines expects renders to go on where the trail is not
// required, and the trail and the log to say what a sink has lost.
func TestSpoolThatDropsLines(t *testing.T) {
	hook := newWebhook(t)
	s := newSending(t, []receiver{hook}, smallSpool...)
	s.start()
	s.render("before")
	waitFor(t, s.audited, hook)
	hook.stop()
	i := 0
	s.fillSpool(func() bool {
		i++
		s.render(fmt.Sprintf("beside-%d", i))
		return seqOf(t, s.lines()[0]) > 1
	})
	hook.start()
	waitFor(t, s.audited, hook)
	log := s.sidecar.Log()
	if code, err := s.sidecar.Exit(); code != 0 || err != nil {
		t.Errorf("exit status %d, %v", code, err)
	}
	waitFor(t, s.audited, hook)
	s.verify()
	s.wantLossNamed(hook, log)
}

// wantLossNamed holds what a receiver did not get against what the trail and the
// log say of it.
func (s *sending) wantLossNamed(hook *webhook, log string) {
	s.t.Helper()
	got := map[uint64]bool{}
	said := map[uint64]bool{}
	for _, line := range hook.got() {
		event := eventOf(s.t, line)
		got[event.Seq] = true
		if event.Removed == nil {
			continue
		}
		for _, missed := range event.Removed.Readers {
			for seq := missed.From; seq <= event.Removed.To && missed.Reader == "archive"; seq++ {
				said[seq] = true
			}
		}
	}
	var lost []uint64
	for seq := uint64(1); seq <= s.last(); seq++ {
		if !got[seq] {
			lost = append(lost, seq)
		}
	}
	for _, seq := range lost {
		if !said[seq] {
			s.t.Fatalf("line %d did not arrive, and the trail does not say that it is lost", seq)
		}
	}
	logged := regexp.MustCompile(`"E_AUDIT_LOST","from":(\d+),.*"lines":(\d+),.*"sink":"archive",.*"to":(\d+)}`).FindStringSubmatch(log)
	if len(lost) == 0 || logged == nil || logged[2] != strconv.Itoa(len(lost)) || logged[1] != fmt.Sprint(lost[0]) || logged[3] != fmt.Sprint(lost[len(lost)-1]) {
		s.t.Errorf("%d lines are lost, and the log says %q", len(lost), logged)
	}
	s.t.Logf("%d of %d lines did not arrive; the trail names them and %d that did all the same", len(lost), s.last(), len(said)-len(lost))
}

// TestFullDisk expects a sidecar on a full disk to refuse renders, to go on
// sending, and to go on rendering when there is room.
func TestFullDisk(t *testing.T) {
	hook := newWebhook(t)
	s := newSending(t, []receiver{hook}, "required: true")
	must(t, os.Mkdir(s.trail, 0o700))
	if err := syscall.Mount("tmpfs", s.trail, "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("this user cannot mount a small disk (%v); the tests of audit/trail ask the same with a limit of the process", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(s.trail, syscall.MNT_DETACH) })
	ballast := filepath.Join(s.trail, "ballast")
	must(t, os.WriteFile(ballast, make([]byte, 1<<20), 0o600))
	s.start()
	s.fillSpool(s.refusedForRoom)
	waitFor(t, s.audited, hook)
	s.verify()
	must(t, os.Remove(ballast))
	s.render("room")
	waitFor(t, s.audited, hook)
	if code, err := s.sidecar.Exit(); code != 0 || err != nil {
		t.Errorf("exit status %d, %v", code, err)
	}
	waitFor(t, s.audited, hook)
	s.verify()
	wantLines(t, hook, s.lines())
	refused := 0
	for _, event := range s.events() {
		if event.Recovered != nil {
			refused += event.Recovered.Refused
		}
	}
	if refused == 0 {
		t.Error("the trail does not say how many events are missing")
	}
	t.Logf("%d lines; %d events had no room, as the trail says", len(s.lines()), refused)
}
