package threats

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/status"
)

// fault is something that goes wrong around a request.
type fault struct {
	name string
	// codes are the outcomes that it may have; RENDERED is one.
	codes []string
	// within is when there must be an answer, on a busy machine too.
	within time.Duration
	// happen makes it happen, and ends it before it returns the answer to the
	// request that met it.
	happen func(t *testing.T, s *sidecar) answer
}

// renderedCode stands for manifests where a code stands for a failure.
const renderedCode = "RENDERED"

// outcome is the code of a failure, RENDERED, or that of gRPC where the sidecar
// could say nothing.
func (a answer) outcome() string {
	switch code := a.code(); {
	case a.err == nil:
		return renderedCode
	case strings.HasPrefix(code, "E_"):
		return code
	default:
		return status.Code(a.err).String()
	}
}

// faultTimeout is render.timeout of all that is tested here.
const faultTimeout = 6 * time.Second

// table collects what faults did, as docs/verification.md shows it.
type table struct{ lines []string }

func (b *table) add(name, outcome string, took time.Duration, next string, before, after figures) {
	b.lines = append(b.lines, fmt.Sprintf("| %s | `%s` | %.1f s | %s | %d, %d, %d to %d, %d, %d |", name, outcome, took.Seconds(), next,
		before.goroutines, before.descriptors, before.processes, after.goroutines, after.descriptors, after.processes))
}

func (b *table) log(t testing.TB) {
	t.Helper()
	t.Logf("goroutines, descriptors and workers, before and after\n| fault | outcome | answer after | next request | g, d, w |\n| --- | --- | ---: | --- | --- |\n%s",
		strings.Join(b.lines, "\n"))
}

// meet has a sidecar meet faults, one after the other, and expects of each what the
// fault says, that the next request is as it was before, and that nothing is left:
// the baseline is what there was before the first one.
func (s *sidecar) meet(t *testing.T, faults []fault) {
	t.Helper()
	var seen table
	s.sealing(t) // both tenants have been there
	before := s.rest(t)
	for _, one := range faults {
		t.Run(one.name, func(t *testing.T) {
			a := one.happen(t, s)
			s.watch.See("answer", a.text())
			if !slices.Contains(one.codes, a.outcome()) || a.err != nil && len(a.manifests) > 0 {
				t.Errorf("the answer is %.300q, want %v", a.text(), one.codes)
			}
			if a.took > one.within {
				t.Errorf("there was an answer after %s", a.took)
			}
			next := s.next(t)
			seen.add(one.name, a.outcome(), a.took, next, before, s.back(t, before))
		})
	}
	seen.log(t)
}

// next asks for the harmless application until it is as it was before, and tells
// when that was.
func (s *sidecar) next(t *testing.T) string {
	t.Helper()
	began := time.Now()
	calm, from := s.calmShop(t), s.caller(t)
	defer from.close()
	for tries := 0; ; tries++ {
		a := from.ask(t.Context(), calm)
		switch {
		case a.err == nil && a.text() != s.calm:
			t.Fatalf("another tenant's application is now\n%s\nand was\n%s", a.text(), s.calm)
		case a.err == nil && tries == 0:
			return "right"
		case a.err == nil:
			return fmt.Sprintf("right after %.0f s", time.Since(began).Seconds())
		case time.Since(began) > time.Minute:
			t.Fatalf("the harmless application gives %s", a.text())
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// sealing asks for a secret of team-a.
func (s *sidecar) sealing(t *testing.T) answer {
	t.Helper()
	from := s.caller(t)
	defer from.close()
	return from.ask(t.Context(), newDemand("shop", pack(t, files{"app/a.yaml": secret(s.reference())}), identity()))
}
