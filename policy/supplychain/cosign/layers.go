package cosign

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/sigstore/cosign/v2/pkg/cosign/bundle"
	"github.com/sigstore/cosign/v2/pkg/oci"
	"github.com/sigstore/cosign/v2/pkg/oci/static"
	"github.com/sigstore/sigstore/pkg/cryptoutils"

	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/registry"
)

// The annotations of a layer, after
// https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md
const (
	signatureKey   = "dev.cosignproject.cosign/signature"
	certificateKey = static.CertificateAnnotationKey
	chainKey       = static.ChainAnnotationKey
	logKey         = static.BundleAnnotationKey
	stampKey       = static.RFC3161TimestampAnnotationKey
)

// layer makes of a blob what the library calls a signature. Its errors mean that
// the blob is not what Cosign writes.
func layer(blob registry.Blob, attestation bool) (made oci.Signature, certificate *x509.Certificate, at time.Time, ok bool) {
	var opts []static.Option
	if text := blob.Annotations[certificateKey]; text != "" {
		parsed, err := cryptoutils.UnmarshalCertificatesFromPEM([]byte(text))
		if err != nil || len(parsed) == 0 {
			return nil, nil, at, false
		}
		certificate = parsed[0]
		opts = append(opts, static.WithCertChain([]byte(text), []byte(blob.Annotations[chainKey])))
	}
	if text := blob.Annotations[logKey]; text != "" {
		var proof bundle.RekorBundle
		if json.Unmarshal([]byte(text), &proof) != nil {
			return nil, nil, at, false
		}
		if _, isText := proof.Payload.Body.(string); !isText { // the library would panic
			return nil, nil, at, false
		}
		at = time.Unix(proof.Payload.IntegratedTime, 0).UTC()
		opts = append(opts, static.WithBundle(&proof))
	}
	if text := blob.Annotations[stampKey]; text != "" {
		var stamp bundle.RFC3161Timestamp
		if json.Unmarshal([]byte(text), &stamp) != nil {
			return nil, nil, at, false
		}
		opts = append(opts, static.WithRFC3161Timestamp(&stamp))
	}
	var err error
	if attestation {
		made, err = static.NewAttestation(blob.Content, opts...)
	} else {
		made, err = static.NewSignature(blob.Content, blob.Annotations[signatureKey], opts...)
	}
	return made, certificate, at, err == nil
}

// fromLayer verifies a blob at a tag beside the image. body is the statement of an
// attestation.
func (s *Signer) fromLayer(ctx context.Context, digest v1.Hash, blob registry.Blob, attestation bool) (found Signature, body []byte, why Rejection) {
	made, certificate, at, ok := layer(blob, attestation)
	if !ok {
		return found, nil, Malformed
	}
	if attestation {
		if body, ok = statement(blob.Content); !ok {
			return found, nil, Malformed
		}
	}
	verify := s.signature
	if attestation {
		verify = s.attestation
	}
	subject, issuer := by(certificate)
	if len(s.keys) == 0 && certificate != nil && !s.knows(subject, issuer) {
		return found, nil, OtherIdentity
	}
	if !verify(ctx, digest, made) {
		return found, nil, s.explain(digest, blob, made, certificate, at)
	}
	if s.logged() {
		found.At = at
	}
	if len(s.keys) == 0 {
		found.Subject, found.Issuer = subject, issuer
	}
	return found, body, ""
}

// statement takes the in-toto statement out of a DSSE envelope.
func statement(envelope []byte) ([]byte, bool) {
	var parsed struct {
		Payload string `json:"payload"`
	}
	if json.Unmarshal(envelope, &parsed) != nil {
		return nil, false
	}
	body, err := base64.StdEncoding.DecodeString(parsed.Payload)
	return body, err == nil
}

// explain finds out why the library refused. It decides nothing.
func (s *Signer) explain(digest v1.Hash, blob registry.Blob, made oci.Signature, certificate *x509.Certificate, at time.Time) Rejection {
	proof, _ := made.Bundle()
	stamp, _ := made.RFC3161Timestamp()
	switch {
	case !strings.Contains(string(claims(blob)), digest.Hex):
		return OtherDigest
	case len(s.keys) == 0 && certificate == nil:
		return NoCertificate
	case s.logged() && proof == nil:
		return NotLogged
	case !s.logged() && s.stamped() && stamp == nil:
		return NotTimestamped
	case len(s.keys) > 0:
		return WrongKey
	case !s.issued(certificate):
		return Untrusted
	case proof != nil && (at.Before(certificate.NotBefore) || at.After(certificate.NotAfter)), proof == nil && stamp == nil && time.Now().After(certificate.NotAfter):
		return Expired
	case s.logged():
		return NotLogged
	default:
		return WrongKey
	}
}

// claims are what was signed, whatever form that has.
func claims(blob registry.Blob) []byte {
	if body, ok := statement(blob.Content); ok && len(body) > 0 {
		return body
	}
	return blob.Content
}
