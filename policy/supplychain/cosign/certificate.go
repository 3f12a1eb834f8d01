package cosign

import (
	"crypto/x509"

	"github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
)

// nameOf is the subject of a certificate of Fulcio: its only alternative name. One
// with several has none, as nobody could say which of them counts.
func nameOf(certificate *x509.Certificate) string {
	names := cryptoutils.GetSubjectAlternateNames(certificate)
	if len(names) != 1 {
		return ""
	}
	return names[0]
}

// issued tells whether an authority of the trust root gave out a certificate.
func (s *Signer) issued(certificate *x509.Certificate) bool {
	return verified(func() error {
		_, err := verify.VerifyLeafCertificate(certificate.NotBefore, certificate, s.root)
		return err
	})
}
