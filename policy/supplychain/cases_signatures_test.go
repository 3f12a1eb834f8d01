package supplychain_test

import (
	"crypto/x509"
	"encoding/base64"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/sigstore/cosign/v2/pkg/cosign/bundle"
	"github.com/sigstore/cosign/v2/pkg/oci/static"

	"github.com/argocd-seal/argocd-seal-plugin/internal/signtest"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain"
)

const unsigned = "E_IMAGE_SIGNATURE image-signature"

// demand verifies an image of which one signature is demanded, after something was
// done to it.
func demand(signer string, do func(l *lab, image name.Digest)) func(l *lab) *supplychain.Result {
	return func(l *lab) *supplychain.Result {
		image := l.push()
		do(l, image)
		return l.verify(l.verifier(l.rule(signedBy(signer))), image.String())
	}
}

func soon() time.Time { return time.Now().Add(time.Minute) }

func signatureCases() []oneCase {
	another := func(who signtest.Who) func(l *lab, image name.Digest) {
		return func(l *lab, image name.Digest) { l.sigstore.Sign(l, image, who, soon()) }
	}
	notation := func(options signtest.NotationOptions) func(l *lab, image name.Digest) {
		return func(l *lab, image name.Digest) { l.registry.AttachNotation(l, l.ca, image, options) }
	}
	return []oneCase{
		{"no signature", unsigned, demand("release", func(*lab, name.Digest) {})},
		{"signed with the key", "admitted", demand("release", func(l *lab, image name.Digest) { l.key.Sign(l, image) })},
		{"signed with another key", unsigned, demand("release", func(l *lab, image name.Digest) { l.other.Sign(l, image) })},
		{"signed with another key first, and with the key", "admitted", demand("release", func(l *lab, image name.Digest) {
			l.other.Sign(l, image)
			l.key.Sign(l, image)
		})},
		{"the signature of another digest", unsigned, demand("release", func(l *lab, image name.Digest) {
			l.key.SignClaims(l, image, signtest.Claims(l, l.push()))
		})},
		{"a signature with its claims changed", unsigned, demand("release", func(l *lab, image name.Digest) {
			signtest.Attach(l, image, signtest.Claims(l, image), base64.StdEncoding.EncodeToString([]byte("not the signature")))
		})},
		{"signed with the key, not in the log that is demanded", unsigned, demand("logged", func(l *lab, image name.Digest) { l.key.Sign(l, image) })},
		{"signed with the key, in a bundle that refers to the image", "admitted", demand("release", func(l *lab, image name.Digest) {
			l.key.Bundle(l, image, signtest.SignType, fields{})
		})},
		{"a bundle for another image", unsigned, demand("release", func(l *lab, image name.Digest) {
			other := l.push()
			statement := signtest.Statement(l, other, signtest.SignType, fields{})
			made, err := bundle.MakeNewBundle(l.key.Public(), nil, statement, l.key.Envelope(l, statement), nil, nil)
			l.check(err)
			l.registry.Attach(l, image, "application/vnd.dev.sigstore.bundle.v0.3+json", "application/vnd.dev.sigstore.bundle.v0.3+json", made)
		})},
		{"an attestation in the place of a signature", unsigned, demand("release", func(l *lab, image name.Digest) {
			l.key.Bundle(l, image, provenanceType, provenance(builder, source, "refs/heads/main"))
		})},
		{"a bundle that is not one", unsigned, demand("release", func(l *lab, image name.Digest) {
			l.registry.Attach(l, image, "application/vnd.dev.sigstore.bundle.v0.3+json", "application/vnd.dev.sigstore.bundle.v0.3+json", []byte(`{"mediaType": 5`))
		})},
		{"a proof of the log that makes the library panic", unsigned, demand("ci", func(l *lab, image name.Digest) {
			signtest.Attach(l, image, signtest.Claims(l, image), "c2ln", static.WithAnnotations(map[string]string{
				"dev.sigstore.cosign/bundle": `{"SignedEntryTimestamp": "AA==", "Payload": {"body": 5, "integratedTime": 1, "logIndex": 1, "logID": "00"}}`,
			}))
		})},
		{"signed without keys by the workflow", "admitted", demand("ci", another(ci))},
		{"signed without keys, in a bundle", "admitted", demand("ci", func(l *lab, image name.Digest) {
			l.sigstore.Bundle(l, image, ci, signtest.SignType, fields{})
		})},
		{"signed without keys by a repository of a similar name", unsigned, demand("ci", another(signtest.Who{
			Subject: "https://github.com/example/guestbook-fork/.github/workflows/build.yaml@refs/heads/main", Issuer: ci.Issuer,
		}))},
		{"signed without keys by an identity that has the accepted one inside", unsigned, demand("ci", another(signtest.Who{
			Subject: "https://evil.example/?https://github.com/example/guestbook/x", Issuer: ci.Issuer,
		}))},
		{"signed without keys by the word of another issuer", unsigned, demand("ci", another(signtest.Who{Subject: ci.Subject, Issuer: "https://evil.example"}))},
		{"signed without keys by another identity, in a bundle", unsigned, demand("ci", func(l *lab, image name.Digest) {
			l.sigstore.Bundle(l, image, signtest.Who{Subject: "https://evil.example", Issuer: ci.Issuer}, signtest.SignType, fields{})
		})},
		{"a certificate of an authority that is not trusted", unsigned, demand("ci", func(l *lab, image name.Digest) {
			signtest.NewSigstore(l).Sign(l, image, ci, soon())
		})},
		{"signed after the certificate had expired", unsigned, demand("ci", func(l *lab, image name.Digest) {
			l.sigstore.Sign(l, image, ci, time.Now().Add(30*time.Minute))
		})},
		{"signed without keys, with a timestamp and no log", "admitted", demand("stamped", func(l *lab, image name.Digest) { l.sigstore.SignStamped(l, image, ci) })},
		{"signed without keys, without the timestamp that is demanded", unsigned, demand("stamped", another(ci))},
		{"signed with a key where a certificate is demanded", unsigned, demand("ci", func(l *lab, image name.Digest) { l.key.Sign(l, image) })},
		{"signed with Notation", "admitted", demand("team", notation(signtest.NotationOptions{}))},
		{"signed with Notation, in the form of COSE", "admitted", demand("team", notation(signtest.NotationOptions{MediaType: "application/cose"}))},
		{"signed with Notation by another authority's certificate", unsigned, demand("team", func(l *lab, image name.Digest) {
			l.registry.AttachNotation(l, signtest.NewCA(l, "platform"), image, signtest.NotationOptions{})
		})},
		{"signed with Notation by another subject", unsigned, demand("team", notation(signtest.NotationOptions{Name: "intern"}))},
		{"a signature of Notation that has expired", unsigned, demand("team", func(l *lab, image name.Digest) {
			notation(signtest.NotationOptions{Expires: time.Second})(l, image)
			time.Sleep(1100 * time.Millisecond)
		})},
		{"a certificate of Notation that has expired", unsigned, demand("team", func(l *lab, image name.Digest) {
			notation(signtest.NotationOptions{Certificate: func(c *x509.Certificate) { c.NotAfter = time.Now().Add(time.Second) }})(l, image)
			time.Sleep(2100 * time.Millisecond)
		})},
		{"two signatures demanded, one there", unsigned, func(l *lab) *supplychain.Result {
			image := l.push()
			l.key.Sign(l, image)
			rule := l.rule(func(r *supplychain.Rule) {
				r.Signatures = []supplychain.SignatureRule{{SignedBy: []string{"release"}}, {SignedBy: []string{"team"}}}
			})
			return l.verify(l.verifier(rule), image.String())
		}},
		{"a signature by either of two demanded", "admitted", func(l *lab) *supplychain.Result {
			image := l.push()
			l.key.Sign(l, image)
			return l.verify(l.verifier(l.rule(signedBy("team", "release"))), image.String())
		}},
	}
}
