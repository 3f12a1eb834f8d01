package supplychain

import (
	"context"
	"crypto"
	"sync"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"

	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/cosign"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/notation"
)

// Signer is somebody whose signatures count, by the name that rules have.
type Signer struct {
	Name string
	// Cosign or Notation is set.
	Cosign   CosignSigner
	Notation *notation.Verifier
	// Digest names what a Notation signer accepts.
	Digest string
}

// CosignSigner gives the signer as it is now: keys of Vault change.
type CosignSigner interface {
	Signer(ctx context.Context) (*cosign.Signer, error)
}

// Fixed is a signer that does not change while the program runs.
type Fixed struct{ Is *cosign.Signer }

// Signer returns the signer.
func (f Fixed) Signer(context.Context) (*cosign.Signer, error) { return f.Is, nil }

// keysFresh is how long keys of Vault are taken for those that Vault has.
const keysFresh = 5 * time.Minute

// Transit is a signer with the public keys of a key of Vault's transit engine, all
// versions that Vault itself would verify with. Make it with [NewTransit].
type Transit struct {
	name    string
	trusted *root.TrustedRoot
	read    func(ctx context.Context) ([]crypto.PublicKey, error)

	mu   sync.Mutex
	is   *cosign.Signer
	from time.Time
}

// NewTransit makes a signer of what read returns, which is asked again every five
// minutes. Trusted is as in [cosign.WithKeys].
func NewTransit(name string, trusted *root.TrustedRoot, read func(ctx context.Context) ([]crypto.PublicKey, error)) *Transit {
	return &Transit{name: name, trusted: trusted, read: read}
}

// Signer returns the signer with the keys of now. Its errors are those of Vault.
func (t *Transit) Signer(ctx context.Context) (*cosign.Signer, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.is != nil && time.Since(t.from) < keysFresh {
		return t.is, nil
	}
	keys, err := t.read(ctx)
	if err != nil {
		return nil, err
	}
	made, err := cosign.WithKeys(t.name, keys, t.trusted)
	if err == nil {
		t.is, t.from = made, time.Now()
	}
	return made, err
}
