package vault

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/hashicorp/vault/api"
	"golang.org/x/sync/errgroup"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// State is what is known of a role's login without asking Vault.
type State struct {
	Role string
	// Tried tells whether the role ever logged in or tried to.
	Tried bool
	// Code is that of the fault of the last login or probe; empty where it
	// worked.
	Code fault.Code
	// Issued is when the token was got or last renewed, and Expires when it ends:
	// zero where there is no token, or where it does not end.
	Issued, Expires time.Time
}

// States returns the state of every role, sorted by name. It does not wait for
// a login that is under way.
func (c *Client) States() []State {
	states := make([]State, 0, len(c.sessions))
	for name, s := range c.sessions {
		state := State{Role: name}
		if noted := s.noted.Load(); noted != nil {
			state = *noted
		}
		states = append(states, state)
	}
	slices.SortFunc(states, func(a, b State) int { return cmp.Compare(a.Role, b.Role) })
	return states
}

// note publishes the state. The caller holds the turn.
func (s *session) note(err error) {
	state := State{Role: s.role.Name, Tried: true, Code: fault.CodeOf(err)}
	if s.current.Token != "" {
		state.Issued, state.Expires = s.issued, s.expires
	}
	s.noted.Store(&state)
}

const (
	// maxProbe bounds one look at one role, and probes how many are looked at at
	// a time.
	maxProbe = 5 * time.Second
	probes   = 4
)

// Probe logs in every role that has no token, and asks Vault whether those that
// have one still live, on the interval until ctx ends. What it finds is in
// [Client.States]. It is for readiness: requests log in by themselves.
func (c *Client) Probe(ctx context.Context, interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		c.probe(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (c *Client) probe(ctx context.Context) {
	var group errgroup.Group
	group.SetLimit(probes)
	for _, s := range c.sessions {
		group.Go(func() error {
			within, cancel := context.WithTimeout(ctx, maxProbe)
			defer cancel()
			err := s.probe(within)
			if ctx.Err() != nil {
				return nil // the end of the process says nothing of Vault
			}
			if s.lock(ctx) == nil {
				s.note(err)
				s.unlock()
			}
			return nil
		})
	}
	_ = group.Wait() // the states hold what failed
}

// probe does not hold the session's turn while it asks: a Vault that answers
// slowly must not make requests wait for it.
func (s *session) probe(ctx context.Context) error {
	generation, err := s.ready(ctx)
	if err != nil {
		return err
	}
	sent := time.Now()
	got, err := s.client.call(ctx, func(ctx context.Context) (*api.Response, error) {
		return s.api.Logical().ReadRawWithContext(ctx, "auth/token/lookup-self")
	})
	if err == nil && got.status == http.StatusForbidden {
		_, err = s.revalidate(ctx, generation, sent)
	}
	return err
}
