package cosign

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/sigstore/cosign/v2/pkg/cosign"
	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"

	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/registry"
)

// signs is the predicate type of a bundle that signs an image and says nothing
// else of it.
const signs = "https://sigstore.dev/cosign/sign/v1"

// fromBundle verifies a bundle of Sigstore. isSignature tells apart the two things
// that a bundle may hold: a signature, or an attestation with a statement.
func (s *Signer) fromBundle(ctx context.Context, digest v1.Hash, blob registry.Blob) (found Signature, body []byte, isSignature bool, why Rejection) {
	parsed := &bundle.Bundle{}
	if !verified(func() error { return parsed.UnmarshalJSON(blob.Content) }) {
		return found, nil, false, Malformed
	}
	envelope, ok := parsed.Content.(*protobundle.Bundle_DsseEnvelope)
	if !ok || envelope.DsseEnvelope == nil {
		return found, nil, false, Malformed
	}
	body = envelope.DsseEnvelope.Payload
	certificate := leaf(parsed)
	subject, issuer := by(certificate)
	if len(s.keys) == 0 && certificate != nil && !s.knows(subject, issuer) {
		return found, nil, false, OtherIdentity
	}
	result := s.bundle(ctx, digest, parsed)
	if result == nil {
		return found, nil, false, s.explainBundle(digest, parsed, body, certificate)
	}
	if len(s.keys) == 0 {
		found.Subject, found.Issuer = subject, issuer
	}
	for _, stamp := range result.VerifiedTimestamps {
		if at := stamp.Timestamp.UTC(); stamp.Type != "CurrentTime" && (found.At.IsZero() || at.Before(found.At)) {
			found.At = at
		}
	}
	return found, body, result.Statement != nil && result.Statement.GetPredicateType() == signs, ""
}

// bundle asks the library in each way that is accepted; nil means that none was.
func (s *Signer) bundle(ctx context.Context, digest v1.Hash, parsed *bundle.Bundle) (result *verify.VerificationResult) {
	raw, err := hex.DecodeString(digest.Hex)
	if err != nil {
		return nil
	}
	policy := verify.WithArtifactDigest(digest.Algorithm, raw)
	for _, attempt := range s.attempts() {
		if check := *attempt.base; attempt.key {
			if check.TrustedMaterial == nil {
				check.TrustedMaterial = &root.BaseTrustedMaterial{}
			}
			if verified(func() (err error) {
				result, err = cosign.VerifyNewBundle(ctx, &check, policy, parsed)
				return err
			}) {
				return result
			}
			continue
		}
		for _, who := range s.identities {
			check := *attempt.base
			// In full, so that the library cannot match a part.
			check.Identities = []cosign.Identity{{IssuerRegExp: who.issuer.String(), SubjectRegExp: who.subject.String()}}
			if verified(func() (err error) {
				result, err = cosign.VerifyNewBundle(ctx, &check, policy, parsed)
				return err
			}) {
				return result
			}
		}
	}
	return nil
}

// leaf is the certificate of a bundle; nil where it was made with a key.
func leaf(parsed *bundle.Bundle) (certificate *x509.Certificate) {
	verified(func() error {
		content, err := parsed.VerificationContent()
		if err == nil {
			certificate = content.Certificate()
		}
		return err
	})
	return certificate
}

// explainBundle finds out why the library refused. It decides nothing.
func (s *Signer) explainBundle(digest v1.Hash, parsed *bundle.Bundle, body []byte, certificate *x509.Certificate) Rejection {
	var logged, stamped bool
	expired := false
	verified(func() error {
		entries, err := parsed.TlogEntries()
		logged = err == nil && len(entries) > 0
		for _, entry := range entries {
			at := entry.IntegratedTime()
			expired = expired || certificate != nil && (at.Before(certificate.NotBefore) || at.After(certificate.NotAfter))
		}
		return err
	})
	verified(func() error {
		stamps, err := parsed.Timestamps()
		stamped = err == nil && len(stamps) > 0
		return err
	})
	switch {
	case !strings.Contains(string(body), digest.Hex):
		return OtherDigest
	case len(s.keys) == 0 && certificate == nil:
		return NoCertificate
	case len(s.keys) > 0 && certificate != nil:
		return WrongKey
	case s.logged() && !logged:
		return NotLogged
	case !s.logged() && s.stamped() && !stamped:
		return NotTimestamped
	case len(s.keys) > 0:
		return WrongKey
	case !s.issued(certificate):
		return Untrusted
	case expired:
		return Expired
	case s.logged():
		return NotLogged
	default:
		return WrongKey
	}
}
