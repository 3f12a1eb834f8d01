package signtest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	ggcr "github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/sigstore/cosign/v2/pkg/cosign/bundle"
	"github.com/sigstore/cosign/v2/pkg/oci"
	"github.com/sigstore/cosign/v2/pkg/oci/mutate"
	ociremote "github.com/sigstore/cosign/v2/pkg/oci/remote"
	"github.com/sigstore/cosign/v2/pkg/oci/static"
	"github.com/sigstore/cosign/v2/pkg/types"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/dsse"
	"github.com/sigstore/sigstore/pkg/signature/payload"
)

// Key is a throw-away key pair as cosign generate-key-pair makes them.
type Key struct{ *ecdsa.PrivateKey }

// NewKey makes a key pair.
func NewKey(t testing.TB) Key {
	t.Helper()
	return Key{newKey(t)}
}

// FixedKey returns a key pair that is the same in every process.
func FixedKey(t testing.TB) Key {
	t.Helper()
	made, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{7}, 32))
	check(t, err)
	return Key{made}
}

// PEM is the public key as a file has it.
func (k Key) PEM(t testing.TB) []byte {
	t.Helper()
	text, err := cryptoutils.MarshalPublicKeyToPEM(k.Public())
	check(t, err)
	return text
}

func (k Key) signer(t testing.TB) signature.SignerVerifier {
	t.Helper()
	made, err := signature.LoadECDSASignerVerifier(k.PrivateKey, crypto.SHA256)
	check(t, err)
	return made
}

// Claims are what Cosign signs for an image.
func Claims(t testing.TB, image name.Digest) []byte {
	t.Helper()
	text, err := payload.Cosign{Image: image}.MarshalJSON()
	check(t, err)
	return text
}

// Sign signs an image with a key, without a transparency log, as cosign sign does.
func (k Key) Sign(t testing.TB, image name.Digest) {
	t.Helper()
	k.SignClaims(t, image, Claims(t, image))
}

// SignClaims attaches a signature of other claims to an image.
func (k Key) SignClaims(t testing.TB, image name.Digest, claims []byte) {
	t.Helper()
	Attach(t, image, claims, k.Signature(t, claims))
}

// Signature signs claims, in base64.
func (k Key) Signature(t testing.TB, claims []byte) string {
	t.Helper()
	sig, err := k.signer(t).SignMessage(bytes.NewReader(claims))
	check(t, err)
	return base64.StdEncoding.EncodeToString(sig)
}

// Attach attaches a signature in the form of a layer.
func Attach(t testing.TB, image name.Digest, claims []byte, sig string, options ...static.Option) {
	t.Helper()
	made, err := static.NewSignature(claims, sig, options...)
	check(t, err)
	signed, err := mutate.AttachSignatureToEntity(entity(t, image), made)
	check(t, err)
	check(t, ociremote.WriteSignatures(image.Repository, signed))
}

// SignMany attaches so many signatures to an image, each of other claims, in one
// manifest.
func (k Key) SignMany(t testing.TB, image name.Digest, count int) {
	t.Helper()
	var layers []ggcr.Addendum
	for i := range count {
		claims, err := payload.Cosign{Image: image, Annotations: map[string]any{"number": i}}.MarshalJSON()
		check(t, err)
		made, err := static.NewSignature(claims, k.Signature(t, claims))
		check(t, err)
		annotations, err := made.Annotations()
		check(t, err)
		layers = append(layers, ggcr.Addendum{Layer: made, Annotations: annotations})
	}
	// Cosign's own way of adding one to another takes minutes for so many.
	signed, err := ggcr.Append(empty.Image, layers...)
	check(t, err)
	tag, err := ociremote.SignatureTag(image)
	check(t, err)
	check(t, remote.Write(tag, signed))
}

func entity(t testing.TB, image name.Digest) oci.SignedEntity {
	t.Helper()
	made, err := ociremote.SignedEntity(image)
	check(t, err)
	return made
}

// Statement is an in-toto statement about an image.
func Statement(t testing.TB, image name.Digest, predicateType string, predicate any) []byte {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"_type": "https://in-toto.io/Statement/v1", "predicateType": predicateType, "predicate": predicate,
		"subject": []any{map[string]any{"name": image.Repository.Name(), "digest": map[string]string{"sha256": image.DigestStr()[len("sha256:"):]}}},
	})
	check(t, err)
	return text
}

// Attest attaches an attestation by a key, as cosign attest does.
func (k Key) Attest(t testing.TB, image name.Digest, predicateType string, predicate any) {
	t.Helper()
	k.AttestStatement(t, image, Statement(t, image, predicateType, predicate))
}

// AttestStatement attaches a statement, whatever it is about, to an image.
func (k Key) AttestStatement(t testing.TB, image name.Digest, statement []byte) {
	t.Helper()
	AttachAttestation(t, image, k.Envelope(t, statement))
}

// Envelope signs a statement.
func (k Key) Envelope(t testing.TB, statement []byte) []byte {
	t.Helper()
	made, err := dsse.WrapSigner(k.signer(t), types.IntotoPayloadType).SignMessage(bytes.NewReader(statement))
	check(t, err)
	return made
}

// AttachAttestation attaches an envelope in the form of a layer.
func AttachAttestation(t testing.TB, image name.Digest, envelope []byte, options ...static.Option) {
	t.Helper()
	options = append(options, static.WithLayerMediaType(types.DssePayloadType))
	made, err := static.NewAttestation(envelope, options...)
	check(t, err)
	attested, err := mutate.AttachAttestationToEntity(entity(t, image), made)
	check(t, err)
	check(t, ociremote.WriteAttestations(image.Repository, attested))
}

// Bundle attaches a statement by a key as a bundle of Sigstore that refers to the
// image. With predicateType [SignType] it is a signature.
func (k Key) Bundle(t testing.TB, image name.Digest, predicateType string, predicate any) {
	t.Helper()
	made := k.BundleOf(t, Statement(t, image, predicateType, predicate))
	check(t, ociremote.WriteAttestationNewBundleFormat(image, made, predicateType))
}

// BundleOf signs a statement and returns the bundle.
func (k Key) BundleOf(t testing.TB, statement []byte) []byte {
	t.Helper()
	made, err := bundle.MakeNewBundle(k.Public(), nil, statement, k.Envelope(t, statement), nil, nil)
	check(t, err)
	return made
}

// SignType is the predicate type of a signature in a bundle.
const SignType = "https://sigstore.dev/cosign/sign/v1"
