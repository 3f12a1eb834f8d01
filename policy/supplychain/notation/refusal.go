package notation

import (
	"context"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"github.com/notaryproject/notation-core-go/signature"
	library "github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/verifier/trustpolicy"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// refuse is why a signature does not count. Nothing of what the library says is
// in it: that quotes what strangers wrote.
func (v *Verifier) refuse(format string, args ...any) *fault.Error {
	return fault.New(fault.ImageSignature, format, args...)
}

func (v *Verifier) malformed() *fault.Error {
	return v.refuse("the signature's envelope cannot be read, or was changed after it was signed").
		WithFix("sign the image again with notation sign")
}

func (v *Verifier) unsupported(format string, args ...any) *fault.Error {
	return v.refuse("the signature is of a kind that is not supported: "+format, args...).
		WithFix("sign with a key and a certificate of notation's own, without a verification plugin")
}

func (v *Verifier) untrusted() *fault.Error {
	return v.refuse("the signature is not trusted: its chain has none of the certificates of signer %s", v.trust.Name).
		WithFix("sign with a certificate that the signer's authority issued")
}

func ended(ctx context.Context) *fault.Error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fault.New(fault.Timeout, "the time was over before the signature was verified")
	}
	return fault.New(fault.Canceled, "the caller went away before the signature was verified")
}

// explain says why the library refused, by the check that failed.
func (v *Verifier) explain(outcome *library.VerificationOutcome) *fault.Error {
	if outcome == nil || outcome.EnvelopeContent == nil {
		return v.malformed()
	}
	info := &outcome.EnvelopeContent.SignerInfo
	failed := slices.IndexFunc(outcome.VerificationResults, func(r *library.ValidationResult) bool {
		return r.Error != nil && r.Action == trustpolicy.ActionEnforce
	})
	if failed < 0 {
		return v.unsupported("it demands something that is not known here")
	}
	switch outcome.VerificationResults[failed].Type {
	case trustpolicy.TypeAuthenticity:
		return v.notAuthentic(outcome.VerificationResults[failed].Error, info)
	case trustpolicy.TypeExpiry:
		return v.refuse("the signature expired on %s", day(info.SignedAttributes.Expiry)).WithFix("sign the image again")
	case trustpolicy.TypeAuthenticTimestamp:
		return v.outOfTime(info)
	}
	return v.malformed()
}

func (v *Verifier) notAuthentic(cause error, info *signature.SignerInfo) *fault.Error {
	if stranger := (*signature.SignatureAuthenticityError)(nil); errors.As(cause, &stranger) {
		return v.untrusted()
	}
	return v.refuse("the signature is by %q, which is none of the identities of signer %s",
		fault.Clean(info.CertificateChain[0].Subject.String(), 200), v.trust.Name).
		WithFix("sign as one of the identities that the rule names")
}

// outOfTime tells a certificate that has ended from one that has not begun, and
// from a timestamp that does not count.
func (v *Verifier) outOfTime(info *signature.SignerInfo) *fault.Error {
	now := time.Now()
	early := slices.IndexFunc(info.CertificateChain, func(c *x509.Certificate) bool { return now.Before(c.NotBefore) })
	late := slices.IndexFunc(info.CertificateChain, func(c *x509.Certificate) bool { return now.After(c.NotAfter) })
	switch {
	case early >= 0:
		return v.refuse("the certificate of the signature is not valid before %s", day(info.CertificateChain[early].NotBefore)).
			WithFix("compare the clocks of the signer and of this host")
	case late >= 0 && len(v.trust.TimestampCertificates) > 0:
		return v.refuse("the certificate of the signature expired on %s, and the signature has no trusted timestamp from before", day(info.CertificateChain[late].NotAfter)).
			WithFix("sign the image again with a valid certificate and notation sign --timestamp-url")
	case late >= 0:
		return v.refuse("the certificate of the signature expired on %s", day(info.CertificateChain[late].NotAfter)).
			WithFix("sign the image again with a valid certificate")
	}
	return v.malformed()
}

func day(t time.Time) string { return t.UTC().Format(time.RFC3339) }
