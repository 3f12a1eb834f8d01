package signtest

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"log"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/sigstore/cosign/v2/pkg/cosign/bundle"
	ociremote "github.com/sigstore/cosign/v2/pkg/oci/remote"
	"github.com/sigstore/cosign/v2/pkg/oci/static"
	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protodsse "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/testing/ca"
	"github.com/sigstore/sigstore-go/pkg/tlog"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"google.golang.org/protobuf/encoding/protojson"
)

var quiet = log.New(io.Discard, "", 0)

// Sigstore is a throw-away Fulcio, Rekor and timestamp authority. Each certificate
// is valid for ten minutes from when it is used.
type Sigstore struct{ *ca.VirtualSigstore }

// Who is to whom a certificate is given, and by whose word.
type Who struct{ Subject, Issuer string }

// NewSigstore starts one.
func NewSigstore(t testing.TB) Sigstore {
	t.Helper()
	made, err := ca.NewVirtualSigstore()
	check(t, err)
	return Sigstore{made}
}

// Root is its trust root as a file has it, with the transparency log.
func (s Sigstore) Root(t testing.TB) []byte {
	t.Helper()
	return s.rootOf(t, nil, s.RekorLogs())
}

// StampRoot is a trust root that lists the timestamp authority and no log.
func (s Sigstore) StampRoot(t testing.TB) []byte {
	t.Helper()
	return s.rootOf(t, s.TimestampingAuthorities(), nil)
}

func (s Sigstore) rootOf(t testing.TB, stamps []root.TimestampingAuthority, logs map[string]*root.TransparencyLog) []byte {
	t.Helper()
	for id, one := range logs {
		raw, err := hex.DecodeString(id)
		check(t, err)
		one.ID = raw // the library gives the text
	}
	made, err := root.NewTrustedRoot(root.TrustedRootMediaType01, s.FulcioCertificateAuthorities(), nil, stamps, logs)
	check(t, err)
	text, err := made.MarshalJSON()
	check(t, err)
	return text
}

// parts are what a signature without keys consists of.
type parts struct {
	certificate *x509.Certificate
	chain       []byte
	sig         []byte
	entry       *tlog.Entry
	stamp       []byte
}

func (s Sigstore) parts(t testing.TB, made *ca.TestEntity) parts {
	t.Helper()
	content, err := made.VerificationContent()
	check(t, err)
	signed, err := made.SignatureContent()
	check(t, err)
	entries, err := made.TlogEntries()
	check(t, err)
	stamps, err := made.Timestamps()
	check(t, err)
	authority := s.FulcioCertificateAuthorities()[0].(*root.FulcioCertificateAuthority)
	chain, err := cryptoutils.MarshalCertificatesToPEM(append(authority.Intermediates, authority.Root))
	check(t, err)
	return parts{certificate: content.Certificate(), chain: chain, sig: signed.Signature(), entry: entries[0], stamp: stamps[0]}
}

// options are the annotations of a layer.
func (s Sigstore) options(t testing.TB, p parts, logged bool) []static.Option {
	t.Helper()
	certificate, err := cryptoutils.MarshalCertificateToPEM(p.certificate)
	check(t, err)
	options := []static.Option{static.WithCertChain(certificate, p.chain)}
	if !logged {
		return append(options, static.WithRFC3161Timestamp(&bundle.RFC3161Timestamp{SignedRFC3161Timestamp: p.stamp}))
	}
	return append(options, static.WithBundle(s.proof(t, p.entry)))
}

// proof is the log's promise, signed anew: the library keeps the first to itself.
func (s Sigstore) proof(t testing.TB, entry *tlog.Entry) *bundle.RekorBundle {
	t.Helper()
	said := entry.TransparencyLogEntry()
	id, err := s.RekorLogID()
	check(t, err)
	body := base64.StdEncoding.EncodeToString(said.CanonicalizedBody)
	promise, err := s.RekorSignPayload(tlog.RekorPayload{Body: body, IntegratedTime: said.IntegratedTime, LogIndex: said.LogIndex, LogID: id})
	check(t, err)
	return &bundle.RekorBundle{
		SignedEntryTimestamp: promise,
		Payload:              bundle.RekorPayload{Body: body, IntegratedTime: said.IntegratedTime, LogIndex: said.LogIndex, LogID: id},
	}
}

