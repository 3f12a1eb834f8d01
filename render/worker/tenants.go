package worker

import (
	"fmt"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// Tenants share the workers, because one whose renders never end would else have
// all of them until their deadlines, again and again, and the others none.
//
// A tenant alone may have all of Concurrency. One worker more is in reserve for a
// tenant that has none while others have them all: no worker is taken away from a
// request, and no part of the pool lies idle while only one tenant uses it. Which
// request is next is up to how many workers its tenant has.

// next returns which request of the queue gets the next worker: the oldest of the
// tenants that have the fewest workers; -1 where none may have one now. The pool's
// mutex is held.
func (p *Pool) next() int {
	best := -1
	for at, t := range p.queue {
		if p.may(t) && (best < 0 || p.busy[t.tenant] < p.busy[p.queue[best].tenant]) {
			best = at
		}
	}
	return best
}

// may tells whether there is a place for a request, if only the one in reserve.
func (p *Pool) may(t *ticket) bool {
	if p.inFlight < p.config.Concurrency {
		return true
	}
	return p.inFlight == p.config.Concurrency && t.tenant != "" && p.busy[t.tenant] == 0
}

// runnable returns for how many requests of the queue there is a place.
func (p *Pool) runnable() int {
	if places := p.config.Concurrency - p.inFlight; places > 0 {
		return min(len(p.queue), places)
	}
	if p.next() >= 0 {
		return 1
	}
	return 0
}

// crowded returns an E_BUSY fault where a request may not even wait: the queue is
// full, or its tenant has half of it. One that the place in reserve is there for
// does not wait.
func (p *Pool) crowded(t *ticket) error {
	waiting := 0
	for _, other := range p.queue {
		if other.tenant == t.tenant {
			waiting++
		}
	}
	message := ""
	switch free := max(0, p.config.Concurrency-p.inFlight); {
	case free == 0 && waiting == 0 && p.may(t):
		return nil
	case t.tenant != "" && waiting >= (p.config.Queue+1)/2+free:
		message = "too many requests of this project wait"
	case len(p.queue) >= p.config.Queue+free:
		message = fmt.Sprintf("%d requests are being rendered and %d wait", p.config.Concurrency, p.config.Queue)
	default:
		return nil
	}
	return fault.New(fault.Busy, "%s", message).WithFix("Argo CD retries by itself; raise render.workers.concurrency if it lasts")
}

// leave gives a place back.
func (p *Pool) leave(tenant string) {
	p.inFlight--
	if p.busy[tenant]--; p.busy[tenant] == 0 {
		delete(p.busy, tenant)
	}
}
