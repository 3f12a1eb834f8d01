package supplychain

import (
	"context"
	"crypto"
	"sync"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
	"golang.org/x/sync/singleflight"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
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

const (
	// keysFresh is how long keys of Vault are taken for those that Vault has, and
	// keysKept how long they count while Vault cannot be asked.
	keysFresh = 5 * time.Minute
	keysKept  = time.Hour
)

// Transit is a signer with the public keys of a key of Vault's transit engine, all
// versions that Vault itself would verify with. Make it with [NewTransit].
type Transit struct {
	name    string
	trusted *root.TrustedRoot
	read    func(ctx context.Context) ([]crypto.PublicKey, error)
	flights singleflight.Group

	mu     sync.Mutex
	is     *cosign.Signer
	from   time.Time
	failed failure
}

// NewTransit makes a signer of what read returns, which is asked again every five
// minutes. While Vault cannot be asked, the last keys count for an hour. Trusted is
// as in [cosign.WithKeys].
func NewTransit(name string, trusted *root.TrustedRoot, read func(ctx context.Context) ([]crypto.PublicKey, error)) *Transit {
	return &Transit{name: name, trusted: trusted, read: read}
}

// Signer returns the signer with the keys of now. Its errors are those of Vault.
func (t *Transit) Signer(ctx context.Context) (*cosign.Signer, error) {
	t.mu.Lock()
	is, from, failed := t.is, t.from, t.failed
	t.mu.Unlock()
	if is != nil && time.Since(from) < keysFresh {
		return is, nil
	}
	if failed.err != nil && time.Since(failed.at) < retry {
		return lasting(is, from, failed.err)
	}
	select {
	case got := <-t.flights.DoChan("", func() (any, error) { return t.ask(context.WithoutCancel(ctx)) }):
		made, _ := got.Val.(*cosign.Signer)
		if got.Err != nil {
			return lasting(is, from, got.Err)
		}
		return made, nil
	case <-ctx.Done():
		return nil, fault.New(fault.Vault, "Vault was not waited for any longer")
	}
}

// lasting returns the keys from before, where it is Vault that cannot be asked.
func lasting(is *cosign.Signer, from time.Time, err error) (*cosign.Signer, error) {
	if is != nil && time.Since(from) < keysKept && fault.CodeOf(err) == fault.Vault {
		return is, nil
	}
	return nil, err
}

// ask reads the keys; read ends by itself.
func (t *Transit) ask(ctx context.Context) (*cosign.Signer, error) {
	keys, err := t.read(ctx)
	var made *cosign.Signer
	if err == nil {
		made, err = cosign.WithKeys(t.name, keys, t.trusted)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.failed = failure{err, time.Now()}
		return nil, err
	}
	t.is, t.from, t.failed = made, time.Now(), failure{}
	return made, nil
}
