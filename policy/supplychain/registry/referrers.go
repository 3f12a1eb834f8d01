package registry

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
)

// The artifact types of referrers that are read.
const (
	bundleType      = "application/vnd.dev.sigstore.bundle"
	signatureType   = "application/vnd.dev.cosign.artifact.sig.v1+json"
	attestationType = "application/vnd.in-toto+json"
	notationType    = "application/vnd.cncf.notary.signature"
)

// kind is what a referrer holds; nil is for what nobody asked for.
func (f *Attached) kind(artifactType string, wanted Wanted) *[]Blob {
	switch {
	case strings.HasPrefix(artifactType, bundleType) && (wanted.Cosign || wanted.Attestations):
		return &f.Bundles
	case artifactType == signatureType && wanted.Cosign:
		return &f.Signatures
	case artifactType == attestationType && wanted.Attestations:
		return &f.Attestations
	case artifactType == notationType && wanted.Notation:
		return &f.Notation
	default:
		return nil
	}
}

// what is how messages call referrers.
const what = "attached signatures and bundles"

// referrers reads the manifests that name the image as their subject, by the
// referrers API or, where the registry has none, by its tag schema.
func (r reader) referrers(ctx context.Context, wanted Wanted) (Attached, error) {
	var found Attached
	named, err := r.list(ctx, wanted)
	if err != nil {
		return found, err
	}
	kinds := make([]string, len(named))
	read := make([][]Blob, len(named))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(AtOnce)
	for i, one := range named {
		group.Go(func() error {
			_, body, err := r.manifest(ctx, one.Digest.String())
			if missing(err) {
				return nil
			}
			if err != nil {
				return err
			}
			var manifest ocispec.Manifest
			if json.Unmarshal(body, &manifest) != nil || new(Attached).kind(manifest.ArtifactType, wanted) == nil {
				return nil // it is nothing that could count
			}
			kinds[i] = manifest.ArtifactType
			read[i], err = r.blobs(ctx, body, what, 1)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return found, err
	}
	for i := range named {
		if into := found.kind(kinds[i], wanted); into != nil {
			*into = append(*into, read[i]...)
		}
	}
	return found, nil
}

// list returns what refers to the image and may be of a wanted kind. Some
// registries give the type of the configuration in the place of the artifact's.
func (r reader) list(ctx context.Context, wanted Wanted) (named []ocispec.Descriptor, err error) {
	subject := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.Digest(r.name.Digest)}
	err = r.repository.Referrers(ctx, subject, "", func(page []ocispec.Descriptor) error {
		for _, one := range page {
			unclear := one.ArtifactType == "" || one.ArtifactType == ocispec.MediaTypeEmptyJSON
			if unclear || new(Attached).kind(one.ArtifactType, wanted) != nil {
				named = append(named, one)
			}
		}
		return tooMany(len(named), r.client.limits.Attachments, what)
	})
	if missing(err) {
		return nil, nil
	}
	return named, err
}
