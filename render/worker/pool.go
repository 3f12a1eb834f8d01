package worker

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/render/sandbox"
)

// Pool keeps workers ready and gives each request one of its own. Start is
// called once and before Render; otherwise the methods are safe for concurrent
// use. A Render that is in flight or comes after Close gets E_CANCELED.
type Pool struct {
	config  Config
	starter *starter
	// wake tells the keeper that something it decides on has changed.
	wake chan struct{}
	// stop is closed when Close begins and ended when it is over.
	stop, ended chan struct{}
	// group counts every goroutine of the pool, and with it every child, and
	// every call that is being served.
	group    sync.WaitGroup
	counters counters

	mu       sync.Mutex
	closed   bool
	idle     []*process
	starting int
	inFlight int
	// busy is how many workers each tenant has now.
	busy     map[string]int
	queue    []*ticket
	lastTake time.Time
	failures int
	retryAt  time.Time
	failure  error
	layers   []sandbox.Layer
}

// ticket is a request that waits. Exactly one thing is sent on the channel,
// which has room for it.
type ticket struct {
	turn   chan turn
	tenant string
}

// turn is what a ticket gets: a worker, or why there is none.
type turn struct {
	worker *process
	err    error
}

// NewPool checks a configuration; it starts nothing. An error is an E_CONFIG
// fault.
func NewPool(config Config) (*Pool, error) {
	config, err := config.complete()
	if err != nil {
		return nil, err
	}
	return &Pool{config: config, wake: make(chan struct{}, 1), busy: map[string]int{}, stop: make(chan struct{}), ended: make(chan struct{})}, nil
}

// Start starts the first workers and waits until one is ready or ctx ends. A
// layer that is required and missing is an E_SANDBOX fault, anything else that
// keeps workers from starting E_INTERNAL. Close must follow in both cases.
func (p *Pool) Start(ctx context.Context) error {
	p.starter = newStarter()
	p.group.Go(p.keep)
	t, err := p.enqueue("")
	if err != nil {
		return err
	}
	defer p.group.Done()
	worker, err := p.await(ctx, t)
	if errors.Is(err, context.DeadlineExceeded) {
		return fault.New(fault.Internal, "no render worker became ready in time")
	}
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.leave(t.tenant)
	p.mu.Unlock()
	p.offer(worker)
	return nil
}

// Layers returns the sandbox layers as the last worker to become ready
// reported them, and the pool's own watchdog.
func (p *Pool) Layers() []sandbox.Layer {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append(slices.Clone(p.layers), watchdogLayer(p.config))
}

// Close ends all workers and waits for them and for every goroutine.
func (p *Pool) Close() {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		<-p.ended
		return
	}
	p.closed = true
	idle, queue := p.idle, p.queue
	p.idle, p.queue = nil, nil
	p.mu.Unlock()
	close(p.stop)
	for _, worker := range idle {
		worker.kill()
	}
	for _, t := range queue {
		t.turn <- turn{err: errClosed}
	}
	p.group.Wait()
	if p.starter != nil {
		p.starter.close()
	}
	close(p.ended)
}

var errClosed = fault.New(fault.Canceled, "the sidecar is stopping")

// Render renders one request in a worker of its own. It returns at the latest
// when ctx ends or the configured time is over, a little before ctx's deadline
// so that the fault still reaches the caller. Errors are faults: what the
// engine reports; E_BUSY where the queue is full or no worker comes free in
// time; E_TIMEOUT; E_CANCELED; E_RENDER_CRASH where the worker died of the
// request; E_SANDBOX or E_INTERNAL where workers do not start.
func (p *Pool) Render(ctx context.Context, req render.Request) (render.Result, error) {
	if err := ended(ctx); err != nil {
		return render.Result{}, err
	}
	limited, cancel := context.WithTimeout(ctx, p.allowance(ctx))
	defer cancel()
	t, err := p.enqueue(req.Tenant)
	if err != nil {
		return render.Result{}, err
	}
	defer p.group.Done()
	worker, err := p.await(limited, t)
	if errors.Is(err, context.DeadlineExceeded) {
		return render.Result{}, fault.New(fault.Busy, "no worker came free in time").
			WithFix("Argo CD retries by itself; raise render.workers.concurrency if it lasts")
	}
	if err != nil {
		return render.Result{}, err
	}
	defer p.finish(worker, t)
	return p.run(limited, worker, req)
}

// allowance is how long a request may take: the configured time, or what is
// left until ctx's deadline less a margin for the answer.
func (p *Pool) allowance(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return p.config.Timeout
	}
	left := time.Until(deadline)
	return min(p.config.Timeout, left-min(left/marginFraction, maxMargin))
}

// The margin between the end of a render and the deadline of its caller.
const (
	marginFraction = 10
	maxMargin      = time.Second
)

// finish frees a request's place. The worker is of no use any more; reaping it
// is left to the goroutine that waits for it.
func (p *Pool) finish(worker *process, t *ticket) {
	worker.kill()
	p.mu.Lock()
	p.leave(t.tenant)
	p.mu.Unlock()
	p.dispatch()
}
