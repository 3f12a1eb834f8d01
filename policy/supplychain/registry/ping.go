package registry

import (
	"context"
	"sync"

	oras "oras.land/oras-go/v2/registry/remote"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/loopback"
	"github.com/argocd-seal/argocd-seal-plugin/policy/image"
)

// Ping asks every registry whether it is there and takes the login, and returns what
// is wrong by host; nil where nothing is.
func (c *Client) Ping(ctx context.Context) map[string]error {
	found := make(map[string]error, len(c.hosts))
	var mu sync.Mutex
	var all sync.WaitGroup
	for name, h := range c.hosts {
		all.Go(func() {
			err := h.ping(ctx, c.limits)
			mu.Lock()
			defer mu.Unlock()
			found[name] = err
		})
	}
	all.Wait()
	return found
}

func (h *host) ping(ctx context.Context, limits Limits) error {
	ctx, cancel := context.WithTimeout(ctx, limits.Timeout)
	defer cancel()
	registry, err := oras.NewRegistry(h.Host)
	if err != nil {
		return fault.New(fault.ImageRegistry, "%q is not the name of a registry", fault.Clean(h.Host, 100))
	}
	registry.Client, registry.PlainHTTP = h.client, loopback.Host(h.Host)
	if err := registry.Ping(ctx); err != nil {
		return failed(image.Name{Registry: h.Host}, err)
	}
	return nil
}
