package notation_test

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/veraison/go-cose"

	"github.com/argocd-seal/argocd-seal-plugin/internal/corpus"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/signtest"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/notation"
)

var update = flag.Bool("update", false, "sign the samples of testdata anew")

// samples are signatures that were made once, by one authority, and are good for
// a hundred years: the processes of a fuzz run must mean the same one.
var samples = map[string]string{notation.MediaTypeJWS: "testdata/envelope.jws.json", notation.MediaTypeCOSE: "testdata/envelope.cose"}

const authority = "testdata/authority.pem"

func sampled(tb testing.TB) *notation.Verifier {
	tb.Helper()
	trusted, err := notation.ReadCertificates(content(tb, authority))
	if err != nil {
		tb.Fatal(err)
	}
	return verifier(tb, trusting(trusted...))
}

func content(tb testing.TB, name string) []byte {
	tb.Helper()
	found, err := os.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	return found
}

func write(tb testing.TB, name string, content []byte) {
	tb.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(name, content, 0o644); err != nil {
		tb.Fatal(err)
	}
}

// TestSamples verifies what an earlier release of the library signed.
func TestSamples(t *testing.T) {
	long := func(c *x509.Certificate) { c.NotAfter = time.Now().AddDate(100, 0, 0) }
	if *update {
		chain, key := signtest.SelfSigned(t, "sample", long)
		write(t, authority, signtest.PEM(chain...))
		for format, name := range samples {
			_, envelope := signtest.NotationWith(t, chain, key, image, signtest.NotationOptions{MediaType: format})
			write(t, name, envelope)
		}
	}
	v := sampled(t)
	for format, name := range samples {
		if found, err := v.Verify(t.Context(), image, format, content(t, name)); err != nil || found.Subject != "CN=sample,O=example,ST=WA,C=US" {
			t.Errorf("%s: %+v, %v", name, found, err)
		}
	}
}

func seeds(f *testing.F) [][]byte {
	jws, cose := content(f, samples[notation.MediaTypeJWS]), content(f, samples[notation.MediaTypeCOSE])
	all := [][]byte{nil, []byte("{}"), []byte("null"), {0xd2, 0x84}, {0xd2, 0x84, 0x40, 0xa0, 0x40, 0x40}}
	for _, envelope := range [][]byte{jws, cose} {
		all = append(all, envelope, envelope[:len(envelope)/2], append(bytes.Clone(envelope), envelope...))
		for at := 0; at < len(envelope); at += len(envelope) / 8 {
			changed := bytes.Clone(envelope)
			changed[at] ^= 0x20
			all = append(all, changed)
		}
	}
	for _, part := range []string{"header", "payload", "protected", "signature"} {
		var whole map[string]any
		if err := json.Unmarshal(jws, &whole); err != nil {
			f.Fatal(err)
		}
		for _, value := range []any{nil, "", "e30", []any{}, map[string]any{"x5c": []string{"AAAA"}}} {
			whole[part] = value
			changed, err := json.Marshal(whole)
			if err != nil {
				f.Fatal(err)
			}
			all = append(all, changed)
		}
	}
	return all
}

// FuzzVerify reads any envelope as both formats. None may panic, and none may
// count that does not have the signature of the one signer there is.
func FuzzVerify(f *testing.F) {
	corpus.Add(f, seeds(f)...)
	v := sampled(f)
	signer, err := notation.ReadCertificates(content(f, authority))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, envelope []byte) {
		for _, format := range formats {
			found, err := notation.Unfenced(v, t.Context(), image, format, envelope)
			switch {
			case err != nil && (fault.CodeOf(err) != fault.ImageSignature || found.Subject != ""):
				t.Errorf("%s: %+v with %v", format, found, err)
			case err == nil && (found.Subject != signer[0].Subject.String() || !bytes.Equal(proof(t, format, envelope), proof(t, format, content(t, samples[format])))):
				t.Errorf("%s: %+v counts", format, found)
			}
		}
	})
}

// proof is the signature in an envelope.
func proof(t *testing.T, format string, envelope []byte) []byte {
	t.Helper()
	if format == notation.MediaTypeCOSE {
		var message cose.Sign1Message
		if err := message.UnmarshalCBOR(envelope); err != nil {
			t.Fatal(err)
		}
		return message.Signature
	}
	var jws struct{ Signature string }
	if err := json.Unmarshal(envelope, &jws); err != nil {
		t.Fatal(err)
	}
	signature, err := base64.RawURLEncoding.DecodeString(jws.Signature)
	if err != nil {
		t.Fatal(err)
	}
	return signature
}
