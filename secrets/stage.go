// Package secrets is the stage of a request that turns references to Vault, and
// to other stores, into injections: what leaves it holds ciphertext or pointers, and no value.
//
// The sub-packages each know one thing: reference the grammar, binding who may
// read what, store and vault where values come from, seal and inject what a
// Secret becomes, leak the last search. [Stage.Apply] runs them in this order
// and none looks back:
//
//	collect → authorize → choose the injection → resolve → inject → roll → scan
//
// Every reference is authorized before anything is asked of the store. Faults
// of all references are reported together, whichever step finds them.
package secrets

import (
	"context"
	"slices"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/binding"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/leak"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/seal"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
)

// Identity is who a request is for, as the repo-server said.
type Identity = binding.Identity

// PlainSecrets says what becomes of a Secret with data and without references.
type PlainSecrets string

// The answers. Deny, the default, keeps the habit of committing secrets out.
const (
	PlainDeny PlainSecrets = "deny"
	PlainSeal PlainSecrets = "seal"
	PlainPass PlainSecrets = "pass"
)

// Limits bound one request. Zero means the default.
type Limits struct {
	// Paths is the most distinct paths and versions; the default is 200.
	Paths int
	// References is the most references; the default is 10000.
	References int
	// Parallel is how many reads of one request run at once; the default is 8.
	Parallel int
}

const (
	defaultPaths      = 200
	defaultReferences = 10_000
	defaultParallel   = 8
)

// Environment is what the platform has set for one environment.
type Environment struct {
	// Default is the injection where nobody chooses.
	Default inject.Kind
	// Allowed are the injections that an application may choose. Plaintext
	// counts only where a binding names it too.
	Allowed []inject.Kind
	// Injections are those that are set up; each kind in Allowed must be here.
	Injections map[inject.Kind]inject.Injection
	// Sealer seals for the environment's cluster, and keys the checksums that
	// roll workloads. It may be nil where nothing is sealed.
	Sealer *seal.Sealer
	// HydratorSafe keeps pointer injections from asking Vault anything, so that
	// the output depends on the repository alone.
	HydratorSafe bool
	// PlainSecrets is [PlainDeny] where empty.
	PlainSecrets PlainSecrets
	// NoChecksums leaves workloads as they are when a Secret changes.
	NoChecksums bool
}

// Stage is the stage with all that the platform has set. It is safe for
// concurrent use.
type Stage struct {
	// Bindings may be nil with Local; there they only say which objects read other
	// stores.
	Bindings *binding.Set
	Source   store.Source
	// Environments by name; a request names one.
	Environments map[string]Environment
	Limits       Limits
	// Local is for a person's own machine: every path may be referred to, at any
	// revision. Never set it where Source can reach Vault.
	Local bool
}

// Request is one application's objects after rendering.
type Request struct {
	Identity    Identity
	Environment string
	// Injection is the application's choice; empty leaves it to the environment.
	Injection inject.Kind
	Objects   []object.Object
	// APIVersions are what the destination serves.
	APIVersions []string
}

// Result is what a request became.
type Result struct {
	// Objects are the request's, in their order, with Secrets replaced. Objects
	// that did not change are the request's own.
	Objects []object.Object
	// Used are the versions that were read and what pointers name, without
	// repeats.
	Used []Usage
	// Injections are the Secrets that were replaced, for the audit trail.
	Injections []Injected
	// Certificate is the fingerprint of what sealed, the SHA-256 in hexadecimal;
	// empty where nothing was sealed.
	Certificate string
	Warnings    fault.List
}

// Usage is one key of one version of a secret that a request used.
type Usage struct {
	Binding string
	// Store is another store than Vault, such as aws-sm, of which nothing was
	// read; empty for Vault.
	Store string
	// Mount is empty for other stores.
	Mount string
	// Path is below the mount; for other stores it is the name as written.
	Path string
	// Key is empty where all keys were taken, or the whole of another store's
	// secret.
	Key string
	// Version is the version that was read; 0 where nothing was read or the
	// engine has none.
	Version int
	// Label is the version that a reference to another store names, in that
	// store's words.
	Label string
	// Pinned is set where the reference names the version, so that it does not
	// follow the secret.
	Pinned bool
}

// Injected says what one object became.
type Injected struct {
	// Object names it as it was rendered.
	Object string
	Kind   inject.Kind
	Keys   []string
}

// Apply resolves the references of a request. It fails with a [fault.List] and
// then nothing may be emitted. The context's deadline bounds all of it. The
// request's objects are not changed.
func (s *Stage) Apply(ctx context.Context, request Request) (Result, error) {
	environment, ok := s.Environments[request.Environment]
	if !ok {
		return Result{}, fault.List{fault.New(fault.Config, "the environment %q is not configured", fault.Clean(request.Environment, 80))}
	}
	p := &plan{stage: s, request: request, environment: environment, sites: map[refKey]*site{}}
	defer p.zero()
	p.collect()
	if len(p.ordered) > 0 {
		p.authorize()
	}
	p.settle()
	// A request that asks for what it may not have, or for too much, gets nothing
	// asked. Any other fault leaves the rest to be looked at, for one report.
	if p.refused() || !p.resolve(ctx) {
		return Result{}, p.faults
	}
	result := p.inject()
	if len(p.faults) > 0 {
		return Result{}, p.faults
	}
	p.faults = append(p.faults, leak.Scan(result.Objects, p.watched)...)
	if len(p.faults) > 0 {
		return Result{}, p.faults
	}
	result.Certificate = environment.certificate(result.Injections)
	return result, nil
}

// certificate names what the injections were sealed with, if one was.
func (e *Environment) certificate(injections []Injected) string {
	if e.Sealer == nil || !slices.ContainsFunc(injections, func(one Injected) bool { return one.Kind == inject.KindSealedSecret }) {
		return ""
	}
	return e.Sealer.Fingerprint()
}

// limit returns a limit or its default.
func limit(set, otherwise int) int {
	if set > 0 {
		return set
	}
	return otherwise
}

// allows tells whether an environment lets an application choose an injection.
func (e *Environment) allows(kind inject.Kind) bool {
	return kind == e.Default || slices.Contains(e.Allowed, kind)
}