// Sign signs an image without keys, as cosign sign does; at is when the log takes
// the signature in.
func (s Sigstore) Sign(t testing.TB, image name.Digest, who Who, at time.Time) {
	t.Helper()
	claims := Claims(t, image)
	made, err := s.SignAtTime(who.Subject, who.Issuer, claims, at)
	check(t, err)
	p := s.parts(t, made)
	Attach(t, image, claims, base64.StdEncoding.EncodeToString(p.sig), s.options(t, p, true)...)
}

// SignStamped signs an image with a timestamp in the place of the log.
func (s Sigstore) SignStamped(t testing.TB, image name.Digest, who Who) {
	t.Helper()
	claims := Claims(t, image)
	made, err := s.SignAtTime(who.Subject, who.Issuer, claims, time.Now())
	check(t, err)
	p := s.parts(t, made)
	Attach(t, image, claims, base64.StdEncoding.EncodeToString(p.sig), s.options(t, p, false)...)
}

// Attest attaches an attestation without keys, as cosign attest does.
func (s Sigstore) Attest(t testing.TB, image name.Digest, who Who, predicateType string, predicate any) {
	t.Helper()
	made, err := s.AttestAtTime(who.Subject, who.Issuer, Statement(t, image, predicateType, predicate), time.Now().Add(time.Minute), false)
	check(t, err)
	envelope, err := json.Marshal(envelopeOf(t, made))
	check(t, err)
	AttachAttestation(t, image, envelope, s.options(t, s.parts(t, made), true)...)
}

// Bundle attaches a statement without keys as a bundle that refers to the image.
func (s Sigstore) Bundle(t testing.TB, image name.Digest, who Who, predicateType string, predicate any) {
	t.Helper()
	made := s.BundleOf(t, who, Statement(t, image, predicateType, predicate))
	check(t, ociremote.WriteAttestationNewBundleFormat(image, made, predicateType))
}

// BundleOf signs a statement and returns the bundle.
func (s Sigstore) BundleOf(t testing.TB, who Who, statement []byte) []byte {
	t.Helper()
	made, err := s.AttestAtTime(who.Subject, who.Issuer, statement, time.Now().Add(time.Minute), true)
	check(t, err)
	p, envelope := s.parts(t, made), envelopeOf(t, made)
	body, err := base64.StdEncoding.DecodeString(envelope.Payload)
	check(t, err)
	said := p.entry.TransparencyLogEntry()
	said.KindVersion = &protorekor.KindVersion{Kind: "dsse", Version: "0.0.1"}
	said.InclusionPromise = &protorekor.InclusionPromise{SignedEntryTimestamp: s.proof(t, p.entry).SignedEntryTimestamp}
	text, err := protojson.Marshal(&protobundle.Bundle{
		MediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
		VerificationMaterial: &protobundle.VerificationMaterial{
			Content:     &protobundle.VerificationMaterial_Certificate{Certificate: &protocommon.X509Certificate{RawBytes: p.certificate.Raw}},
			TlogEntries: []*protorekor.TransparencyLogEntry{said},
		},
		Content: &protobundle.Bundle_DsseEnvelope{DsseEnvelope: &protodsse.Envelope{
			Payload: body, PayloadType: envelope.PayloadType, Signatures: []*protodsse.Signature{{Sig: p.sig}},
		}},
	})
	check(t, err)
	return text
}

func envelopeOf(t testing.TB, made *ca.TestEntity) *dsse.Envelope {
	t.Helper()
	content, err := made.SignatureContent()
	check(t, err)
	return content.EnvelopeContent().RawEnvelope()
}
