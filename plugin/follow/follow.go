// Package follow measures what one request does: each stage once, for whoever
// wants to know. Metrics and traces listen as an [Observer]; the audit trail
// reads the [Request] when it is over.
//
// The request travels in the context, so that the pipeline is the same for a
// server, for one render on a laptop and for a render in the background, where
// nobody may be listening.
package follow

import (
	"context"
	"sync"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
	"github.com/argocd-seal/argocd-seal-plugin/secrets"
)

// Stage is one step of a request. The names stand in metrics, traces and the
// audit trail.
type Stage string

// The stages, in the order of a request.
const (
	// Intake is from the stream's first message until the archive is in memory,
	// with the time that the request waits for its place.
	Intake Stage = "intake"
	// Render is one render of the application, with the wait for a worker.
	Render Stage = "render"
	// Promotion is the render of the directory that images are promoted from.
	Promotion Stage = "promotion"
	// Images is the verification of images.
	Images Stage = "images"
	// Gate is the look at the reference form.
	Gate Stage = "gate"
	// Resolve is reading values and sealing them.
	Resolve Stage = "resolve"
	// SealedGate is the look at what was sealed.
	SealedGate Stage = "gate-sealed"
	// Emit is writing the objects as JSON.
	Emit Stage = "emit"
	// Audit is writing the event of the request.
	Audit Stage = "audit"
)

// Stages lists every stage.
func Stages() []Stage {
	return []Stage{Intake, Render, Images, Promotion, Gate, Resolve, SealedGate, Emit, Audit}
}

// Observer is told of requests and their stages while they run. It is safe for
// concurrent use and does not block.
type Observer interface {
	// Begin is told of a request; what the request does sees the context that it
	// returns. end is called once, with what the request ended with.
	Begin(ctx context.Context, request *Request) (within context.Context, end func(took time.Duration, err error))
	// Stage is told of a stage of a request, with the same promises.
	Stage(ctx context.Context, request *Request, stage Stage) (within context.Context, end func(took time.Duration, err error))
	// Judged is told of every verdict.
	Judged(request *Request, judged verdict.Verdict)
}

// Request is what is known of a request so far. Its fields are set by the stage
// that finds them out, in the goroutine of the request, and may be read there
// and by observers.
type Request struct {
	// Call is what the repo-server called, such as GenerateManifest.
	Call string
	// App and Project are as the repo-server said, neither cleaned nor bounded.
	App, Project string
	// Environment and Renderer are empty until they are known.
	Environment, Renderer string
	// Objects is how many were rendered.
	Objects int
	// Injections counts what left, by the kind of injection.
	Injections map[string]int

	observer Observer
	began    time.Time
	mu       sync.Mutex
	spent    map[Stage]time.Duration
}

type key struct{}

// Start begins a request. observer may be nil. end is called once when the
// request is over.
func Start(ctx context.Context, call string, observer Observer) (within context.Context, request *Request, end func(err error)) {
	request = &Request{Call: call, observer: observer, began: time.Now(), spent: map[Stage]time.Duration{}}
	ctx = context.WithValue(ctx, key{}, request)
	if observer == nil {
		return ctx, request, func(error) {}
	}
	ctx, ended := observer.Begin(ctx, request)
	return ctx, request, func(err error) { ended(time.Since(request.began), err) }
}

// Of returns the request that a context belongs to, or one that nobody looks at.
func Of(ctx context.Context) *Request {
	if request, ok := ctx.Value(key{}).(*Request); ok {
		return request
	}
	return &Request{spent: map[Stage]time.Duration{}}
}

// Do runs a stage and measures it. A stage that runs twice counts with the sum.
// A panic ends the stage as a failure and goes on.
func Do(ctx context.Context, stage Stage, run func(ctx context.Context) error) (err error) {
	request := Of(ctx)
	ended := func(time.Duration, error) {}
	if request.observer != nil {
		ctx, ended = request.observer.Stage(ctx, request, stage)
	}
	began := time.Now()
	err = errPanicked // unless run returns
	defer func() {
		took := time.Since(began)
		request.mu.Lock()
		request.spent[stage] += took
		request.mu.Unlock()
		ended(took, err)
	}()
	err = run(ctx)
	return err
}

var errPanicked = fault.New(fault.Internal, "the stage panicked")

// Injected notes what became of Secrets.
func (r *Request) Injected(injected []secrets.Injected) {
	r.Injections = map[string]int{}
	for _, one := range injected {
		r.Injections[string(one.Kind)]++
	}
}

// Judged tells the observer of a verdict.
func (r *Request) Judged(judged verdict.Verdict) {
	if r.observer != nil {
		r.observer.Judged(r, judged)
	}
}

// Milliseconds returns how long each stage took that ran, and as "total" how
// long ago the request began.
func (r *Request) Milliseconds() map[string]float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	spent := map[string]float64{}
	for stage, took := range r.spent {
		spent[string(stage)] = inMilliseconds(took)
	}
	if !r.began.IsZero() {
		spent["total"] = inMilliseconds(time.Since(r.began))
	}
	return spent
}

// inMilliseconds keeps microseconds: more digits are noise in a trail.
func inMilliseconds(took time.Duration) float64 {
	return float64(took.Microseconds()) / 1000
}
