package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// crowd are clients that go on while sidecars come and go. Every request has an
// application of its own, so that its event can be found.
type crowd struct {
	next, rendered, answered, unanswered atomic.Int64

	mu sync.Mutex
	// outcomes are those of the answered requests, by application, and failed are
	// the ones that nobody expects.
	outcomes map[string]string
	failed   []error
}

var answerCode = regexp.MustCompile(`\bE_[A-Z_]+\b`)

// run keeps eight clients busy until ctx ends: five render, one asks for what
// cannot be rendered, and two send archives that are none, which the sidecar
// answers far more often.
func (c *crowd) run(ctx context.Context, sidecar *harness.Sidecar, repository string) (wait func()) {
	c.outcomes = map[string]string{}
	var group sync.WaitGroup
	for client := range 8 {
		group.Go(func() {
			for ctx.Err() == nil {
				switch ctx := context.WithoutCancel(ctx); {
				case client < 5:
					c.ask("OK", func(env []string) error {
						_, err := sidecar.Generate(ctx, repository, "app", env...)
						return err
					})
				case client == 5:
					c.ask("E_OBJECT", func(env []string) error {
						_, err := sidecar.Generate(ctx, repository, "bad", env...)
						return err
					})
				default:
					c.ask("E_STREAM", func(env []string) error { return sidecar.Refused(ctx, env...) })
				}
			}
		})
	}
	return group.Wait
}

// ask sends one request, which should have that outcome where it is answered.
func (c *crowd) ask(want string, send func(env []string) error) {
	app := fmt.Sprintf("shop-%d", c.next.Add(1))
	err := send(identity(app, "https://git.example.com/shop.git"))
	outcome := "OK"
	if err != nil {
		// An error without a code is not the sidecar's: it is not there.
		if outcome = answerCode.FindString(err.Error()); outcome == "" {
			c.unanswered.Add(1)
			time.Sleep(20 * time.Millisecond)
			return
		}
	}
	c.answered.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outcomes[app] = outcome
	if outcome == "OK" {
		c.rendered.Add(1)
	}
	if outcome != want {
		c.failed = append(c.failed, fmt.Errorf("%s should give %s: %w", app, want, err))
	}
}

// TestKilledSidecarLosesNoEvent kills a sidecar under load again and again. Its
// trail is proved, also in between, and has the event of every request that was
// answered.
func TestKilledSidecarLosesNoEvent(t *testing.T) {
	kills := number(t, "ARGOCD_SEAL_KILLS", 50)
	place := newAudited(t)
	plugin := place.plugin("required: true", "checkpoint: {events: 40, interval: 1s}")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var clients crowd
	wait := func() {}
	workers, halves := 0, 0
	for kill := range kills {
		sidecar := place.serve(plugin) // which waits until the socket answers
		if kill == 0 {
			wait = clients.run(ctx, sidecar, shopRepository(t))
		}
		if kill%5 == 0 {
			place.verify() // beside the sidecar that writes
		}
		before := clients.rendered.Load()
		until(t, func() bool { return clients.rendered.Load() > before })
		time.Sleep(rand.N(300 * time.Millisecond))
		workers += killed(t, sidecar)
		if kill%10 == 9 {
			halfALine(t, place)
			halves++
		}
	}
	last := place.serve(plugin)
	before := clients.rendered.Load()
	until(t, func() bool { return clients.rendered.Load() > before })
	cancel()
	wait()
	if code, err := last.Exit(); code != 0 || err != nil {
		t.Errorf("exit status %d, %v", code, err)
	}
	t.Logf("\n%s", place.verify())
	if len(clients.failed) > 0 {
		t.Errorf("%d requests failed otherwise: %v", len(clients.failed), clients.failed[0])
	}
	torn := place.wantAllEvents(&clients)
	if torn < halves {
		t.Errorf("%d unfinished lines were cut off, and the test alone made %d", torn, halves)
	}
	t.Logf("%d kills: %d requests were answered, %d of them with manifests, and %d found nobody; %d workers ended with their sidecars; %d unfinished lines were cut off, %d of them made by the test",
		kills, clients.answered.Load(), clients.rendered.Load(), clients.unanswered.Load(), workers, torn, halves)
}

// killed kills a sidecar with all that is in its process group, and returns how
// many workers it had, none of which may stay.
func killed(t *testing.T, sidecar *harness.Sidecar) int {
	t.Helper()
	workers, err := sidecar.Children()
	must(t, err)
	if len(workers) == 0 {
		t.Error("the sidecar has no worker")
	}
	must(t, sidecar.KillGroup())
	eventually(t, "no worker outlives its sidecar", func() bool { return !slices.ContainsFunc(workers, harness.Child.Alive) })
	return len(workers)
}

// halfALine leaves behind the last line what a write leaves that was cut short. A
// kill alone can hardly do that to a line of some hundred bytes.
func halfALine(t *testing.T, place *audited) {
	t.Helper()
	files := place.files()
	file, err := os.OpenFile(files[len(files)-1], os.O_WRONLY|os.O_APPEND, 0)
	must(t, err)
	_, err = file.WriteString(`{"seq":1,"prev":"00`)
	must(t, err)
	must(t, file.Close())
}

// wantAllEvents holds the trail against what clients were answered, and returns
// how often an unfinished line was cut off.
func (a *audited) wantAllEvents(clients *crowd) (torn int) {
	a.t.Helper()
	found := map[string][]string{}
	renders, unsigned := 0, 0
	for _, event := range a.events() {
		if event.Type == "render" {
			renders++
			found[event.App] = append(found[event.App], event.Outcome)
		}
		if event.Recovered != nil && event.Recovered.TornBytes > 0 {
			torn++
		}
		if event.Recovered != nil && event.Recovered.Unsigned > 0 {
			unsigned++
		}
	}
	missing := 0
	for app, outcome := range clients.outcomes {
		switch got := found[app]; {
		case len(got) == 0:
			missing++
			a.t.Errorf("%s was answered with %s and has no event", app, outcome)
		case len(got) > 1 || got[0] != outcome:
			a.t.Errorf("%s was answered with %s, and its events say %s", app, outcome, strings.Join(got, ", "))
		}
	}
	a.findsByApp(clients.outcomes)
	a.t.Logf("%d requests were answered, events missing: %d; %d events of requests whose answer the kill took; %d recoveries of lines that were not signed",
		len(clients.outcomes), missing, renders-len(clients.outcomes), unsigned)
	return torn
}

// findsByApp asks for some of the applications as a user does.
func (a *audited) findsByApp(outcomes map[string]string) {
	a.t.Helper()
	asked := 0
	for app, outcome := range outcomes {
		code, stdout, stderr := command(a.t, "audit", "query", "--app", app, a.trail)
		if code != 0 || !strings.Contains(stdout, app) || !strings.Contains(stdout, outcome) {
			a.t.Errorf("exit status %d: %s should be found with %s\n%s%s", code, app, outcome, stdout, stderr)
		}
		if asked++; asked == 5 {
			return
		}
	}
}
