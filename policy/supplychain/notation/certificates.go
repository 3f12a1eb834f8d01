package notation

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"strings"

	"github.com/notaryproject/notation-go/verifier/truststore"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

const (
	// maxPEM is the size in bytes of the largest file of certificates.
	maxPEM = 1 << 20
	// subject begins an identity by the parts of its certificate's subject.
	subject = "x509.subject:"
	anyone  = "*"
)

// ReadCertificates returns the certificates of a PEM file, of at most a mebibyte.
// A file without one, or with anything else in it, is an E_CONFIG fault: a key
// or half a certificate there is a mistake that should be noticed at the start.
func ReadCertificates(content []byte) ([]*x509.Certificate, error) {
	if len(content) > maxPEM {
		return nil, fault.New(fault.Config, "the file of certificates has more than %d bytes", maxPEM)
	}
	var certificates []*x509.Certificate
	for rest := content; len(bytes.TrimSpace(rest)) > 0; {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		switch {
		case block == nil:
			return nil, fault.New(fault.Config, "the file of certificates has text behind certificate %d that is none", len(certificates))
		case block.Type != "CERTIFICATE":
			return nil, fault.New(fault.Config, "the file of certificates has a %s block", fault.Clean(block.Type, 40)).WithFix("leave nothing but certificates in it")
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fault.New(fault.Config, "certificate %d of the file cannot be read", len(certificates)+1)
		}
		certificates = append(certificates, certificate)
	}
	if len(certificates) == 0 {
		return nil, fault.New(fault.Config, "the file has no certificate").WithFix("give one in PEM")
	}
	return certificates, nil
}

// validate says what of a trust cannot work.
func (t *Trust) validate() error {
	if t.Name == "" {
		return fault.New(fault.Config, "a signer of Notation has no name")
	}
	if len(t.Certificates) == 0 {
		return t.refuse("certificates", "there is none, so nothing could be trusted")
	}
	for _, certificate := range t.Certificates {
		if certificate == nil || truststore.ValidateCertificates([]*x509.Certificate{certificate}) != nil {
			return t.refuse("certificates", "one is neither an authority's nor self-signed").
				WithFix("name the authority that issued it, and the certificate's subject under identities")
		}
	}
	for _, root := range t.TimestampCertificates {
		if root == nil || root.CheckSignatureFrom(root) != nil || !bytes.Equal(root.RawSubject, root.RawIssuer) {
			return t.refuse("timestampCertificates", "one is not the root of a timestamping authority").
				WithFix("name the self-signed certificate at the end of its chain")
		}
	}
	return t.validateIdentities()
}

func (t *Trust) validateIdentities() error {
	if len(t.Identities) == 0 {
		return t.refuse("identities", "there is none, so nobody could sign").WithFix(`name subjects, or "*" for everybody who has a certificate below the trusted ones`)
	}
	for _, identity := range t.Identities {
		// Identities that begin with anything else are meant for plugins: the library
		// passes over them.
		if identity != anyone && !strings.HasPrefix(identity, subject) {
			return t.refuse("identities", "%q does not begin with %s", fault.Clean(identity, 200), subject)
		}
		document := t.document(identity)
		if document.Validate() != nil {
			return t.refuse("identities", "%q is no subject that can be compared", fault.Clean(identity, 200)).
				WithFix("write C, ST and O at least, each once, as in x509.subject: C=US, ST=WA, O=example")
		}
	}
	return nil
}
