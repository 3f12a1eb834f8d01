// Package cosign verifies what Cosign signs: images and attestations, with keys and
// with the short-lived certificates of Fulcio, in the form of tags beside the image
// and in Sigstore's bundles. The cryptography is that of the libraries of Sigstore.
//
// Nothing here asks a network: proofs of the transparency log, timestamps and
// certificates are checked against files of the platform. What is demanded is what
// those list: with a transparency log, a signature must have been logged.
package cosign

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore/pkg/cryptoutils"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// Identity is who a certificate of Fulcio was given to, and by whose word. Of
// each pair one is set; the expressions are matched as a whole, in the syntax of
// RE2.
type Identity struct {
	Issuer, IssuerRegExp   string
	Subject, SubjectRegExp string
}

// Signer is somebody whose signatures count: whoever has one of the keys, or whoever
// has a certificate with one of the identities. Make it with [WithKeys] or
// [WithCertificates]. It is read-only and safe for concurrent use.
type Signer struct {
	name       string
	keys       []crypto.PublicKey
	identities []identity
	// root is nil for keys whose signatures need no proof.
	root   *root.TrustedRoot
	digest string
}

// identity is an Identity in which expressions are anchored: whoever could
// register github.com.example.org must not be matched by github.com.
type identity struct {
	Identity
	issuer, subject *regexp.Regexp
}

const (
	// maxKeys bounds a file of keys, maxRoot a trust root in bytes.
	maxKeys = 20
	maxRoot = 4 << 20
)

// ReadKeys reads public keys in PEM, ECDSA, RSA or Ed25519, of a file or an answer
// of Vault.
func ReadKeys(text []byte) ([]crypto.PublicKey, error) {
	var keys []crypto.PublicKey
	for len(text) > 0 {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		key, err := cryptoutils.UnmarshalPEMToPublicKey(pem.EncodeToMemory(block))
		if err != nil || len(keys) == maxKeys {
			return nil, fault.New(fault.Config, "it does not hold between 1 and %d public keys in PEM", maxKeys)
		}
		keys, text = append(keys, key), rest
	}
	if len(keys) == 0 {
		return nil, fault.New(fault.Config, "it does not hold between 1 and %d public keys in PEM", maxKeys).
			WithFix("write what cosign public-key prints")
	}
	return keys, nil
}

// ReadRoot reads a trust root, in the form of trusted_root.json that cosign
// trusted-root create writes: application/vnd.dev.sigstore.trustedroot+json.
func ReadRoot(text []byte) (*root.TrustedRoot, error) {
	parsed, err := root.NewTrustedRootFromJSON(text)
	if err != nil || len(text) > maxRoot {
		return nil, fault.New(fault.Config, "it is no trust root").WithFix("write it with cosign trusted-root create")
	}
	return parsed, nil
}

// WithKeys makes a signer of those who have a key. With a trust root, signatures
// must also be in one of its transparency logs, or have a timestamp of one of its
// authorities where it lists no log; nil asks for neither.
func WithKeys(name string, keys []crypto.PublicKey, trusted *root.TrustedRoot) (*Signer, error) {
	s := &Signer{name: name, keys: keys, root: trusted}
	var ders []string
	for _, key := range keys {
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			return nil, fault.New(fault.Config, "the signer %s has a key of an unknown kind", name)
		}
		ders = append(ders, hex.EncodeToString(der))
	}
	slices.Sort(ders) // Vault gives them in any order
	sum := sha256.Sum256([]byte(strings.Join(ders, "\n")))
	return s.sealed(sum[:])
}

// WithCertificates makes a signer of those to whom the certificate authorities of
// the trust root gave a certificate for one of the identities.
func WithCertificates(name string, identities []Identity, trusted *root.TrustedRoot) (*Signer, error) {
	s := &Signer{name: name, root: trusted}
	sum := sha256.New()
	for _, one := range identities {
		if (one.Issuer == "") == (one.IssuerRegExp == "") || (one.Subject == "") == (one.SubjectRegExp == "") {
			return nil, fault.New(fault.Config, "an identity of the signer %s does not have one issuer and one subject", name).
				WithFix("set issuer or issuerRegExp, and subject or subjectRegExp")
		}
		made := identity{Identity: one}
		var err error
		if made.issuer, err = anchored(one.IssuerRegExp, one.Issuer); err == nil {
			made.subject, err = anchored(one.SubjectRegExp, one.Subject)
		}
		if err != nil {
			return nil, fault.New(fault.Config, "an identity of the signer %s is no regular expression", name)
		}
		s.identities = append(s.identities, made)
		_, _ = fmt.Fprintf(sum, "identity %q %q\n", made.issuer, made.subject)
	}
	if len(s.identities) == 0 || trusted == nil || len(trusted.FulcioCertificateAuthorities()) == 0 {
		return nil, fault.New(fault.Config, "the signer %s needs identities and a trust root with certificate authorities", name)
	}
	return s.sealed(sum.Sum(nil))
}

// anchored compiles an expression, or a text as what matches itself.
func anchored(expression, text string) (*regexp.Regexp, error) {
	if expression == "" {
		expression = regexp.QuoteMeta(text)
	}
	return regexp.Compile(`^(?:` + expression + `)$`)
}

// sealed adds the digest of the signer.
func (s *Signer) sealed(of []byte) (*Signer, error) {
	sum := sha256.New()
	_, _ = fmt.Fprintf(sum, "%q %x\n", s.name, of)
	if s.root != nil {
		text, err := s.root.MarshalJSON()
		if err != nil {
			return nil, fault.New(fault.Config, "the trust root of the signer %s cannot be written", s.name)
		}
		_, _ = sum.Write(text)
	}
	s.digest = hex.EncodeToString(sum.Sum(nil))
	return s, nil
}

// Name is what plugin.yaml calls the signer.
func (s *Signer) Name() string { return s.name }

// Digest names everything that the signer accepts.
func (s *Signer) Digest() string { return s.digest }

// knows tells whether a certificate's subject and issuer are accepted.
func (s *Signer) knows(subject, issuer string) bool {
	return slices.ContainsFunc(s.identities, func(i identity) bool {
		return i.issuer.MatchString(issuer) && i.subject.MatchString(subject)
	})
}
