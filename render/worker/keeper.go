package worker

import (
	"time"

	"github.com/sirupsen/logrus"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/render/sandbox"
)

const (
	// startDelay is how long a replacement waits for the request that took the
	// last spare. Starting a worker costs 0.2 s of CPU, several times a small
	// render, and with few CPUs the two would share them: on two CPUs a
	// kustomize build of 30 objects takes 40 ms where replacements wait for its
	// end and 60 ms where they do not, at the same number of renders a second
	// under full load.
	startDelay = 50 * time.Millisecond
	// startTimeout is how long a worker may take until it is ready.
	startTimeout = 30 * time.Second
	// maxFailures is how many starts in a row may fail before requests are told
	// rather than left waiting.
	maxFailures = 3
	// minBackoff doubles with every failed start up to maxBackoff.
	minBackoff = 100 * time.Millisecond
	maxBackoff = 10 * time.Second
)

// keep starts workers as plan says until the pool closes.
func (p *Pool) keep() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		count, again := p.plan(time.Now())
		for range count {
			p.group.Go(p.start)
		}
		timer.Reset(again)
		select {
		case <-p.wake:
		case <-timer.C:
		case <-p.stop:
			return
		}
	}
}

// plan returns how many workers to start now, and when to ask again if nothing
// happens before. A request that waits for a worker gets one started at once.
// A spare is started when no request is in flight, and after startDelay where
// the last spare is gone; until then the CPUs belong to the requests.
func (p *Pool) plan(now time.Time) (count int, again time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return 0, maxBackoff
	}
	if wait := p.retryAt.Sub(now); p.failures > 0 && wait > 0 {
		return 0, wait
	}
	urgent := p.runnable() - len(p.idle) - p.starting
	missing := p.config.Spares - len(p.idle) - p.starting
	again = maxBackoff
	if p.inFlight > 0 {
		if wait := p.lastTake.Add(startDelay).Sub(now); len(p.idle) > 0 {
			missing = 0
		} else if wait > 0 && missing > 0 {
			missing, again = 0, wait
		}
	}
	if p.failures > 0 { // one at a time shows whether it works again
		urgent, missing = min(urgent, 1-p.starting), min(missing, 1-p.starting)
	}
	count = max(0, urgent, missing)
	p.starting += count
	return count, again
}

// start starts one worker, makes it known when it is ready, and stays until it
// has exited.
func (p *Pool) start() {
	worker, layers, err := p.newWorker()
	p.mu.Lock()
	p.starting--
	if err == nil {
		p.failures, p.failure, p.layers = 0, nil, layers
		p.counters.start()
	}
	p.mu.Unlock()
	if err == nil {
		p.offer(worker)
		<-worker.exited
		p.dispatch() // should it have died while it waited
		return
	}
	said := ""
	if worker != nil {
		<-worker.exited
		said = worker.stderr.String()
	}
	p.failed(err, said)
}

// newWorker returns a worker that is ready. A worker that is returned beside an
// error has been killed.
func (p *Pool) newWorker() (*process, []sandbox.Layer, error) {
	worker, err := p.starter.spawn(p.config)
	if err != nil {
		return nil, nil, err
	}
	p.group.Go(worker.wait)
	ready := make(chan struct{})
	p.group.Go(func() {
		select {
		case <-ready:
		case <-p.stop:
			worker.kill()
		case <-time.After(startTimeout):
			worker.kill()
		}
	})
	layers, err := worker.introduce(p.config)
	close(ready)
	if err != nil {
		worker.kill()
	}
	return worker, layers, err
}

// failed notes a start that did not work. Requests that wait are told at the
// third in a row, and at once where the sandbox lacks what is required: that
// does not go away. What the worker said on standard error may be logged here:
// it has seen nothing of a tenant.
func (p *Pool) failed(err error, said string) {
	failure := startFault(err)
	permanent := fault.CodeOf(failure) == fault.Sandbox
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.counters.kill(killedStart)
	p.failure = failure
	p.failures++
	if permanent {
		p.failures = max(p.failures, maxFailures)
	}
	p.retryAt = time.Now().Add(min(maxBackoff, minBackoff<<min(p.failures, 10)))
	failures := p.failures
	var told []*ticket
	if failures >= maxFailures {
		told, p.queue = p.queue, nil
	}
	p.mu.Unlock()
	p.config.Logger.WithError(failure).
		WithFields(logrus.Fields{"failures": failures, "stderr": fault.Clean(said, maxPart)}).Error("a render worker does not start")
	for _, t := range told {
		t.turn <- turn{err: failure}
	}
	p.poke()
}

// startFault turns why a worker did not start into a fault.
func startFault(err error) error {
	if list, ok := faultsIn(err); ok {
		return list
	}
	return fault.New(fault.Internal, "a render worker does not start: %s", fault.Clean(err.Error(), maxPart))
}
