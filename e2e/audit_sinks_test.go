package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// sending is a sidecar whose trail goes to receivers.
type sending struct {
	*audited
	plugin     harness.Plugin
	sidecar    *harness.Sidecar
	repository string
	receivers  []receiver
	// stdout takes what is printed; nil leaves it with the log.
	stdout  *printed
	metrics string
}

func newSending(t *testing.T, receivers []receiver, more ...string) *sending {
	t.Helper()
	s := &sending{audited: newAudited(t), repository: shopRepository(t), receivers: receivers, metrics: freeAddress(t)}
	sinks := make([]string, len(receivers))
	for i, to := range receivers {
		sinks[i] = to.section()
	}
	s.plugin = s.audited.plugin(append(more, "instance: repo-server-0", "sinks: ["+strings.Join(sinks, ", ")+"]")...)
	s.plugin.Seal += "telemetry: {address: \"" + s.metrics + "\"}\n"
	return s
}

// freeAddress is one that nobody listens at.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, listener.Close())
	return listener.Addr().String()
}

// start starts the sidecar anew on the same trail.
func (s *sending) start() {
	if s.stdout != nil {
		s.plugin.Stdout = s.stdout.next()
	}
	s.sidecar = s.serve(s.plugin)
}

// render renders an application and returns how long that took.
func (s *sending) render(app string) time.Duration {
	s.t.Helper()
	began := time.Now()
	must(s.t, render(s.t.Context(), s.sidecar, s.repository, app))
	return time.Since(began)
}

// metric is the value of a series, by its name and labels.
func (s *sending) metric(series string) float64 {
	s.t.Helper()
	answer, err := http.Get("http://" + s.metrics + "/metrics")
	must(s.t, err)
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	must(s.t, err)
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(series) + ` (\S+)$`).FindStringSubmatch(string(text))
	if found == nil {
		s.t.Fatalf("there is no metric %s", series)
	}
	value, err := strconv.ParseFloat(found[1], 64)
	must(s.t, err)
	return value
}

// TestSinksGetTheWholeTrail sends the trail of one sidecar to a Fluent Forward
// receiver, to rsyslog, to a webhook and to standard output. Receivers go away one
// at a time, and all for an hour of events; a sidecar is killed while it sends.
func TestSinksGetTheWholeTrail(t *testing.T) {
	hour := number(t, "ARGOCD_SEAL_EVENTS", 36_000)
	syslog, hook := newRsyslog(t), newWebhook(t)
	s := newSending(t, []receiver{newFluent(t), syslog, hook}, "required: true", "stdout: true", "checkpoint: {interval: 1h}")
	s.stdout = &printed{t: t, dir: t.TempDir()}
	s.start()

	for i := range 10 {
		s.render(fmt.Sprintf("at-once-%d", i))
	}
	waitFor(t, s.audited, s.receivers...)
	s.oneIsAway()
	s.anHourIsMissing(hour)
	s.isSlow(hook)
	s.killedWhileItSends(hook)

	if code, err := s.sidecar.Exit(); code != 0 || err != nil {
		t.Errorf("exit status %d, %v", code, err)
	}
	s.verify()
	waitFor(t, s.audited, s.receivers...) // rsyslog writes after it has taken
	trail := s.lines()
	for _, to := range append(s.receivers, s.stdout) {
		again := wantLines(t, to, trail)
		t.Logf("%T has the %d lines of the trail in order, %d of them more than once", to, len(trail), again)
		if to == receiver(hook) && again == 0 {
			t.Error("no line came twice: nothing was under way when the sidecar was killed")
		}
	}
	s.proveFrom(syslog.raw())
}

// proveFrom proves what rsyslog has kept, with the command of the guide.
func (s *sending) proveFrom(file string) {
	s.t.Helper()
	guide, err := os.ReadFile("../docs/audit-sinks.md")
	must(s.t, err)
	line := regexp.MustCompile(`(?m)^awk .*verify - --key audit\.pub$`).FindString(string(guide))
	seal, err := harness.Seal.Path()
	must(s.t, err)
	line = strings.NewReplacer("repo-server-0.jsonl", file, "argocd-seal", seal, "audit.pub", s.public).Replace(line)
	out, err := exec.CommandContext(s.t.Context(), "sh", "-c", line).CombinedOutput()
	if want := fmt.Sprintf("signed          lines 1 to %d\n", s.last()); err != nil || !strings.Contains(string(out), want) {
		s.t.Errorf("%v: %s should say %q:\n%s", err, line, want, out)
	}
}

