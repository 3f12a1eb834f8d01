package notation_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/notaryproject/notation-core-go/signature"

	"github.com/argocd-seal/argocd-seal-plugin/internal/signtest"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/notation"
)

func TestWhatIsNoEnvelope(t *testing.T) {
	ca := signtest.NewCA(t, "authority")
	v := verifier(t, trusting(ca.Certificate))
	const malformed = "cannot be read, or was changed"
	for _, format := range formats {
		_, envelope := signtest.Notation(t, ca, image, signtest.NotationOptions{MediaType: format})
		for name, content := range map[string][]byte{
			"nothing": nil, "text": []byte("signature"), "an empty object": []byte("{}"), "an empty list": {0x80}, "null": []byte("null"),
			"half of one": envelope[:len(envelope)/2], "one without its last byte": envelope[:len(envelope)-1], "one and a byte": append(bytes.Clone(envelope), 'x'),
			"a deep one": bytes.Repeat([]byte("["), 100_000), "a deep one of CBOR": bytes.Repeat([]byte{0x81}, 100_000),
		} {
			t.Run(format+"/"+name, func(t *testing.T) { refused(t, v, image, format, content, malformed) })
		}
		refused(t, v, image, "application/json", envelope, "another type than JWS and COSE")
		refused(t, v, image, format, bytes.Repeat([]byte(" "), notation.MaxEnvelope+1), "at most 1048576 are read")
		grown := append(bytes.Repeat([]byte(" "), notation.MaxEnvelope), envelope...)
		refused(t, v, image, format, grown, "at most 1048576 are read")
	}
	_, jws := signtest.Notation(t, ca, image, signtest.NotationOptions{})
	refused(t, v, image, notation.MediaTypeCOSE, jws, malformed)
}

// Whatever byte somebody changes, the signature does not count, or says the same
// as before.
func TestChangedEnvelope(t *testing.T) {
	ca := signtest.NewCA(t, "authority")
	v := verifier(t, trusting(ca.Certificate))
	for _, format := range formats {
		_, envelope := signtest.Notation(t, ca, image, signtest.NotationOptions{MediaType: format})
		want, err := v.Verify(t.Context(), image, format, envelope)
		if err != nil {
			t.Fatal(err)
		}
		counts := 0
		for at := range envelope {
			changed := bytes.Clone(envelope)
			changed[at] ^= 1
			if got, err := v.Verify(t.Context(), image, format, changed); err == nil {
				counts++
				if got.Subject != want.Subject || got.SignedAt != want.SignedAt || got.Chain[0] != want.Chain[0] {
					t.Errorf("%s: byte %d changed what is said: %+v", format, at, got)
				}
			}
		}
		// The name of the signing program is not signed.
		if counts > 60 {
			t.Errorf("%s: %d of %d bytes may be changed", format, counts, len(envelope))
		}
	}
}

// sign makes an envelope as no ordinary tool does.
func sign(t *testing.T, format string, chain []*x509.Certificate, key any, change func(*signature.SignRequest)) []byte {
	t.Helper()
	signer, err := signature.NewLocalSigner(chain, key)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(map[string]any{"targetArtifact": image})
	if err != nil {
		t.Fatal(err)
	}
	request := &signature.SignRequest{
		Payload: signature.Payload{ContentType: "application/vnd.cncf.notary.payload.v1+json", Content: payload},
		Signer:  signer, SigningTime: time.Now(), SigningScheme: signature.SigningSchemeX509,
	}
	change(request)
	empty, err := signature.NewEnvelope(format)
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := empty.Sign(request)
	if err != nil {
		t.Fatal(err)
	}
	return envelope
}

