package telemetry

import (
	"context"
	"sync"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// Mode says when a failing check makes the process not ready.
type Mode string

const (
	// Startup is the default. The process is not ready until every check has
	// passed at the same time once, and waits for that no longer than it is told.
	// Later only draining makes it not ready: the sidecar shares a Pod with the
	// repo-server, so that one which is not ready takes the repo-server away from
	// every application, with secrets or without, and what fails here (Vault, a
	// registry of policies) fails on all replicas at once.
	Startup Mode = "startup"
	// Strict makes any failing check count at any time.
	Strict Mode = "strict"
)

// Health decides whether the process is ready. It is safe for concurrent use.
type Health struct {
	mode Mode
	wait time.Duration
	look func(now time.Time) []Check
	now  func() time.Time

	mu       sync.Mutex
	began    time.Time
	states   map[string]state
	passed   bool
	draining bool
}

// state is what a check last said, and since when it says so.
type state struct {
	code  fault.Code
	since time.Time
}

// newHealth returns one that asks look. wait is how long [Startup] waits for all
// checks to pass.
func newHealth(mode Mode, wait time.Duration, look func(now time.Time) []Check) *Health {
	return &Health{mode: mode, wait: wait, look: look, now: time.Now, began: time.Now(), states: map[string]state{}}
}

// Drain makes the process not ready for good.
func (h *Health) Drain() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.draining = true
}

// Report is the answer to a probe.
type Report struct {
	Ready bool `json:"ready"`
	Mode  Mode `json:"mode"`
	// Checks are always in the same order.
	Checks []Finding `json:"checks"`
}

// Finding is what one check says.
type Finding struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	// Code is a stable code, empty where the check passes.
	Code fault.Code `json:"code,omitempty"`
	// Since is when the check began to say this.
	Since time.Time `json:"since"`
	// Message is what is wrong and what to do.
	Message string `json:"message,omitempty"`
}

// drainingCheck is the check of a process that stops.
const drainingCheck = "draining"

// Report looks at every check.
func (h *Health) Report() Report {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	report := Report{Mode: h.mode}
	good := true
	for _, check := range h.look(now) {
		finding := h.find(check.Name, check.Wrong, now)
		good = good && finding.OK
		report.Checks = append(report.Checks, finding)
	}
	h.passed = h.passed || good
	var stopping *fault.Error
	if h.draining {
		stopping = fault.New(fault.Canceled, "the sidecar is stopping and takes no new requests")
	}
	report.Checks = append(report.Checks, h.find(drainingCheck, stopping, now))
	switch {
	case h.draining:
	case h.mode == Strict:
		report.Ready = good
	default:
		report.Ready = h.passed || now.Sub(h.began) >= h.wait
	}
	return report
}

func (h *Health) find(name string, wrong *fault.Error, now time.Time) Finding {
	finding := Finding{Name: name, OK: wrong == nil}
	if wrong != nil {
		finding.Code, finding.Message = wrong.Code, wrong.Message
		if advice := wrong.Advice(); advice != "" {
			finding.Message += "; fix: " + advice
		}
	}
	before, known := h.states[name]
	if !known || before.code != finding.Code {
		before = state{code: finding.Code, since: now.UTC().Truncate(time.Second)}
		h.states[name] = before
	}
	finding.Since = before.since
	return finding
}

// Watch looks at the checks on the interval until ctx ends, and tells whether the
// process is ready, at first and whenever that changes.
func (h *Health) Watch(ctx context.Context, interval time.Duration, tell func(ready bool)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	told, last := false, false
	for {
		if ready := h.Report().Ready; !told || ready != last {
			tell(ready)
			told, last = true, ready
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
