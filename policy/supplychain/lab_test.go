package supplychain_test

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/sigstore/sigstore-go/pkg/root"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/internal/signtest"
	"github.com/argocd-seal/argocd-seal-plugin/policy/image"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/attest"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/cosign"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/notation"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/registry"
)

// lab is a registry, those who sign, and a verifier of what they do.
type lab struct {
	testing.TB
	registry *signtest.Registry
	key      signtest.Key
	other    signtest.Key
	sigstore signtest.Sigstore
	ca       *signtest.CA
	now      func() time.Time
	limits   registry.Limits
	also     []string
	fields   []image.Field
	fresh    time.Duration
}

// ci is who signs without keys.
var ci = signtest.Who{Subject: "https://github.com/example/guestbook/.github/workflows/build.yaml@refs/heads/main", Issuer: "https://token.actions.githubusercontent.com"}

func newLab(t testing.TB) *lab {
	return &lab{
		TB: t, registry: signtest.NewRegistry(t), key: signtest.NewKey(t), other: signtest.NewKey(t),
		sigstore: signtest.NewSigstore(t), ca: signtest.NewCA(t, "platform"), now: time.Now, fresh: time.Hour,
		limits: registry.Limits{Timeout: 5 * time.Second},
	}
}

func (l *lab) check(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

// push makes an image.
func (l *lab) push() name.Digest { return l.registry.Push(l, "apps/guestbook", "v1") }

// signers are all whom rules of the lab name: release by a key, logged by a key with
// proofs of the log, ci by certificates, stamped by certificates with timestamps,
// and team with Notation.
func (l *lab) signers() []supplychain.Signer {
	l.Helper()
	logged, err := cosign.ReadRoot(l.sigstore.Root(l))
	l.check(err)
	stamped, err := cosign.ReadRoot(l.sigstore.StampRoot(l))
	l.check(err)
	identities := []cosign.Identity{{Issuer: ci.Issuer, SubjectRegExp: `https://github\.com/example/guestbook/.*`}}
	certified := func(name string, trusted *root.TrustedRoot) supplychain.Signer {
		made, err := cosign.WithCertificates(name, identities, trusted)
		l.check(err)
		return supplychain.Signer{Name: name, Cosign: supplychain.Fixed{Is: made}}
	}
	team, err := notation.New(notation.Trust{
		Name: "team", Certificates: []*x509.Certificate{l.ca.Certificate}, Identities: []string{"x509.subject: C=US, ST=WA, O=example, CN=signer"},
	})
	l.check(err)
	return []supplychain.Signer{
		l.keyed("release", l.key, nil), l.keyed("logged", l.key, logged), certified("ci", logged), certified("stamped", stamped),
		{Name: "team", Notation: team},
	}
}

func (l *lab) keyed(name string, key signtest.Key, trusted *root.TrustedRoot) supplychain.Signer {
	l.Helper()
	keys, err := cosign.ReadKeys(key.PEM(l))
	l.check(err)
	made, err := cosign.WithKeys(name, keys, trusted)
	l.check(err)
	return supplychain.Signer{Name: name, Cosign: supplychain.Fixed{Is: made}}
}

// verifier makes one for an environment named production.
func (l *lab) verifier(environment supplychain.Environment) *supplychain.Verifier {
	l.Helper()
	client, err := registry.New([]registry.Registry{{Host: l.registry.Host, Also: l.also}}, l.limits)
	l.check(err)
	made, err := supplychain.New(supplychain.Config{
		Registries: client, Signers: l.signers(), Environments: map[string]supplychain.Environment{"production": environment},
		Fresh: l.fresh, Keep: 24 * time.Hour, Now: func() time.Time { return l.now() }, Fields: l.fields,
	})
	l.check(err)
	return made
}

// rule matches everything in the lab's registry.
func (l *lab) rule(change func(*supplychain.Rule)) supplychain.Environment {
	made := supplychain.Rule{Name: "apps", Images: []string{l.registry.Host + "/apps/**"}}
	change(&made)
	return supplychain.Environment{Rules: []supplychain.Rule{made}}
}

func signedBy(signers ...string) func(*supplychain.Rule) {
	return func(r *supplychain.Rule) { r.Signatures = []supplychain.SignatureRule{{SignedBy: signers}} }
}

func attested(rules attest.Rules) func(*supplychain.Rule) {
	return func(r *supplychain.Rule) { r.Attested = rules }
}

// deployment runs images.
func deployment(images ...string) object.Object {
	var containers []any
	for _, text := range images {
		containers = append(containers, map[string]any{"name": "c", "image": text})
	}
	return object.Object{File: "deployment.yaml", Line: 1, Fields: map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": "guestbook"},
		"spec": map[string]any{"template": map[string]any{"spec": map[string]any{"containers": containers}}},
	}}
}

// verify asks about images of one deployment.
func (l *lab) verify(v *supplychain.Verifier, images ...string) *supplychain.Result {
	l.Helper()
	result, err := v.Verify(l.Context(), supplychain.Request{
		Environment: "production", Objects: []object.Object{deployment(images...)}, RepoURL: "https://github.com/example/guestbook.git",
	})
	l.check(err)
	return result
}

// said is what was found about the only image, as "CODE rule: message".
func said(result *supplychain.Result) string {
	var all []string
	for _, one := range result.Images {
		for _, finding := range one.Findings {
			all = append(all, string(finding.Code)+" "+finding.Rule+": "+finding.Message)
		}
	}
	if len(all) == 0 {
		return "admitted"
	}
	return strings.Join(all, "\n")
}
