package reload_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/reload"
)

// Who follows the policies hears of each change once: other policies, looks that
// begin to fail, and looks that work again.
func TestRunTellsOfChanges(t *testing.T) {
	l := newLab(t, nil)
	type look struct{ before, after reload.State }
	looks := make(chan look, 100)
	l.config.Interval = 5 * time.Millisecond
	l.config.Looked = func(_ context.Context, before, after reload.State) { looks <- look{before, after} }
	gate := l.start()
	first := gate.State().Environments["prod"]
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- gate.Run(ctx) }()
	next := func() look {
		t.Helper()
		select {
		case told := <-looks:
			return told
		case <-time.After(time.Minute):
			t.Fatal("nobody is told")
			return look{}
		}
	}

	l.write("own/p.rego", strings.ReplaceAll(denyPods, "Pod\"", "Job\""))
	changed := next()
	if changed.before.Environments["prod"] != first || changed.after.Environments["prod"] == first || changed.after.LastError != "" {
		t.Errorf("after a change %+v", changed)
	}
	l.write("own/p.rego", "package main\n\ndeny contains x if y\n")
	if broken := next(); broken.after.LastError != fault.PolicyLoad || broken.after.Environments["prod"] != changed.after.Environments["prod"] {
		t.Errorf("after a mistake %+v", broken)
	}
	time.Sleep(10 * l.config.Interval) // looks that fail alike
	l.write("own/p.rego", denyPods)
	if mended := next(); mended.before.LastError != fault.PolicyLoad || mended.after.LastError != "" || mended.after.Environments["prod"] != first {
		t.Errorf("after the correction %+v", mended)
	}
	cancel()
	if err := <-ended; err != nil || len(looks) > 0 {
		t.Errorf("%v, and %d more were told", err, len(looks))
	}
}
