package notation_test

import (
	"context"
	"crypto/x509"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/signtest"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/notation"
)

const identity = "x509.subject: C=US, ST=WA, O=example"

var image = ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString("image"), Size: 5}

// formats are the media types of envelopes.
var formats = []string{notation.MediaTypeJWS, notation.MediaTypeCOSE}

func trusting(certificates ...*x509.Certificate) notation.Trust {
	return notation.Trust{Name: "platform", Certificates: certificates, Identities: []string{identity}}
}

func verifier(t testing.TB, trust notation.Trust) *notation.Verifier {
	t.Helper()
	v, err := notation.New(trust)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// refused expects a fault that has a text.
func refused(t *testing.T, v *notation.Verifier, image ocispec.Descriptor, mediaType string, envelope []byte, text string) {
	t.Helper()
	verified, err := v.Verify(t.Context(), image, mediaType, envelope)
	if fault.CodeOf(err) != fault.ImageSignature || !strings.Contains(err.Error(), text) || verified.Subject != "" {
		t.Errorf("got %+v and %v, want E_IMAGE_SIGNATURE with %q", verified, err, text)
	}
}

func TestSignatureOfTrustedSigner(t *testing.T) {
	ca := signtest.NewCA(t, "authority")
	v := verifier(t, trusting(ca.Certificate))
	annotated := image
	annotated.Annotations = map[string]string{"commit": "abc"}
	for _, format := range formats {
		mediaType, envelope := signtest.Notation(t, ca, annotated, signtest.NotationOptions{MediaType: format, Name: "build", Expires: time.Hour})
		found, err := v.Verify(t.Context(), image, mediaType, envelope)
		if err != nil {
			t.Errorf("%s: %v", format, err)
			continue
		}
		if found.Signer != "platform" || found.Subject != "CN=build,O=example,ST=WA,C=US" || found.Issuer != "CN=authority,O=example,ST=WA,C=US" {
			t.Errorf("%s: signed by %q of %q for %q", format, found.Subject, found.Issuer, found.Signer)
		}
		if now := time.Now(); found.SignedAt.After(now) || !found.Expires.Equal(found.SignedAt.Add(time.Hour)) || !found.CertificateExpires.After(now) {
			t.Errorf("%s: signed at %s until %s, with a certificate until %s", format, found.SignedAt, found.Expires, found.CertificateExpires)
		}
		if root := digest.FromBytes(ca.Certificate.Raw).String(); len(found.Chain) != 2 || found.Chain[1] != root || found.Annotations["commit"] != "abc" {
			t.Errorf("%s: chain %v with root %s, annotations %v", format, found.Chain, root, found.Annotations)
		}
	}
}

func TestSelfSignedCertificate(t *testing.T) {
	_, stranger := signtest.Notation(t, nil, image, signtest.NotationOptions{})
	chain, key := signtest.SelfSigned(t, "alone", nil)
	mediaType, envelope := signtest.NotationWith(t, chain, key, image, signtest.NotationOptions{})
	v := verifier(t, trusting(chain[0]))
	if found, err := v.Verify(t.Context(), image, mediaType, envelope); err != nil || found.Subject != found.Issuer || !found.Expires.IsZero() {
		t.Errorf("got %+v, %v", found, err)
	}
	refused(t, v, image, mediaType, stranger, "not trusted")
}

func TestWhoMaySign(t *testing.T) {
	ca, other := signtest.NewCA(t, "authority"), signtest.NewCA(t, "authority")
	foreign := func(c *x509.Certificate) { c.Subject.Organization = []string{"somebody-else"} }
	for _, format := range formats {
		mediaType, envelope := signtest.Notation(t, ca, image, signtest.NotationOptions{MediaType: format, Certificate: foreign})
		refused(t, verifier(t, trusting(other.Certificate)), image, mediaType, envelope, "not trusted")
		refused(t, verifier(t, trusting(ca.Certificate)), image, mediaType, envelope, "none of the identities of signer platform")
		anyone := trusting(ca.Certificate)
		anyone.Identities = []string{"*"}
		if _, err := verifier(t, anyone).Verify(t.Context(), image, mediaType, envelope); err != nil {
			t.Errorf("anybody below the authority may sign: %v", err)
		}
	}
}

func TestOtherImage(t *testing.T) {
	ca := signtest.NewCA(t, "authority")
	v := verifier(t, trusting(ca.Certificate))
	other, index, longer, none := image, image, image, image
	other.Digest, index.MediaType, longer.Size, none.Digest = digest.FromString("other"), ocispec.MediaTypeImageIndex, 6, "sha256:beef"
	for _, format := range formats {
		mediaType, envelope := signtest.Notation(t, ca, image, signtest.NotationOptions{MediaType: format})
		refused(t, v, other, mediaType, envelope, "for another digest than "+other.Digest.String())
		refused(t, v, ocispec.Descriptor{Digest: other.Digest}, mediaType, envelope, "for another digest")
		refused(t, v, index, mediaType, envelope, "another media type")
		refused(t, v, longer, mediaType, envelope, "another size")
		refused(t, v, none, mediaType, envelope, "no valid digest")
		if _, err := v.Verify(t.Context(), ocispec.Descriptor{Digest: image.Digest}, mediaType, envelope); err != nil {
			t.Errorf("the digest alone: %v", err)
		}
	}
}

// A certificate and a signature end by the clock, so this waits for their end.
func TestWhatHasExpired(t *testing.T) {
	t.Parallel()
	ca := signtest.NewCA(t, "authority")
	v := verifier(t, trusting(ca.Certificate))
	type signed struct{ mediaType, text string }
	envelopes := map[signed][]byte{}
	for _, format := range formats {
		_, envelopes[signed{format, "the signature expired on "}] = signtest.Notation(t, ca, image, signtest.NotationOptions{MediaType: format, Expires: 2 * time.Second})
		_, envelopes[signed{format, "the certificate of the signature expired on "}] = signtest.Notation(t, ca, image, signtest.NotationOptions{MediaType: format, Certificate: endsIn(3 * time.Second)})
	}
	for s, envelope := range envelopes {
		if _, err := v.Verify(t.Context(), image, s.mediaType, envelope); err != nil {
			t.Errorf("before the end: %v", err)
		}
	}
	time.Sleep(4 * time.Second)
	for s, envelope := range envelopes {
		refused(t, v, image, s.mediaType, envelope, s.text)
	}
}

func endsIn(life time.Duration) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.NotAfter = time.Now().Add(life) }
}

