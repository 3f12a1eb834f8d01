package plugin

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/semaphore"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// Intakes bounds how many sources are in memory at a time, in all and for one
// tenant, so that a tenant who sends many or slow streams leaves room for the
// others. It is safe for concurrent use.
type Intakes struct {
	all       *semaphore.Weighted
	perTenant int64
	// busy and waiting count requests, for [Intakes.Load].
	busy, waiting atomic.Int64

	mu      sync.Mutex
	tenants map[string]*tenant
}

// tenant is the semaphore of one project, or of one repository where Argo CD
// sends no project. It lives as long as somebody uses it.
type tenant struct {
	slots *semaphore.Weighted
	users int
}

// NewIntakes allows all sources at a time and half of them for one tenant.
func NewIntakes(all int) *Intakes {
	return &Intakes{all: semaphore.NewWeighted(int64(all)), perTenant: int64(max(1, all/2)), tenants: map[string]*tenant{}}
}

// enter waits for a place, first among the tenant's own and then among all. The
// result gives it back.
func (i *Intakes) enter(ctx context.Context, id Identity) (leave func(), err error) {
	i.waiting.Add(1)
	defer i.waiting.Add(-1)
	key := id.tenant()
	own := i.use(key)
	if err := own.slots.Acquire(ctx, 1); err != nil {
		i.unuse(key)
		return nil, noPlace(ctx, "too many requests of this project wait")
	}
	if err := i.all.Acquire(ctx, 1); err != nil {
		own.slots.Release(1)
		i.unuse(key)
		return nil, noPlace(ctx, "too many requests wait")
	}
	i.busy.Add(1)
	return func() {
		i.busy.Add(-1)
		i.all.Release(1)
		own.slots.Release(1)
		i.unuse(key)
	}, nil
}

// noPlace is why a request got no place before its context ended. A caller who has
// left did not find the sidecar busy: nobody should be alarmed.
func noPlace(ctx context.Context, message string) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return fault.New(fault.Canceled, "the caller ended the request")
	}
	return fault.New(fault.Busy, "%s", message)
}

// Load returns how many requests have their source in memory, and how many wait
// for a place.
func (i *Intakes) Load() (busy, waiting int) {
	return int(i.busy.Load()), int(i.waiting.Load())
}

func (i *Intakes) use(key string) *tenant {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.tenants[key] == nil {
		i.tenants[key] = &tenant{slots: semaphore.NewWeighted(i.perTenant)}
	}
	i.tenants[key].users++
	return i.tenants[key]
}

func (i *Intakes) unuse(key string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.tenants[key].users--; i.tenants[key].users == 0 {
		delete(i.tenants, key)
	}
}
