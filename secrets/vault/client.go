package vault

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
)

// Client reads from one Vault. It is safe for concurrent use.
type Client struct {
	config   Config
	pool     *http.Client
	limiter  *rate.Limiter
	breaker  *breaker
	sessions map[string]*session
	lookups  singleflight.Group
	observe  atomic.Pointer[Observe]

	mu     sync.Mutex
	mounts map[mountKey]mountEntry
}

var _ store.Source = (*Client)(nil)

// New checks a configuration and returns a client. It does not ask Vault
// anything: a sidecar must start while Vault is down.
func New(config Config) (*Client, error) {
	if config.Timeout <= 0 {
		config.Timeout = defaultTimeout
	}
	if config.RequestsPerSecond <= 0 {
		config.RequestsPerSecond = defaultRate
	}
	if err := config.check(); err != nil {
		return nil, err
	}
	pool, err := newHTTPClient(config)
	if err != nil {
		return nil, err
	}
	c := &Client{
		config: config, pool: pool, limiter: rate.NewLimiter(rate.Limit(config.RequestsPerSecond), burst),
		breaker: &breaker{now: time.Now}, sessions: map[string]*session{}, mounts: map[mountKey]mountEntry{},
	}
	pool.Transport = observed{pool.Transport, &c.observe}
	for _, role := range config.Roles {
		s := &session{client: c, role: role, turn: make(chan struct{}, 1)}
		namespace := role.Namespace
		if namespace == "" {
			namespace = config.Namespace
		}
		if s.api, err = newAPI(config, namespace, pool); err != nil {
			return nil, err
		}
		if s.anonymous, err = newAPI(config, namespace, pool); err != nil {
			return nil, err
		}
		c.sessions[role.Name] = s
	}
	return c, nil
}

// tick is how often Run looks for tokens that are due.
const tick = 2 * time.Second

// Run keeps the tokens that are in use alive until the context ends, then
// revokes them. It returns nil; a token that cannot be renewed is the next
// request's to report.
func (c *Client) Run(ctx context.Context) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			const farewell = 5 * time.Second
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
			defer cancel()
			return c.Close(last)
		case <-ticker.C:
			for _, s := range c.sessions {
				s.keep(ctx)
			}
		}
	}
}

// keep renews a token that is due, where there is one.
func (s *session) keep(ctx context.Context) {
	if s.lock(ctx) != nil {
		return
	}
	defer s.unlock()
	if s.current.Token != "" {
		_ = s.refresh(ctx)
	}
}

// Close revokes all tokens. The client can be used again and logs in anew.
func (c *Client) Close(ctx context.Context) error {
	var faults fault.List
	for _, s := range c.sessions {
		if err := s.revoke(ctx); err != nil {
			faults = append(faults, fault.Of(err)...)
		}
	}
	return faults.OrNil()
}

// Check logs a role in, for doctor.
func (c *Client) Check(ctx context.Context, role string) error {
	s, err := c.session(role)
	if err != nil {
		return err
	}
	_, err = s.ready(ctx)
	return err
}

func (c *Client) session(role string) (*session, error) {
	s, ok := c.sessions[role]
	if !ok {
		return nil, fault.New(fault.Config, "the binding's role %q is not under vault.roles", fault.Clean(role, 80))
	}
	return s, nil
}
