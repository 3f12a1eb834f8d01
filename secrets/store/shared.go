package store

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// maxFlight bounds one shared read, whoever waits for it.
const maxFlight = 30 * time.Second

// Shared lets requests that read the same version of the same secret with the
// same role at the same time share one read. Nothing is kept once a read has
// ended. Every caller gets its own copy of the values, so that each can zero
// what it got.
type Shared struct {
	source  Source
	flights singleflight.Group
	// joined and flown count those who waited for somebody else's read, and the
	// reads.
	joined, flown atomic.Uint64
}

var _ Source = (*Shared)(nil)

// NewShared wraps a source.
func NewShared(source Source) *Shared { return &Shared{source: source} }

// Source returns what is read from.
func (s *Shared) Source() Source { return s.source }

// Use returns how many reads were shared with one under way, and how many went
// to the source, since the start.
func (s *Shared) Use() (shared, read uint64) { return s.joined.Load(), s.flown.Load() }

// Locate asks the source; it is expected to know mounts by itself.
func (s *Shared) Locate(ctx context.Context, role, path string) (Mount, error) {
	return s.source.Locate(ctx, role, path)
}

// Read joins a read that is under way, or starts one.
func (s *Shared) Read(ctx context.Context, query Query) (Secret, error) {
	result, err := s.join(ctx, "read", query, func(ctx context.Context) (any, error) {
		return s.source.Read(ctx, query)
	})
	if err != nil {
		return Secret{}, err
	}
	secret := result.(Secret)
	secret.Values = clone(secret.Values)
	return secret, nil
}

// Keys joins a look-up that is under way, or starts one.
func (s *Shared) Keys(ctx context.Context, query Query) ([]string, error) {
	result, err := s.join(ctx, "keys", query, func(ctx context.Context) (any, error) {
		return s.source.Keys(ctx, query)
	})
	if err != nil {
		return nil, err
	}
	return append([]string(nil), result.([]string)...), nil
}

// join runs a flight apart from the caller's cancellation: one request that
// ends early must not fail the others. A flight ends by itself after maxFlight.
// One that was under way already may end with what was wrong before the caller
// came, so that the caller then flies once more.
func (s *Shared) join(ctx context.Context, kind string, query Query, fly func(context.Context) (any, error)) (any, error) {
	result, own, err := s.fly(ctx, kind, query, fly)
	if !own && ctx.Err() == nil && fault.CodeOf(err) == fault.Vault {
		result, _, err = s.fly(ctx, kind, query, fly)
	}
	return result, err
}

// fly joins a flight or starts one, and tells which.
func (s *Shared) fly(ctx context.Context, kind string, query Query, fly func(context.Context) (any, error)) (result any, own bool, err error) {
	key := fmt.Sprintf("%s\x00%s\x00%s\x00%s\x00%d\x00%q", kind, query.Role, query.Mount.Path, query.Path, query.Version, query.Wanted)
	started := false
	flight := s.flights.DoChan(key, func() (any, error) {
		started = true
		s.flown.Add(1)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxFlight)
		defer cancel()
		return fly(ctx)
	})
	select {
	case <-ctx.Done():
		return nil, true, fault.New(fault.Vault, "Vault did not answer within the request's time").
			WithFix("Argo CD tries again by itself; if it lasts, the platform team runs argocd-seal doctor")
	case result := <-flight:
		if !started {
			s.joined.Add(1)
		}
		return result.Val, started, result.Err
	}
}
