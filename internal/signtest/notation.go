package signtest

import (
	"cmp"
	"crypto"
	"crypto/x509"
	"testing"
	"time"

	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/signer"
	"github.com/notaryproject/tspclient-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// NotationOptions say how [Notation] signs. The zero value is the plainest
// signature.
type NotationOptions struct {
	// MediaType is that of the envelope; empty means JWS, application/jose+json.
	MediaType string
	// Name is the common name of the signer, whose subject is [Subject]; empty
	// means signer.
	Name string
	// Expires is when the signature expires, in whole seconds after signing; 0
	// means never.
	Expires time.Duration
	// Certificate may change the certificate before it is signed.
	Certificate func(*x509.Certificate)
	// Timestamper and TimestampRoots have the signature timestamped; nil means
	// neither.
	Timestamper    tspclient.Timestamper
	TimestampRoots *x509.CertPool
}

// Notation signs an image as `notation sign` does, with a fresh certificate of the
// authority, or a self-signed one where that is nil, and returns the envelope.
func Notation(t testing.TB, ca *CA, image ocispec.Descriptor, options NotationOptions) (mediaType string, envelope []byte) {
	t.Helper()
	name := cmp.Or(options.Name, "signer")
	if ca == nil {
		chain, key := SelfSigned(t, name, options.Certificate)
		return NotationWith(t, chain, key, image, options)
	}
	chain, key := ca.Issue(t, name, options.Certificate)
	return NotationWith(t, chain, key, image, options)
}

// NotationWith signs as [Notation] does, with a certificate that there is already.
func NotationWith(t testing.TB, chain []*x509.Certificate, key crypto.Signer, image ocispec.Descriptor, options NotationOptions) (mediaType string, envelope []byte) {
	t.Helper()
	signs, err := signer.NewGenericSigner(key, chain)
	if err != nil {
		t.Fatal(err)
	}
	mediaType = cmp.Or(options.MediaType, "application/jose+json")
	envelope, _, err = signs.Sign(t.Context(), image, notation.SignerSignOptions{
		SignatureMediaType: mediaType, ExpiryDuration: options.Expires, Timestamper: options.Timestamper, TSARootCAs: options.TimestampRoots,
	})
	if err != nil {
		t.Fatal(err)
	}
	return mediaType, envelope
}