// oneIsAway takes each receiver away in turn: the others get what is new.
func (s *sending) oneIsAway() {
	s.t.Helper()
	for i, away := range s.receivers {
		away.stop()
		before := away.last()
		others := slices.Delete(slices.Clone(s.receivers), i, i+1)
		for j := range 3 {
			s.render(fmt.Sprintf("away-%d-%d", i, j))
			waitFor(s.t, s.audited, others...)
		}
		if away.last() != before {
			s.t.Errorf("%T was not away", away)
		}
		away.start()
		waitFor(s.t, s.audited, away)
	}
}

// anHourIsMissing takes all receivers away for as many events as an hour has with
// ten in a second. Nearly all are of requests that are refused at once: rendering
// as many would take half an hour. Renders go on beside them.
func (s *sending) anHourIsMissing(events int) {
	s.t.Helper()
	for _, to := range s.receivers {
		to.stop()
	}
	before, _, err := s.sidecar.Memory()
	must(s.t, err)
	began := time.Now()
	renders := s.beside(func() { flood(s.t, s.sidecar, "refused", events) })
	flooded := time.Since(began)
	for _, name := range []string{"fluent", "syslog", "archive"} {
		if behind := s.metric(`argocd_seal_audit_sink_lines_behind{sink="` + name + `"}`); behind < float64(events) {
			s.t.Errorf("the metric says that %s is %.0f lines behind, want %d or more", name, behind, events)
		}
	}
	after, _, err := s.sidecar.Memory()
	must(s.t, err)
	for _, to := range s.receivers {
		to.start()
	}
	began = time.Now()
	waitFor(s.t, s.audited, s.receivers...)
	_, most, err := s.sidecar.Memory()
	must(s.t, err)
	size := len(strings.Join(s.lines(), "\n"))
	s.t.Logf("%d events and %d renders in %s while all receivers were away, %d MB of trail; %s after they were back they had all; resident memory %d MB before, %d MB after, %d MB at most",
		events, renders, flooded.Round(time.Second), size>>20, time.Since(began).Round(time.Second), before>>20, after>>20, most>>20)
	// Each sink holds a batch of a megabyte in some forms, and the rest waits on
	// disk. Three spools in memory would be much more than that.
	if limit := int64(192 << 20); most > limit {
		s.t.Errorf("%d bytes were resident, want %d at most", most, limit)
	}
}

// beside renders all the time that something takes, and returns how often. None of
// the renders may fail.
func (s *sending) beside(something func()) (renders int) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan error, 1)
	go func() {
		var err error
		for ; ctx.Err() == nil && err == nil; renders++ {
			err = render(context.WithoutCancel(ctx), s.sidecar, s.repository, fmt.Sprintf("beside-%d", renders))
		}
		done <- err
	}()
	something()
	cancel()
	must(s.t, <-done)
	return renders
}

// isSlow lets a receiver take a second for each batch, and then for ever: renders
// are answered meanwhile. It measures in turns, since machines are busy or not.
func (s *sending) isSlow(hook *webhook) {
	s.t.Helper()
	const turns, renders = 4, 5
	times, waited := map[string][]time.Duration{}, map[string]float64{}
	for turn := range turns {
		release := make(chan struct{})
		for how, wait := range map[string]func(){"at once": nil, "in a second": func() { time.Sleep(time.Second) }, "never": func() { <-release }} {
			hook.behave(wait, nil)
			before := s.metric(`argocd_seal_stage_duration_seconds_sum{stage="audit"}`)
			for i := range renders {
				times[how] = append(times[how], s.render(fmt.Sprintf("slow-%d-%s-%d", turn, how, i)))
			}
			waited[how] += s.metric(`argocd_seal_stage_duration_seconds_sum{stage="audit"}`) - before
			if how == "never" && hook.last() >= s.last() {
				s.t.Error("the receiver was not slow")
			}
			hook.behave(nil, nil)
			if how == "never" {
				close(release)
			}
			waitFor(s.t, s.audited, hook)
		}
	}
	for how, all := range times {
		slices.Sort(all)
		s.t.Logf("a receiver answers %s: the median of %d renders is %s, and each waits %.2f ms for the trail", how, len(all),
			all[len(all)/2].Round(time.Millisecond), 1000*waited[how]/float64(len(all)))
	}
}

// killedWhileItSends kills the sidecar when a receiver has taken lines and has not
// said so yet: they come again.
func (s *sending) killedWhileItSends(hook *webhook) {
	s.t.Helper()
	for i := range 3 {
		taken, release := make(chan struct{}, 100), make(chan struct{})
		hook.behave(nil, func() { taken <- struct{}{}; <-release })
		flood(s.t, s.sidecar, fmt.Sprintf("killed-%d", i), 1500)
		<-taken
		killed(s.t, s.sidecar)
		hook.behave(nil, nil)
		close(release)
		s.start()
	}
	waitFor(s.t, s.audited, s.receivers...)
}
