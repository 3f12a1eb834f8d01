package cosign_test

import (
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/argocd-seal/argocd-seal-plugin/internal/corpus"
	"github.com/argocd-seal/argocd-seal-plugin/internal/signtest"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/cosign"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/registry"
)

// FuzzVerify takes what a registry may hold beside an image, in each place where it
// may hold it. Whatever it is, nothing counts but the claims and the statement that
// were signed for the image. The key is always the same: the processes of a run must
// mean the same one.
func FuzzVerify(f *testing.F) {
	key, sigstore := signtest.FixedKey(f), signtest.NewSigstore(f)
	image, err := name.NewDigest("registry.example.com/apps/web@sha256:732112270d7e59418a8c080b134b24cabd67d250d0d0147a97ed95ba5c280aa4")
	if err != nil {
		f.Fatal(err)
	}
	claims := signtest.Claims(f, image)
	statement := signtest.Statement(f, image, "https://spdx.dev/Document", map[string]any{"a": 1})
	envelope, signature := key.Envelope(f, statement), key.Signature(f, claims)
	who := signtest.Who{Subject: "https://github.com/a", Issuer: "https://issuer"}
	bundled, certified := key.BundleOf(f, statement), sigstore.BundleOf(f, who, statement)
	corpus.Add(f, claims, envelope, bundled, certified, []byte(signature), signtest.NewCA(f, "a").PEM(), key.PEM(f), sigstore.Root(f),
		[]byte(`{"SignedEntryTimestamp": "AA==", "Payload": {"body": "e30=", "integratedTime": 1, "logIndex": 1, "logID": "00"}}`),
		[]byte(`{"Payload": {"body": 5}}`), []byte(`{"payload": 1}`), []byte(`{}`), []byte(strings.Repeat("[", 200)), []byte("-----BEGIN CERTIFICATE-----"),
		nil, []byte("null"), []byte(`{"payloadType": "application/vnd.in-toto+json", "payload": "e30=", "signatures": [{"sig": "AA=="}]}`),
		[]byte(`{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "dsseEnvelope": {}}`),
		[]byte(`{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "messageSignature": {"signature": "AA=="}}`),
		[]byte(`{"critical": {"image": {"docker-manifest-digest": "`+image.DigestStr()+`"}}}`), []byte(`{"SignedRFC3161Timestamp": "AA=="}`))
	public, err := cosign.ReadKeys(key.PEM(f))
	if err != nil {
		f.Fatal(err)
	}
	trusted, err := cosign.ReadRoot(sigstore.Root(f))
	if err != nil {
		f.Fatal(err)
	}
	keyed, err := cosign.WithKeys("keyed", public, nil)
	if err != nil {
		f.Fatal(err)
	}
	nobody, err := cosign.WithCertificates("nobody", []cosign.Identity{{Issuer: "https://nobody", Subject: "nobody"}}, trusted)
	if err != nil {
		f.Fatal(err)
	}
	const sig, log, stamp, certificate = "dev.cosignproject.cosign/signature", "dev.sigstore.cosign/bundle", "dev.sigstore.cosign/rfc3161timestamp", "dev.sigstore.cosign/certificate"
	f.Fuzz(func(t *testing.T, data []byte) {
		of := func(content []byte, annotations map[string]string) registry.Blob {
			return registry.Blob{Content: content, Annotations: annotations}
		}
		text, signed := string(data), map[string]string{sig: signature}
		attached := registry.Attached{
			Signatures: []registry.Blob{
				of(data, signed), of(claims, map[string]string{sig: text}), of(claims, map[string]string{sig: signature, log: text}),
				of(claims, map[string]string{sig: signature, stamp: text}), of(claims, map[string]string{sig: signature, certificate: text}),
			},
			Attestations: []registry.Blob{of(data, nil), of(envelope, map[string]string{log: text}), of(envelope, map[string]string{certificate: text})},
			Bundles:      []registry.Blob{of(data, nil)},
		}
		found, err := keyed.Verify(t.Context(), image.DigestStr(), attached)
		if err != nil {
			t.Fatal(err)
		}
		// Four of the signatures are right where the text does not spoil them.
		if most := 4; len(found.Signatures) > most && text != string(claims) && text != signature {
			t.Errorf("%d signatures count with %q", len(found.Signatures), text)
		}
		for _, one := range found.Statements {
			if string(one.Body) != string(statement) {
				t.Errorf("the statement %q counts", one.Body)
			}
		}
		if found, err = nobody.Verify(t.Context(), image.DigestStr(), attached); err != nil || len(found.Signatures)+len(found.Statements) > 0 {
			t.Errorf("somebody counts who is nobody: %v, %v", found, err)
		}
	})
}
