package vault_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/canary"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/vault"
)

// watched is a client whose faults and answers are searched for secrets.
type watched struct {
	*vault.Client
	watch *canary.Watch
}

func (w watched) Read(ctx context.Context, query store.Query) (store.Secret, error) {
	secret, err := w.Client.Read(ctx, query)
	w.watch.See("secrets", fmt.Sprintf("%v %+v %#v", secret, secret, secret))
	w.watch.SeeError(err)
	return secret, err
}

func (w watched) Keys(ctx context.Context, query store.Query) ([]string, error) {
	keys, err := w.Client.Keys(ctx, query)
	w.watch.See("keys", keys)
	w.watch.SeeError(err)
	return keys, err
}

func (w watched) Locate(ctx context.Context, role, path string) (store.Mount, error) {
	mount, err := w.Client.Locate(ctx, role, path)
	w.watch.SeeError(err)
	return mount, err
}

func (w watched) Check(ctx context.Context, role string) error {
	err := w.Client.Check(ctx, role)
	w.watch.SeeError(err)
	return err
}

func newClient(t testing.TB, address string, roles ...vault.Role) watched {
	t.Helper()
	return newClientOf(t, vault.Config{Address: address, Roles: roles})
}

func newClientOf(t testing.TB, config vault.Config) watched {
	t.Helper()
	watch := canary.Over(t)
	watch.Secret(held)
	watch.Secret(token)
	client, err := vault.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close(context.Background()) })
	return watched{client, watch}
}
