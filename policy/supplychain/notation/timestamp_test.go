package notation_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/notaryproject/tspclient-go"

	"github.com/argocd-seal/argocd-seal-plugin/internal/signtest"
)

// tsa is a timestamping authority: the code behind sigstore's server, without
// HTTP.
type tsa struct {
	root  *x509.Certificate
	chain []*x509.Certificate
	key   crypto.Signer
}

func newTSA(t *testing.T, change func(*x509.Certificate)) tsa {
	t.Helper()
	ca := signtest.NewCA(t, "time")
	chain, key := ca.Issue(t, "clock", func(c *x509.Certificate) {
		// What RFC 3161 demands, critical and alone.
		usage, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
		if err != nil {
			t.Fatal(err)
		}
		c.ExtKeyUsage = nil
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: usage}}
		change(c)
	})
	return tsa{root: ca.Certificate, chain: chain, key: key}
}

var _ tspclient.Timestamper = tsa{}

func (a tsa) Timestamp(_ context.Context, request *tspclient.Request) (*tspclient.Response, error) {
	asked, err := request.MarshalBinary()
	if err != nil {
		return nil, err
	}
	parsed, err := timestamp.ParseRequest(asked)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, request.Nonce)
	if err != nil {
		return nil, err
	}
	stamp := timestamp.Timestamp{
		HashAlgorithm: parsed.HashAlgorithm, HashedMessage: parsed.HashedMessage, Time: time.Now(), Nonce: parsed.Nonce, SerialNumber: serial,
		Policy: asn1.ObjectIdentifier{1, 2, 3}, Certificates: a.chain[1:], AddTSACertificate: parsed.Certificates,
	}
	answer, err := stamp.CreateResponseWithOpts(a.chain[0], a.key, crypto.SHA256)
	if err != nil {
		return nil, err
	}
	response := new(tspclient.Response)
	return response, response.UnmarshalBinary(answer)
}

// options have a signature timestamped.
func (a tsa) options(changes ...func(*x509.Certificate)) signtest.NotationOptions {
	roots := x509.NewCertPool()
	roots.AddCert(a.root)
	return signtest.NotationOptions{Timestamper: a, TimestampRoots: roots, Certificate: func(c *x509.Certificate) {
		for _, change := range changes {
			change(c)
		}
	}}
}

// A certificate ends by the clock, so this waits for it.
func TestTimestamps(t *testing.T) {
	t.Parallel()
	ca := signtest.NewCA(t, "authority")
	ours, other := newTSA(t, func(*x509.Certificate) {}), newTSA(t, func(*x509.Certificate) {})
	trust := trusting(ca.Certificate)
	without := verifier(t, trust)
	trust.TimestampCertificates = []*x509.Certificate{ours.root}
	with := verifier(t, trust)
	mediaType, stamped := signtest.Notation(t, ca, image, ours.options(endsIn(3*time.Second)))
	_, foreign := signtest.Notation(t, ca, image, other.options(endsIn(3*time.Second)))
	_, never := signtest.Notation(t, ca, image, signtest.NotationOptions{Certificate: endsIn(3 * time.Second)})
	time.Sleep(4 * time.Second)
	if _, err := with.Verify(t.Context(), image, mediaType, stamped); err != nil {
		t.Errorf("timestamped before the certificate expired: %v", err)
	}
	refused(t, with, image, mediaType, foreign, "no trusted timestamp from before")
	refused(t, with, image, mediaType, never, "no trusted timestamp from before")
	refused(t, without, image, mediaType, stamped, "the certificate of the signature expired on ")
}