func TestWhatIsNotSupported(t *testing.T) {
	ca := signtest.NewCA(t, "authority")
	chain, key := ca.Issue(t, "signer", nil)
	v := verifier(t, trusting(ca.Certificate))
	attribute := func(key string, critical bool) func(*signature.SignRequest) {
		return func(r *signature.SignRequest) {
			r.ExtendedSignedAttributes = append(r.ExtendedSignedAttributes, signature.Attribute{Key: key, Critical: critical, Value: "some-plugin"})
		}
	}
	for _, format := range formats {
		for name, one := range map[string]struct {
			change func(*signature.SignRequest)
			text   string
		}{
			"a plugin":               {attribute("io.cncf.notary.verificationPlugin", true), "a plugin or an attribute"},
			"a critical attribute":   {attribute("com.example.must-know", true), "a plugin or an attribute"},
			"a plugin, not critical": {attribute("io.cncf.notary.verificationPlugin", false), "something that is not known"},
			"another scheme": {func(r *signature.SignRequest) { r.SigningScheme = signature.SigningSchemeX509SigningAuthority },
				"not from a timestamp"},
			"another payload": {func(r *signature.SignRequest) { r.Payload.ContentType = "application/json" }, "cannot be read"},
		} {
			t.Run(format+"/"+name, func(t *testing.T) {
				refused(t, v, image, format, sign(t, format, chain, key, one.change), one.text)
			})
		}
		plain := sign(t, format, chain, key, attribute("com.example.may-know", false))
		if _, err := v.Verify(t.Context(), image, format, plain); err != nil {
			t.Errorf("an attribute that may be passed over: %v", err)
		}
	}
}

// hugeChain is a chain that says of itself that it ends with an authority, and in
// which a signature has to be checked by an RSA key of two million bits.
func hugeChain(t *testing.T, ca *signtest.CA) [][]byte {
	t.Helper()
	modulus, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 2_000_000))
	if err != nil {
		t.Fatal(err)
	}
	modulus.SetBit(modulus.SetBit(modulus, 0, 1), 1_999_999, 1)
	issuer := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: signtest.Subject("huge"), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	huge, err := x509.CreateCertificate(rand.Reader, issuer, ca.Certificate, &rsa.PublicKey{N: modulus, E: 1<<31 - 1}, ca.Key)
	if err != nil {
		t.Fatal(err)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(2), Subject: signtest.Subject("leaf")}, issuer, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	// A signature of another size would be refused at once.
	var parts struct {
		Body, Algorithm asn1.RawValue
		Signature       asn1.BitString
	}
	if _, err := asn1.Unmarshal(leaf, &parts); err != nil {
		t.Fatal(err)
	}
	parts.Signature = asn1.BitString{Bytes: append(make([]byte, 2_000_000/8-1), 1), BitLength: 2_000_000}
	if leaf, err = asn1.Marshal(parts); err != nil {
		t.Fatal(err)
	}
	return [][]byte{leaf, huge, ca.Certificate.Raw}
}

// Keys of a size that nobody needs are not computed with: the first chain would
// take minutes.
func TestChainsThatTakeLong(t *testing.T) {
	ca := signtest.NewCA(t, "authority")
	v := verifier(t, trusting(ca.Certificate))
	_, envelope := signtest.Notation(t, ca, image, signtest.NotationOptions{})
	for name, one := range map[string]struct {
		chain [][]byte
		text  string
	}{
		"a huge key":   {hugeChain(t, ca), "an RSA key of more than 8192 bits"},
		"a long chain": {bytesOf(ca.Certificate.Raw, 11), "more than 10 certificates"},
		"no chain":     {nil, "cannot be read"},
		"half a chain": {[][]byte{ca.Certificate.Raw, ca.Certificate.Raw[:100]}, "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			var jws map[string]any
			if err := json.Unmarshal(envelope, &jws); err != nil {
				t.Fatal(err)
			}
			jws["header"] = map[string]any{"x5c": one.chain}
			changed, err := json.Marshal(jws)
			if err != nil {
				t.Fatal(err)
			}
			refused(t, v, image, notation.MediaTypeJWS, changed, one.text)
		})
	}
}

func bytesOf(raw []byte, n int) [][]byte {
	chain := make([][]byte, n)
	for i := range chain {
		chain[i] = raw
	}
	return chain
}

// What strangers wrote into a certificate must not be quoted before it is trusted.
func TestNoTextOfStrangers(t *testing.T) {
	stranger := signtest.NewCA(t, "CANARY")
	v := verifier(t, trusting(signtest.NewCA(t, "authority").Certificate))
	for _, format := range formats {
		_, envelope := signtest.Notation(t, stranger, image, signtest.NotationOptions{MediaType: format, Name: "CANARY"})
		if _, err := v.Verify(t.Context(), image, format, envelope); err == nil || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("got %v", err)
		}
	}
}