// Each certificate names servers that say whether it was revoked. None may be
// asked: whoever signs chooses where they are.
func TestNothingIsAsked(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var calls atomic.Int64
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			calls.Add(1)
			_ = connection.Close()
		}
	}()
	url := "http://" + listener.Addr().String()
	ask := func(c *x509.Certificate) {
		c.CRLDistributionPoints, c.OCSPServer, c.IssuingCertificateURL = []string{url + "/crl"}, []string{url + "/ocsp"}, []string{url + "/ca"}
	}
	ca, tsa := signtest.NewCA(t, "authority"), newTSA(t, ask)
	options := tsa.options(ask, endsIn(3*time.Second))
	trust := trusting(ca.Certificate)
	trust.TimestampCertificates = []*x509.Certificate{tsa.root}
	v := verifier(t, trust)
	envelopes := map[string][]byte{}
	for _, format := range formats {
		options.MediaType = format
		_, envelopes[format] = signtest.Notation(t, ca, image, options)
		if _, err := v.Verify(t.Context(), image, format, envelopes[format]); err != nil {
			t.Error(err)
		}
	}
	time.Sleep(4 * time.Second)
	for format, envelope := range envelopes {
		if _, err := v.Verify(t.Context(), image, format, envelope); err != nil {
			t.Errorf("timestamped before its certificate expired: %v", err)
		}
	}
	_ = listener.Close()
	<-served
	if n := calls.Load(); n != 0 {
		t.Errorf("the servers that the certificates name were called %d times", n)
	}
}

func TestCanceled(t *testing.T) {
	ca := signtest.NewCA(t, "authority")
	mediaType, envelope := signtest.Notation(t, ca, image, signtest.NotationOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := verifier(t, trusting(ca.Certificate)).Verify(ctx, image, mediaType, envelope); fault.CodeOf(err) != fault.Canceled {
		t.Errorf("got %v, want E_CANCELED", err)
	}
}

func TestManyAtATime(t *testing.T) {
	ca, other := signtest.NewCA(t, "authority"), signtest.NewCA(t, "other")
	v := verifier(t, trusting(ca.Certificate))
	mediaType, good := signtest.Notation(t, ca, image, signtest.NotationOptions{MediaType: notation.MediaTypeCOSE})
	_, bad := signtest.Notation(t, other, image, signtest.NotationOptions{MediaType: notation.MediaTypeCOSE})
	want := slices.Clone(good)
	var running sync.WaitGroup
	for range 16 {
		running.Go(func() {
			if _, err := v.Verify(t.Context(), image, mediaType, good); err != nil {
				t.Errorf("a good one: %v", err)
			}
			if _, err := v.Verify(t.Context(), image, mediaType, bad); err == nil {
				t.Error("a stranger's counts")
			}
		})
	}
	running.Wait()
	if !slices.Equal(want, good) {
		t.Error("verifying changed the envelope")
	}
}
