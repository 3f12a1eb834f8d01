// Package notation verifies signatures of the Notary Project, as `notation sign`
// makes them, for images that manifests name.
//
// It is wholly offline: who calls it fetches the envelopes, the referrers of the
// image of the artifact type [ArtifactType], and gives their bytes. What is
// checked is what the level "strict" of a trust policy demands, but for
// revocation: whether a certificate was revoked could only be asked over the
// network, at servers that the signature itself names. To stop trusting a
// certificate, take it out of the trusted ones, or give certificates short
// lives and signatures an expiry.
//
// No plugin ever runs, so a signature that demands one is refused, as is one with
// any other attribute that a verifier must understand.
package notation

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"slices"
	"time"

	"github.com/notaryproject/notation-core-go/revocation"
	"github.com/notaryproject/notation-core-go/revocation/result"
	"github.com/notaryproject/notation-core-go/signature"
	library "github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/verifier"
	"github.com/notaryproject/notation-go/verifier/trustpolicy"
	"github.com/notaryproject/notation-go/verifier/truststore"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// ArtifactType is the type of the referrers of an image that hold envelopes.
const ArtifactType = "application/vnd.cncf.notary.signature"

// The media types of envelopes.
const (
	MediaTypeJWS  = "application/jose+json"
	MediaTypeCOSE = "application/cose"
)

// MaxEnvelope is the size in bytes of the largest envelope that is looked at.
// Real ones have some kilobytes.
const MaxEnvelope = 1 << 20

// Trust is what plugin.yaml says of one signer.
type Trust struct {
	// Name is what messages call the signer.
	Name string
	// Certificates are the trusted ones: of authorities, or self-signed ones that
	// sign images themselves. A signature must have one of them in its chain.
	Certificates []*x509.Certificate
	// Identities say which certificates below them may sign, as a trust policy of
	// Notation does: "x509.subject: C=US, ST=WA, O=example" fits subjects that have
	// these parts and maybe others; "*" alone fits all.
	Identities []string
	// TimestampCertificates are the roots of timestamping authorities. With them, a
	// signature whose certificate has expired counts if it was timestamped
	// before. Without, it is refused.
	TimestampCertificates []*x509.Certificate
}

