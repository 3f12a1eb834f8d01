package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/render/sandbox"
)

// watchInterval is how often the watchdog looks at a worker that renders. Most
// renders are over before its first look, which costs some microseconds.
const watchInterval = 20 * time.Millisecond

// patience is after what time a render gives way to others: most are over long
// before, and one that never ends must not slow down those of other tenants.
const patience = time.Second

// watchdogLayer is the pool's own layer.
func watchdogLayer(config Config) sandbox.Layer {
	return sandbox.Layer{Name: "watchdog", Active: true, Detail: fmt.Sprintf("%d MiB, looked at every %s", config.MemoryBytes>>20, watchInterval)}
}

// run sends a request to a worker and returns its answer.
func (p *Pool) run(ctx context.Context, worker *process, req render.Request) (render.Result, error) {
	stop := p.guard(ctx, worker)
	err := writeRequest(worker.in, req)
	var result render.Result
	if err == nil {
		result, err = receive(worker.answer, p.config.OutputBytes)
	}
	killed := stop()
	if err == nil {
		return result, nil
	}
	if list, ok := faultsIn(err); ok {
		return render.Result{}, list
	}
	if killed != nil {
		p.end(killed)
		return render.Result{}, killed
	}
	failure := p.diagnose(worker, err)
	p.end(failure)
	p.config.Logger.WithError(failure).WithField("pid", worker.cmd.Process.Pid).Warn("a render worker failed")
	return render.Result{}, failure
}

// guard kills the worker when ctx ends, when the pool closes or when it uses
// too much memory, and has it give way to others when it is slow. The function that it returns ends the watch and gives the
// fault for which the worker was killed, or nil.
func (p *Pool) guard(ctx context.Context, worker *process) (stop func() error) {
	over := make(chan struct{})
	reason := make(chan error, 1)
	p.group.Go(func() {
		err := p.watch(ctx, worker, over)
		if err != nil {
			worker.kill()
		}
		reason <- err
	})
	return func() error {
		close(over)
		return <-reason
	}
}

// watch returns why the worker must be killed, or nil once over is closed.
func (p *Pool) watch(ctx context.Context, worker *process, over <-chan struct{}) error {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	slow := time.NewTimer(patience)
	defer slow.Stop()
	for {
		select {
		case <-over:
			return nil
		case <-p.stop:
			return errClosed
		case <-ctx.Done():
			return ended(ctx)
		case <-slow.C:
			worker.yield()
		case <-ticker.C:
			if resident, ok := residentBytes(worker.cmd.Process.Pid); ok && resident > p.config.MemoryBytes {
				return p.memoryFault()
			}
		}
	}
}

// ended returns the fault for a context that is over, or nil.
func ended(ctx context.Context) error {
	switch err := ctx.Err(); {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return errGone
	default:
		return timeoutFault("rendering did not end in time")
	}
}

// faultsIn returns the faults in an error, and false where it is of another kind.
func faultsIn(err error) (fault.List, bool) {
	var list fault.List
	var one *fault.Error
	if !errors.As(err, &list) && !errors.As(err, &one) {
		return nil, false
	}
	return fault.Of(err), true
}

func timeoutFault(message string) *fault.Error {
	return fault.New(fault.Timeout, "%s", message).
		WithFix("look for loops in templates, or ask the platform team for a longer render.timeout")
}

func (p *Pool) memoryFault() *fault.Error {
	return crashFault(fmt.Sprintf("rendering ran out of memory; a worker has %d MiB", p.config.MemoryBytes>>20))
}
