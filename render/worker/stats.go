package worker

import (
	"maps"
	"sync"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// Stats is what a pool does now and has done.
type Stats struct {
	// Busy workers render, Idle ones wait for a request, Starting ones are on
	// their way.
	Busy, Idle, Starting int
	// Queued is how many requests wait for a worker.
	Queued int
	// Failures is how many starts have failed since the last that worked.
	Failures int
	// Started is how many workers became ready since the pool began.
	Started uint64
	// Killed counts workers that did not end by answering, by [Reasons].
	Killed map[string]uint64
}

// The reasons for which a worker ends without an answer.
const (
	killedMemory   = "memory"   // it used more than its memory
	killedTimeout  = "timeout"  // its request's deadline or its CPU time was over
	killedCanceled = "canceled" // the caller went away, or the pool closes
	killedCrash    = "crash"    // it died of the request
	killedIdle     = "idle"     // it died while it waited
	killedStart    = "start"    // it did not become ready
)

// Reasons lists the keys of [Stats.Killed].
func Reasons() []string {
	return []string{killedMemory, killedTimeout, killedCanceled, killedCrash, killedIdle, killedStart}
}

// counters are guarded by a mutex of their own, so that they can be counted with
// and without the pool's.
type counters struct {
	mu      sync.Mutex
	started uint64
	killed  map[string]uint64
}

func (c *counters) start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started++
}

func (c *counters) kill(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.killed == nil {
		c.killed = map[string]uint64{}
	}
	c.killed[reason]++
}

// end counts a worker that a request did not get an answer from.
func (p *Pool) end(failure error) {
	switch list := fault.Of(failure); {
	case list[0].Code == fault.Timeout:
		p.counters.kill(killedTimeout)
	case list[0].Code == fault.Canceled:
		p.counters.kill(killedCanceled)
	case list[0].Message == p.memoryFault().Message:
		p.counters.kill(killedMemory)
	default:
		p.counters.kill(killedCrash)
	}
}

// Stats returns what the pool does now. It does not wait for any worker.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	now := Stats{Busy: p.inFlight, Idle: len(p.idle), Starting: p.starting, Queued: len(p.queue), Failures: p.failures}
	p.mu.Unlock()
	p.counters.mu.Lock()
	defer p.counters.mu.Unlock()
	now.Started, now.Killed = p.counters.started, maps.Clone(p.counters.killed)
	return now
}
