package worker

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// enqueue gives a request its place in the line, or E_BUSY. A request that
// only waits for its worker to start does not count as waiting. The caller of
// a successful enqueue calls p.group.Done when it has finished with the pool.
func (p *Pool) enqueue(tenant string) (*ticket, error) {
	t := &ticket{turn: make(chan turn, 1), tenant: tenant}
	p.mu.Lock()
	switch busy := p.crowded(t); {
	case p.closed:
		p.mu.Unlock()
		return nil, errClosed
	case busy != nil:
		p.mu.Unlock()
		return nil, busy
	case len(p.idle) == 0 && p.failures >= maxFailures && time.Now().Before(p.retryAt):
		failure := p.failure
		p.mu.Unlock()
		return nil, failure
	}
	p.group.Add(1)
	p.queue = append(p.queue, t)
	p.mu.Unlock()
	p.dispatch()
	return t, nil
}

// await returns the worker for a ticket. At ctx's end it gives the ticket up
// and returns E_CANCELED, or context.DeadlineExceeded.
func (p *Pool) await(ctx context.Context, t *ticket) (*process, error) {
	select {
	case got := <-t.turn:
		return got.worker, got.err
	case <-ctx.Done():
	}
	p.mu.Lock()
	if at := slices.Index(p.queue, t); at >= 0 {
		p.queue = slices.Delete(p.queue, at, at+1)
	} else if got := <-t.turn; got.worker != nil { // its turn came meanwhile
		p.leave(t.tenant)
		p.idle = append(p.idle, got.worker)
	}
	p.mu.Unlock()
	p.dispatch()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil, context.DeadlineExceeded
	}
	return nil, errGone
}

var errGone = fault.New(fault.Canceled, "the caller ended the request")

// offer adds a worker that became ready, or ends it where the pool is closed.
func (p *Pool) offer(worker *process) {
	p.mu.Lock()
	closed := p.closed
	if !closed {
		p.idle = append(p.idle, worker)
	}
	p.mu.Unlock()
	if closed {
		worker.kill()
	}
	p.dispatch()
}

// dead tells whether a worker has died while it waited, and then frees what is
// left of it.
func (p *Pool) dead(worker *process) bool {
	select {
	case <-worker.exited:
		worker.kill()
		p.counters.kill(killedIdle)
		p.config.Logger.WithField("pid", worker.cmd.Process.Pid).Warn("a waiting render worker died")
		return true
	default:
		return false
	}
}

// dispatch gives workers that live to requests in the order of next, and tells
// the keeper.
func (p *Pool) dispatch() {
	p.mu.Lock()
	p.idle = slices.DeleteFunc(p.idle, p.dead)
	for at := p.next(); at >= 0 && len(p.idle) > 0; at = p.next() {
		t := p.queue[at]
		t.turn <- turn{worker: p.idle[0]}
		p.queue, p.idle = slices.Delete(p.queue, at, at+1), slices.Delete(p.idle, 0, 1)
		p.inFlight++
		p.busy[t.tenant]++
		p.lastTake = time.Now()
	}
	p.mu.Unlock()
	p.poke()
}

// poke wakes the keeper.
func (p *Pool) poke() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}