// Signature is what a person and a policy want to know of a verified signature.
type Signature struct {
	// Signer is the Name of its [Trust].
	Signer string `json:"signer"`
	// Subject and Issuer are those of the certificate that signed, as RFC 4514 writes
	// them.
	Subject string `json:"subject"`
	Issuer  string `json:"issuer"`
	// Chain has the SHA-256 of each certificate, as "sha256:" and hexadecimal digits,
	// from the one that signed to the root.
	Chain []string `json:"chain"`
	// SignedAt is when the signer says that it signed; nobody else vouches for it.
	SignedAt time.Time `json:"signedAt"`
	// Expires is when the signer wants the signature to end; zero means never.
	Expires time.Time `json:"expires,omitzero"`
	// CertificateExpires is the end of the certificate that signed.
	CertificateExpires time.Time `json:"certificateExpires"`
	// Annotations are what the signer said of the image besides, with
	// `notation sign --user-metadata`.
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Verifier checks signatures of one signer. It may be used by many goroutines at
// a time.
type Verifier struct {
	trust   Trust
	library library.Verifier
}

// policyName is what the library calls the only policy and its stores. Names of
// signers may have signs that the library does not allow there.
const policyName = "signer"

// scope is a repository that a policy for all of them applies to. The real one
// would change nothing.
const scope = "example.com/image@"

// New returns a verifier for a signer, or an E_CONFIG fault that says what of the
// trust cannot work.
func New(trust Trust) (*Verifier, error) {
	if err := trust.validate(); err != nil {
		return nil, err
	}
	// What was validated stays so.
	trust.Certificates, trust.TimestampCertificates = slices.Clone(trust.Certificates), slices.Clone(trust.TimestampCertificates)
	document := trust.document(trust.Identities...)
	offline := verifier.VerifierOptions{RevocationCodeSigningValidator: unasked{}, RevocationTimestampingValidator: unasked{}}
	verifies, err := verifier.NewWithOptions(&document, store{&trust}, nil, offline)
	if err != nil {
		// Each identity is valid on its own.
		return nil, trust.refuse("identities", "two of them overlap, or * is not alone").
			WithFix("leave out the narrower one of two identities")
	}
	return &Verifier{trust: trust, library: verifies}, nil
}

// document is the trust policy that the library works by.
func (t *Trust) document(identities ...string) trustpolicy.Document {
	stores := []string{string(truststore.TypeCA) + ":" + policyName}
	if len(t.TimestampCertificates) > 0 {
		stores = append(stores, string(truststore.TypeTSA)+":"+policyName)
	}
	return trustpolicy.Document{Version: "1.0", TrustPolicies: []trustpolicy.TrustPolicy{{
		Name: policyName, RegistryScopes: []string{"*"}, TrustStores: stores, TrustedIdentities: identities,
		SignatureVerification: trustpolicy.SignatureVerification{
			VerificationLevel: trustpolicy.LevelStrict.Name,
			Override:          map[trustpolicy.ValidationType]trustpolicy.ValidationAction{trustpolicy.TypeRevocation: trustpolicy.ActionSkip},
			VerifyTimestamp:   trustpolicy.OptionAfterCertExpiry,
		},
	}}}
}

// store gives the library the certificates of the trust.
type store struct{ trust *Trust }

var _ truststore.X509TrustStore = store{}

func (s store) GetCertificates(_ context.Context, kind truststore.Type, _ string) ([]*x509.Certificate, error) {
	switch kind {
	case truststore.TypeCA:
		return s.trust.Certificates, nil
	case truststore.TypeTSA:
		return s.trust.TimestampCertificates, nil
	}
	return nil, nil
}

// unasked stands where the library would ask the servers that a certificate names
// whether it was revoked. For timestamping authorities it asks whatever the
// policy says.
type unasked struct{}

var _ revocation.Validator = unasked{}

func (unasked) ValidateContext(_ context.Context, options revocation.ValidateContextOptions) ([]*result.CertRevocationResult, error) {
	results := make([]*result.CertRevocationResult, len(options.CertChain))
	for i := range results {
		results[i] = &result.CertRevocationResult{Result: result.ResultNonRevokable}
	}
	return results, nil
}

// Verify checks one envelope for an image. A signature that does not count is an
// E_IMAGE_SIGNATURE fault, which says why in words of its own.
//
// The digest of the image must be the one that was signed. It fixes every byte,
// and so the size too; the media type says how the bytes are read, and a document
// can be made that is an image as one type and an index as another. So who knows
// media type and size gives them, and they must be the signed ones. Where an image
// has none (the empty string, 0), the digest alone is compared, which is safe as
// long as the signer does not sign such documents.
func (v *Verifier) Verify(ctx context.Context, image ocispec.Descriptor, mediaType string, envelope []byte) (verified Signature, err error) {
	// A library's panic is the envelope's fault and must not end the process.
	defer func() {
		if recover() != nil {
			verified, err = Signature{}, v.malformed()
		}
	}()
	return v.verify(ctx, image, mediaType, envelope)
}

// verify is Verify without the fence.
func (v *Verifier) verify(ctx context.Context, image ocispec.Descriptor, mediaType string, envelope []byte) (Signature, error) {
	if err := v.acceptable(ctx, image, mediaType, envelope); err != nil {
		return Signature{}, err
	}
	// Nothing has been proved of what is read here: it can only lead to a refusal.
	claimed, target, err := v.read(mediaType, envelope)
	if err != nil {
		return Signature{}, err
	}
	if err := v.supported(claimed); err != nil {
		return Signature{}, err
	}
	wanted, err := v.sameImage(image, target)
	if err != nil {
		return Signature{}, err
	}
	outcome, err := v.library.Verify(ctx, wanted, envelope,
		library.VerifierVerifyOptions{ArtifactReference: scope + wanted.Digest.String(), SignatureMediaType: mediaType})
	if err != nil || outcome == nil || outcome.EnvelopeContent == nil {
		return Signature{}, v.explain(outcome)
	}
	return v.signature(&outcome.EnvelopeContent.SignerInfo, target), nil
}

func (v *Verifier) signature(info *signature.SignerInfo, target ocispec.Descriptor) Signature {
	leaf := info.CertificateChain[0]
	found := Signature{
		Signer: v.trust.Name, Subject: leaf.Subject.String(), Issuer: leaf.Issuer.String(),
		SignedAt: info.SignedAttributes.SigningTime.UTC(), CertificateExpires: leaf.NotAfter.UTC(), Annotations: target.Annotations,
	}
	if expires := info.SignedAttributes.Expiry; !expires.IsZero() {
		found.Expires = expires.UTC()
	}
	for _, certificate := range info.CertificateChain {
		sum := sha256.Sum256(certificate.Raw)
		found.Chain = append(found.Chain, "sha256:"+hex.EncodeToString(sum[:]))
	}
	return found
}

// refuse is a fault of the trust's configuration.
func (t *Trust) refuse(field, format string, args ...any) *fault.Error {
	return fault.New(fault.Config, format, args...).At("signer "+t.Name, field)
}
