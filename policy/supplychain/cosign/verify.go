package cosign

import (
	"context"
	"crypto"
	"crypto/x509"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/sigstore/cosign/v2/pkg/cosign"
	"github.com/sigstore/cosign/v2/pkg/oci"
	"github.com/sigstore/sigstore/pkg/signature"
)

// Signature is a signature that was verified.
type Signature struct {
	// Subject and Issuer are of the certificate; empty for keys.
	Subject, Issuer string
	// At is when the transparency log or a timestamp authority saw it; zero where
	// nothing proves that.
	At time.Time
}

// Rejection says why a signature or attestation does not count, in our own words.
type Rejection string

// The reasons for which something does not count.
const (
	WrongKey       Rejection = "made with another key"
	OtherDigest    Rejection = "made for another image"
	OtherIdentity  Rejection = "made by somebody else"
	Untrusted      Rejection = "made with a certificate that no authority of the trust root gave out"
	Expired        Rejection = "made when the certificate was not valid"
	NotLogged      Rejection = "without a valid proof of a transparency log of the trust root"
	NotTimestamped Rejection = "without a valid timestamp of an authority of the trust root"
	NoCertificate  Rejection = "made with a key, where a certificate is expected"
	Malformed      Rejection = "not in the form that Cosign writes"
)

// options are how the library is asked about one key, or about certificates.
type options struct {
	base *cosign.CheckOpts
	key  bool
}

// logged tells whether the trust root lists a transparency log, and stamped whether
// it lists a timestamp authority.
func (s *Signer) logged() bool  { return s.root != nil && len(s.root.RekorLogs()) > 0 }
func (s *Signer) stamped() bool { return s.root != nil && len(s.root.TimestampingAuthorities()) > 0 }

// attempts returns each way in which something may be verified.
func (s *Signer) attempts() []options {
	var all []options
	add := func(verifier signature.Verifier, stamps bool) {
		made := &cosign.CheckOpts{
			SigVerifier: verifier, Offline: true, MaxWorkers: 1,
			IgnoreTlog: !s.logged(), UseSignedTimestamps: stamps,
			IgnoreSCT: s.root == nil || len(s.root.CTLogs()) == 0,
		}
		if s.root != nil {
			made.TrustedMaterial = s.root
		}
		all = append(all, options{base: made, key: verifier != nil})
	}
	verifiers := []signature.Verifier{nil}
	if len(s.keys) > 0 {
		verifiers = nil
		for _, key := range s.keys {
			if verifier, err := signature.LoadVerifier(key, crypto.SHA256); err == nil {
				verifiers = append(verifiers, verifier)
			}
		}
	}
	for _, verifier := range verifiers {
		if s.logged() || !s.stamped() {
			add(verifier, false)
		}
		// Entries of newer logs have no time of their own: a timestamp is with them.
		if s.stamped() {
			add(verifier, true)
		}
	}
	return all
}

// verified runs a check of the library, which may panic: what it is given is
// whatever was pushed to the registry.
func verified(check func() error) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	return check() == nil
}

// signature verifies a signature in the form of a layer.
func (s *Signer) signature(ctx context.Context, digest v1.Hash, one oci.Signature) bool {
	for _, attempt := range s.attempts() {
		check := *attempt.base
		check.ClaimVerifier = cosign.SimpleClaimVerifier
		if attempt.accepts(one) && verified(func() error {
			_, err := cosign.VerifyImageSignature(ctx, one, digest, &check)
			return err
		}) {
			return true
		}
	}
	return false
}

// attestation verifies an attestation in the form of a layer.
func (s *Signer) attestation(ctx context.Context, digest v1.Hash, one oci.Signature) bool {
	for _, attempt := range s.attempts() {
		check := *attempt.base
		check.ClaimVerifier = cosign.IntotoSubjectClaimVerifier
		if attempt.accepts(one) && verified(func() error {
			_, _, err := cosign.VerifyImageAttestation(ctx, single{one: one}, digest, &check)
			return err
		}) {
			return true
		}
	}
	return false
}

// accepts demands the timestamp that the library takes as a thing that may be
// missing.
func (o options) accepts(one oci.Signature) bool {
	if !o.base.UseSignedTimestamps {
		return true
	}
	stamp, err := one.RFC3161Timestamp()
	return err == nil && stamp != nil
}

// single is one attestation where the library expects an image of several.
type single struct {
	oci.Signatures
	one oci.Signature
}

func (s single) Get() ([]oci.Signature, error) { return []oci.Signature{s.one}, nil }

// by reads who a certificate was given to.
func by(certificate *x509.Certificate) (subject, issuer string) {
	if certificate == nil {
		return "", ""
	}
	extensions := cosign.CertExtensions{Cert: certificate}
	return nameOf(certificate), extensions.GetIssuer()
}
