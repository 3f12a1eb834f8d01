package follow_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/follow"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
	"github.com/argocd-seal/argocd-seal-plugin/secrets"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
)

// listener writes down what it is told.
type listener struct {
	mu    sync.Mutex
	heard []string
	took  []time.Duration
}

type mark struct{}

func (l *listener) note(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = append(l.heard, fmt.Sprintf(format, args...))
}

func (l *listener) end(what string) func(time.Duration, error) {
	return func(took time.Duration, err error) {
		l.note("%s ends: %v", what, fault.CodeOf(err))
		l.took = append(l.took, took)
	}
}

func (l *listener) Begin(ctx context.Context, request *follow.Request) (context.Context, func(time.Duration, error)) {
	l.note("%s begins", request.Call)
	return context.WithValue(ctx, mark{}, request.Call), l.end(request.Call)
}

func (l *listener) Stage(ctx context.Context, _ *follow.Request, stage follow.Stage) (context.Context, func(time.Duration, error)) {
	l.note("%s in %v", stage, ctx.Value(mark{}))
	return context.WithValue(ctx, mark{}, string(stage)), l.end(string(stage))
}

func (l *listener) Judged(request *follow.Request, judged verdict.Verdict) {
	l.note("%s judged %s", request.Call, judged.Severest())
}

func (l *listener) expect(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, l.heard); diff != "" {
		t.Errorf("the observer heard (-want +got):\n%s", diff)
	}
}

var errDenied = fault.New(fault.Policy, "denied")

func TestAnObserverHearsOfStagesInTheirOrder(t *testing.T) {
	heard := &listener{}
	ctx, request, end := follow.Start(t.Context(), "GenerateManifest", heard)
	if ctx.Value(mark{}) != "GenerateManifest" {
		t.Error("what the request does does not see the observer's context")
	}
	err := follow.Do(ctx, follow.Render, func(ctx context.Context) error {
		if follow.Of(ctx) != request || ctx.Value(mark{}) != "render" {
			t.Error("a stage sees another request, or not the observer's context")
		}
		return follow.Do(ctx, follow.Promotion, func(context.Context) error { return nil })
	})
	if err != nil {
		t.Error(err)
	}
	err = follow.Do(ctx, follow.Gate, func(ctx context.Context) error {
		follow.Of(ctx).Judged(verdict.Verdict{Outcomes: []verdict.Outcome{{Decision: verdict.Warn}, {Decision: verdict.Deny}}})
		return errDenied
	})
	if !errors.Is(err, errDenied) {
		t.Errorf("a stage gives %v, want its own error", err)
	}
	end(err)
	heard.expect(t,
		"GenerateManifest begins", "render in GenerateManifest", "promotion in render", "promotion ends: ", "render ends: ",
		"gate in GenerateManifest", "GenerateManifest judged deny", "gate ends: E_POLICY", "GenerateManifest ends: E_POLICY")
	for i, took := range heard.took {
		if took <= 0 {
			t.Errorf("duration %d is %v", i, took)
		}
	}
}

// A handler's panic is answered with E_INTERNAL further out; a stage that is said
// to have gone well meanwhile would lead astray.
func TestAPanicEndsTheStageAsAFailureAndGoesOn(t *testing.T) {
	heard := &listener{}
	ctx, _, _ := follow.Start(t.Context(), "GenerateManifest", heard)
	func() {
		defer func() {
			if got := recover(); got != "broken" {
				t.Errorf("recovered %v, want what the stage panicked with", got)
			}
		}()
		_ = follow.Do(ctx, follow.Emit, func(context.Context) error { panic("broken") })
	}()
	heard.expect(t, "GenerateManifest begins", "emit in GenerateManifest", "emit ends: E_INTERNAL")
	if _, ok := follow.Of(ctx).Milliseconds()["emit"]; !ok {
		t.Error("the stage that panicked has no duration")
	}
}

func TestMillisecondsAddUpWhatRanAndLeaveOutTheRest(t *testing.T) {
	ctx, request, _ := follow.Start(t.Context(), "GenerateManifest", nil)
	const pause = 3 * time.Millisecond
	for range 2 {
		_ = follow.Do(ctx, follow.Render, func(context.Context) error {
			time.Sleep(pause)
			return nil
		})
	}
	_ = follow.Do(ctx, follow.Gate, func(context.Context) error { return errDenied })
	spent := request.Milliseconds()
	if len(spent) != 3 {
		t.Errorf("got %v, want render, gate and total alone", spent)
	}
	if least := float64((2 * pause).Milliseconds()); spent["render"] < least || spent["total"] < spent["render"]+spent["gate"] {
		t.Errorf("got %v: render ran twice for %v ms in all, and is a part of the total", spent, least)
	}
	for stage, took := range spent {
		if micros := took * 1000; micros != float64(int64(micros+0.5)) {
			t.Errorf("%s took %v ms, which has more digits than microseconds", stage, took)
		}
	}
}

// The pipeline also runs where nobody follows: on a laptop and in the background.
func TestWithoutAnObserverEverythingWorks(t *testing.T) {
	ctx, request, end := follow.Start(t.Context(), "GenerateManifest", nil)
	if err := follow.Do(ctx, follow.Audit, func(context.Context) error { return errDenied }); !errors.Is(err, errDenied) {
		t.Error(err)
	}
	request.Judged(verdict.Verdict{})
	end(errDenied)

	nobody := follow.Of(t.Context())
	nobody.App = "lost"
	nobody.Judged(verdict.Verdict{})
	if err := follow.Do(t.Context(), follow.Render, func(context.Context) error { return nil }); err != nil {
		t.Error(err)
	}
	if follow.Of(t.Context()).App != "" {
		t.Error("requests that nobody began share what they know")
	}
	if spent := nobody.Milliseconds(); len(spent) != 0 {
		t.Errorf("a request that never began took %v", spent)
	}
}

func TestInjectionsAreCountedByKind(t *testing.T) {
	_, request, _ := follow.Start(t.Context(), "GenerateManifest", nil)
	request.Injected([]secrets.Injected{{Kind: inject.KindExternalSecret}})
	request.Injected([]secrets.Injected{{Kind: inject.KindSealedSecret}, {Kind: inject.KindExternalSecret}, {Kind: inject.KindSealedSecret}})
	want := map[string]int{"sealed-secret": 2, "external-secret": 1}
	if diff := cmp.Diff(want, request.Injections); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Stages may run beside each other, and the audit trail may read meanwhile.
func TestStagesBesideEachOther(t *testing.T) {
	ctx, request, _ := follow.Start(t.Context(), "GenerateManifest", nil)
	var group sync.WaitGroup
	for _, stage := range follow.Stages() {
		group.Go(func() {
			for range 100 {
				_ = follow.Do(ctx, stage, func(context.Context) error { return nil })
				_ = request.Milliseconds()
			}
		})
	}
	group.Wait()
	for _, stage := range follow.Stages() {
		if _, ok := request.Milliseconds()[string(stage)]; !ok {
			t.Errorf("%s has no duration", stage)
		}
	}
	if stages := follow.Stages(); len(slices.Compact(slices.Sorted(slices.Values(stages)))) != len(stages) {
		t.Errorf("a stage stands twice in %v", stages)
	}
}
