package threats

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	// calmClients ask for the harmless application, hostileClients for everything
	// that may harm it: one hundred requests at a time.
	calmClients, hostileClients = 4, 96
	// calmRequests are made quiet, and as many beside the hostile ones, unless
	// ARGOCD_SEAL_CALM says another number.
	calmRequests = 120
)

// TestHostileTenantHarmsNoOther has one project send all kinds of hostile requests,
// ninety-six at a time, and another one ask for its application as it did before.
func TestHostileTenantHarmsNoOther(t *testing.T) {
	s := start(t, settings{})
	calm, attacks, count := s.calmShop(t), s.hostile(t), calmRequests
	if text := os.Getenv("ARGOCD_SEAL_CALM"); text != "" {
		var err error
		count, err = strconv.Atoi(text)
		must(t, err)
	}
	s.repeat(t, calm, 40) // the first requests of a process are slower
	quiet := s.repeat(t, calm, count)
	ctx, cancel := context.WithCancel(t.Context())
	tally, stopped := s.attack(ctx, t, attacks)
	time.Sleep(2 * time.Second) // until all of them are there
	beside := s.repeat(t, calm, count)
	cancel()
	stopped()
	t.Logf("quiet:  %s", quiet)
	t.Logf("beside: %s", beside)
	t.Logf("p50 %.2f, p99 %.2f times the quiet one; the hostile requests:\n%s", beside.ratio(quiet, 0.5), beside.ratio(quiet, 0.99), tally)
	if beside.percentile(0.99) > 20*quiet.percentile(0.99)+time.Second {
		t.Error("another tenant waits for the hostile one")
	}
	s.unharmed(t)
}

// durations are what requests took, in order.
type durations []time.Duration

func (d durations) percentile(share float64) time.Duration {
	return d[min(len(d)-1, int(share*float64(len(d))))]
}

func (d durations) ratio(quiet durations, share float64) float64 {
	return float64(d.percentile(share)) / float64(quiet.percentile(share))
}

func (d durations) String() string {
	return fmt.Sprintf("%d requests, p50 %s, p99 %s, at most %s", len(d), d.percentile(0.5).Round(time.Millisecond),
		d.percentile(0.99).Round(time.Millisecond), d[len(d)-1].Round(time.Millisecond))
}

// repeat makes a number of requests for the harmless application, each of which
// must give the bytes that it gave in the beginning.
func (s *sidecar) repeat(t testing.TB, one demand, count int) durations {
	t.Helper()
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		took  durations
		wrong []string
	)
	began := time.Now()
	for range calmClients {
		from := s.caller(t)
		group.Go(func() {
			defer from.close()
			for range count / calmClients {
				a := from.ask(t.Context(), one)
				mu.Lock()
				if took = append(took, a.took); a.text() != s.calm {
					wrong = append(wrong, a.text())
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if len(wrong) > 0 {
		t.Errorf("%d of %d answers are not what they were: %.500s", len(wrong), len(took), wrong[0])
	}
	t.Logf("%.1f requests in a second", float64(len(took))/time.Since(began).Seconds())
	slices.Sort(took)
	return took
}

// tally counts how hostile requests ended.
type tally struct {
	mu    sync.Mutex
	ends  map[string]int
	wrong []error
}

// count notes how a request ended.
func (y *tally) count(one demand, a answer) {
	y.mu.Lock()
	defer y.mu.Unlock()
	end := one.name + ": "
	switch {
	case a.err == nil:
		end += "rendered"
	default:
		end += a.code()
	}
	y.ends[end]++
}

// check notes an answer that a demand may not get.
func (y *tally) check(one demand, a answer) {
	if err := one.holds(a); err != nil {
		y.mu.Lock()
		defer y.mu.Unlock()
		y.wrong = append(y.wrong, err)
	}
}

// String lists the ends.
func (y *tally) String() string {
	y.mu.Lock()
	defer y.mu.Unlock()
	var lines []string
	for end, count := range y.ends {
		lines = append(lines, fmt.Sprintf("%6d %s", count, end))
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[7:], b[7:]) })
	return strings.Join(lines, "\n")
}

// attack makes hostile requests without a pause until ctx ends. stopped waits for
// the last one, and fails the test where one was answered with what it may not be.
func (s *sidecar) attack(ctx context.Context, t testing.TB, attacks []demand) (counted *tally, stopped func()) {
	t.Helper()
	counted = &tally{ends: map[string]int{}}
	var group sync.WaitGroup
	for i := range hostileClients {
		from := s.caller(t)
		group.Go(func() {
			defer from.close()
			for turn := i; ctx.Err() == nil; turn++ {
				one := attacks[turn%len(attacks)]
				a := from.ask(ctx, one)
				if ctx.Err() == nil {
					counted.count(one, a)
					counted.check(one, a)
				}
			}
		})
	}
	return counted, func() {
		group.Wait()
		for _, err := range counted.wrong {
			t.Error(err)
		}
		s.watch.See("answer", counted.String())
	}
}
