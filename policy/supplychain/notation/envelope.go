package notation

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"slices"

	"github.com/notaryproject/notation-core-go/signature"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/veraison/go-cose"
)

const (
	// maxChain is how many certificates an envelope may have.
	maxChain = 10
	// maxKey is the size in bits of the largest RSA key. Who can push to the registry
	// chooses the keys, and a check by a key of a megabyte takes minutes that nobody
	// can cancel.
	maxKey = 8192
	// maxTimestamp is the size in bytes of the largest timestamp. It is not signed, so
	// that anybody can put one there, with keys of any size.
	maxTimestamp = 32 << 10
)

// acceptable refuses what is not worth reading.
func (v *Verifier) acceptable(ctx context.Context, image ocispec.Descriptor, mediaType string, envelope []byte) error {
	switch {
	case ctx.Err() != nil:
		return ended(ctx)
	case image.Digest.Validate() != nil || image.Size < 0:
		return v.refuse("the image has no valid digest or size")
	case mediaType != MediaTypeJWS && mediaType != MediaTypeCOSE:
		return v.unsupported("its envelope is of another type than JWS and COSE")
	case len(envelope) > MaxEnvelope:
		return v.refuse("the signature's envelope has %d bytes, and at most %d are read", len(envelope), MaxEnvelope)
	}
	return v.bounded(mediaType, envelope)
}

// bounded refuses envelopes that would take long to check, and those whose chain
// has no trusted certificate: of a stranger's envelope nothing more is computed.
func (v *Verifier) bounded(mediaType string, envelope []byte) error {
	chain, err := chainOf(mediaType, envelope)
	if err != nil || len(chain) == 0 {
		return v.malformed()
	}
	if len(chain) > maxChain {
		return v.unsupported("its chain has more than %d certificates", maxChain)
	}
	trusted := false
	for _, raw := range chain {
		certificate, err := x509.ParseCertificate(raw)
		if err != nil {
			return v.malformed()
		}
		if key, ok := certificate.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() > maxKey {
			return v.unsupported("its chain has an RSA key of more than %d bits", maxKey)
		}
		trusted = trusted || slices.ContainsFunc(v.trust.Certificates, certificate.Equal)
	}
	if !trusted {
		return v.untrusted()
	}
	return nil
}

// chainOf reads the certificates out of an envelope, as the library does.
func chainOf(mediaType string, envelope []byte) ([][]byte, error) {
	if mediaType == MediaTypeJWS {
		var jws struct {
			Header struct {
				Chain [][]byte `json:"x5c"`
			} `json:"header"`
		}
		err := json.Unmarshal(envelope, &jws)
		return jws.Header.Chain, err
	}
	var message cose.Sign1Message
	if err := message.UnmarshalCBOR(envelope); err != nil {
		return nil, err
	}
	found, _ := message.Headers.Unprotected[cose.HeaderLabelX5Chain].([]any)
	chain := make([][]byte, len(found))
	for i := range found {
		raw, ok := found[i].([]byte)
		if !ok {
			return nil, errors.New("the chain has something else than bytes")
		}
		chain[i] = raw
	}
	return chain, nil
}

// read returns what an envelope says, of which nothing is proved yet.
func (v *Verifier) read(mediaType string, envelope []byte) (*signature.SignerInfo, ocispec.Descriptor, error) {
	parsed, err := signature.ParseEnvelope(mediaType, envelope)
	if err != nil {
		return nil, ocispec.Descriptor{}, v.malformed()
	}
	content, err := parsed.Content()
	if err != nil {
		return nil, ocispec.Descriptor{}, v.malformed()
	}
	var payload struct {
		Target ocispec.Descriptor `json:"targetArtifact"`
	}
	if err := json.Unmarshal(content.Payload.Content, &payload); err != nil {
		return nil, ocispec.Descriptor{}, v.malformed()
	}
	return &content.SignerInfo, payload.Target, nil
}

// supported refuses what only a plugin or another trust could check.
func (v *Verifier) supported(info *signature.SignerInfo) error {
	if info.SignedAttributes.SigningScheme != signature.SigningSchemeX509 {
		return v.unsupported("its time comes from the signing authority and not from a timestamp")
	}
	for _, attribute := range info.SignedAttributes.ExtendedAttributes {
		// The library lets critical attributes pass that nobody has looked at.
		if attribute.Critical {
			return v.unsupported("it demands a plugin or an attribute that are not known here")
		}
	}
	if len(info.UnsignedAttributes.TimestampSignature) > maxTimestamp {
		return v.unsupported("its timestamp has more than %d bytes", maxTimestamp)
	}
	return nil
}

// sameImage compares the signed image with the wanted one, and returns what the
// library has to compare: all that the caller knows, and what was signed for the
// rest.
func (v *Verifier) sameImage(image, signed ocispec.Descriptor) (ocispec.Descriptor, error) {
	wanted := ocispec.Descriptor{Digest: image.Digest, MediaType: image.MediaType, Size: image.Size}
	if wanted.MediaType == "" {
		wanted.MediaType = signed.MediaType
	}
	if wanted.Size == 0 {
		wanted.Size = signed.Size
	}
	switch {
	case wanted.Digest != signed.Digest:
		return wanted, v.refuse("the signature is for another digest than %s", wanted.Digest)
	case wanted.MediaType != signed.MediaType || wanted.Size != signed.Size:
		return wanted, v.refuse("the signature is for %s as another media type or of another size", wanted.Digest)
	}
	return wanted, nil
}
