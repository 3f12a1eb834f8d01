// Package store says what a store of secrets is to the rest of the program, and
// holds those that need no server: a values file and generated fakes. Package
// vault is the real one.
package store

import (
	"context"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/value"
)

// Mount is where a KV engine is mounted.
type Mount struct {
	// Path has no slash at either end.
	Path string
	// Version is the engine's: 1 or 2.
	Version int
}

// Query names one version of one secret, and who asks.
type Query struct {
	// Role is the name of the login that reads, as the bindings give it.
	Role  string
	Mount Mount
	// Path is below the mount, without the segments of KV's API.
	Path string
	// Version is the version to read; 0 means the latest. KV version 1 has none.
	Version int
	// Wanted are the keys that will be looked at. Every store may return more.
	Wanted []string
}

// Logical returns the path that people write: mount and path.
func (q Query) Logical() string { return q.Mount.Path + "/" + q.Path }

// Secret is what one path holds.
type Secret struct {
	// Version is the version that was read; 0 where the engine has none.
	Version int
	Values  map[string]value.Value
	// Generated marks made-up values: modifiers mean nothing to them.
	Generated bool
}

// Source is a store of secrets. It is safe for concurrent use. Every method
// fails with a fault: E_SECRET where there is nothing to read, always with the
// text of [Unavailable]; E_VAULT where the store cannot be asked. No fault
// quotes what the store answered. What is returned belongs to the caller.
type Source interface {
	// Locate returns the mount that a logical or an API path lies on.
	Locate(ctx context.Context, role, path string) (Mount, error)
	// Read returns all keys of a secret with their values.
	Read(ctx context.Context, query Query) (Secret, error)
	// Keys returns the names of a secret's keys and reads no value.
	Keys(ctx context.Context, query Query) ([]string, error)
}

// Unavailable is the one fault for a missing path, version or key, for a
// deleted or destroyed version, for null, and for a path that the role may not
// read: which of these it is would tell who may not read about what exists.
func Unavailable() *fault.Error {
	return fault.New(fault.Secret, "the secret is not available").
		WithFix("check path, key and version in Vault with the role of the binding")
}

// None is the store where no Vault is set up. No binding can lead to it.
type None struct{}

var _ Source = None{}

func (None) fault() error {
	return fault.New(fault.Config, "no Vault is set up").At("", "vault.address").WithFix("set vault.address and vault.roles in plugin.yaml")
}

// Locate fails.
func (n None) Locate(context.Context, string, string) (Mount, error) { return Mount{}, n.fault() }

// Read fails.
func (n None) Read(context.Context, Query) (Secret, error) { return Secret{}, n.fault() }

// Keys fails.
func (n None) Keys(context.Context, Query) ([]string, error) { return nil, n.fault() }
