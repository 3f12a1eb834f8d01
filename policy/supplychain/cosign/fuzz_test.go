package cosign_test

import (
	"crypto"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/argocd-seal/argocd-seal-plugin/internal/signtest"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/cosign"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/registry"
)

// FuzzVerify takes what a registry may hold beside an image. Whatever it is, nothing
// counts but the claims and the statement that were signed for the image. The key is
// always the same: the processes of a run must mean the same one.
func FuzzVerify(f *testing.F) {
	key, sigstore := signtest.FixedKey(f), signtest.NewSigstore(f)
	image, err := name.NewDigest("registry.example.com/apps/web@sha256:732112270d7e59418a8c080b134b24cabd67d250d0d0147a97ed95ba5c280aa4")
	if err != nil {
		f.Fatal(err)
	}
	claims := signtest.Claims(f, image)
	statement := signtest.Statement(f, image, "https://spdx.dev/Document", map[string]any{"a": 1})
	envelope := key.Envelope(f, statement)
	f.Add(claims, key.Signature(f, claims), `{"Payload": {"body": "e30=", "integratedTime": 1, "logIndex": 1, "logID": "00"}}`, "-----BEGIN CERTIFICATE-----", envelope, key.BundleOf(f, statement))
	f.Add([]byte("{}"), "c2ln", `{"Payload": {"body": 5}}`, "", []byte(`{"payload": 1}`), []byte(`{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json"}`))
	f.Add(claims, "", "", "", envelope, sigstore.BundleOf(f, signtest.Who{Subject: "https://github.com/a", Issuer: "https://issuer"}, statement))
	public, err := cosign.ReadKeys(key.PEM(f))
	if err != nil {
		f.Fatal(err)
	}
	trusted, err := cosign.ReadRoot(sigstore.Root(f))
	if err != nil {
		f.Fatal(err)
	}
	keyed, err := cosign.WithKeys("keyed", []crypto.PublicKey(public), nil)
	if err != nil {
		f.Fatal(err)
	}
	certified, err := cosign.WithCertificates("certified", []cosign.Identity{{Issuer: "https://nobody", Subject: "nobody"}}, trusted)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, content []byte, sig, log, certificate string, attestation, bundle []byte) {
		annotations := map[string]string{"dev.cosignproject.cosign/signature": sig, "dev.sigstore.cosign/bundle": log, "dev.sigstore.cosign/certificate": certificate}
		attached := registry.Attached{
			Signatures:   []registry.Blob{{Content: content, Annotations: annotations}},
			Attestations: []registry.Blob{{Content: attestation, Annotations: annotations}},
			Bundles:      []registry.Blob{{Content: bundle}},
		}
		found, err := keyed.Verify(t.Context(), image.DigestStr(), attached)
		if err != nil {
			t.Fatal(err)
		}
		if len(found.Signatures) > 0 && string(content) != string(claims) {
			t.Errorf("a signature counts for %q", content)
		}
		for _, one := range found.Statements {
			if string(one.Body) != string(statement) {
				t.Errorf("the statement %q counts", one.Body)
			}
		}
		if found, err = certified.Verify(t.Context(), image.DigestStr(), attached); err != nil || len(found.Signatures)+len(found.Statements) > 0 {
			t.Errorf("somebody counts who is nobody: %v, %v", found, err)
		}
	})
}
