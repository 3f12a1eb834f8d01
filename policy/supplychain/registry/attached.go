package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
	"oras.land/oras-go/v2/content"
	oras "oras.land/oras-go/v2/registry/remote"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/image"
)

const (
	// maxManifest bounds a manifest or a list of referrers in bytes, maxPages how
	// many pages of such a list are asked for.
	maxManifest = 4 << 20
	maxPages    = 10
	// wholes is how many of the largest attachments one image may have, manifests
	// counted.
	wholes = 4
)

// manifestTypes are asked for by name, as registries convert otherwise.
var manifestTypes = []string{
	ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageIndex,
	"application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.distribution.manifest.list.v2+json",
}

// Blob is one thing that is attached to an image.
type Blob struct {
	MediaType string
	// Annotations are the layer's, in which Cosign keeps signatures and proofs.
	Annotations map[string]string
	Content     []byte
}

// Attached is what was found with an image.
type Attached struct {
	// Image is the image's manifest or index, whose digest was checked.
	Image ocispec.Descriptor
	// Signatures and Attestations are Cosign's, at the tags sha256-HEX.sig and .att, or
	// in artifacts that refer to the image.
	// https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md
	Signatures, Attestations []Blob
	// Bundles are Sigstore's, which refer to the image.
	Bundles []Blob
	// Notation are envelopes of Notary Project signatures, which refer to it.
	Notation []Blob
}

// Wanted says what of it is read: what is not asked for cannot be in the way.
type Wanted struct{ Cosign, Attestations, Notation bool }

// Resolve returns the digest that the tag of an image names now. Its faults are
// E_IMAGE where there is no such tag, and otherwise as of [Client.Attached].
func (c *Client) Resolve(ctx context.Context, name image.Name) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.limits.Timeout)
	defer cancel()
	repository, err := c.repository(name)
	if err != nil {
		return "", err
	}
	found, err := repository.Resolve(ctx, name.Tag)
	switch {
	case missing(err):
		return "", absent(name, name.Tag)
	case err != nil:
		return "", failed(name, err)
	case found.Digest.Validate() != nil || found.Digest.Algorithm() != digest.SHA256:
		return "", fault.New(fault.ImageRegistry, "%s names a digest that is not of SHA-256", fault.Clean(name.Registry, 200))
	}
	return found.Digest.String(), nil
}

// absent is the fault of an image that its registry does not have.
func absent(name image.Name, what string) error {
	return fault.New(fault.Image, "%s has no %s of %s", fault.Clean(name.Registry, 200), fault.Clean(what, 100), fault.Clean(name.Repository, 200)).
		WithFix("push the image, or correct its name")
}

// Attached reads what is attached to an image with a digest. Faults
// are E_IMAGE where there is no such image, E_LIMIT where more is attached than
// is taken, and E_IMAGE_REGISTRY where the registry cannot be asked. An image to
// which nothing is attached is no fault.
func (c *Client) Attached(ctx context.Context, name image.Name, wanted Wanted) (Attached, error) {
	ctx, cancel := context.WithTimeout(ctx, c.limits.Timeout)
	defer cancel()
	repository, err := c.repository(name)
	if err != nil {
		return Attached{}, err
	}
	turns := c.hosts[name.Registry].images
	select {
	case turns <- struct{}{}:
		defer func() { <-turns }()
	case <-ctx.Done():
		return Attached{}, failed(name, ctx.Err())
	}
	r := reader{client: c, name: name, repository: repository, left: new(atomic.Int64)}
	r.left.Store(wholes * c.limits.Bytes)
	found, err := r.read(ctx, wanted)
	if err != nil {
		return Attached{}, failed(name, err)
	}
	return found, nil
}

// reader reads what is attached to one image.
type reader struct {
	client     *Client
	name       image.Name
	repository *oras.Repository
	// left is how many bytes may still come.
	left *atomic.Int64
}

func (r reader) read(ctx context.Context, wanted Wanted) (Attached, error) {
	var found Attached
	hex := strings.TrimPrefix(r.name.Digest, "sha256:")
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		found.Image, err = r.image(ctx)
		return err
	})
	if wanted.Cosign {
		group.Go(func() (err error) {
			found.Signatures, err = r.layers(ctx, "sha256-"+hex+".sig", "signatures")
			return err
		})
	}
	if wanted.Attestations {
		group.Go(func() (err error) {
			found.Attestations, err = r.layers(ctx, "sha256-"+hex+".att", "attestations")
			return err
		})
	}
	var referring Attached
	group.Go(func() (err error) {
		referring, err = r.referrers(ctx, wanted)
		return err
	})
	err := group.Wait()
	found.Signatures = append(found.Signatures, referring.Signatures...)
	found.Attestations = append(found.Attestations, referring.Attestations...)
	found.Bundles, found.Notation = referring.Bundles, referring.Notation
	return found, err
}

// image makes sure that the image is there, and is what its digest says.
func (r reader) image(ctx context.Context) (ocispec.Descriptor, error) {
	found, body, err := r.manifest(ctx, r.name.Digest)
	switch {
	case missing(err):
		return found, absent(r.name, r.name.Digest)
	case err != nil:
		return found, err
	case digest.FromBytes(body).String() != r.name.Digest:
		return found, fmt.Errorf("another digest")
	}
	return found, nil
}

// manifest fetches a manifest by tag or digest and checks its digest.
func (r reader) manifest(ctx context.Context, reference string) (ocispec.Descriptor, []byte, error) {
	found, stream, err := r.repository.FetchReference(ctx, reference)
	if err != nil {
		return found, nil, err
	}
	defer func() { _ = stream.Close() }() // the guard has read it
	if found.Size > maxManifest {
		return found, nil, errTooMuch
	}
	if r.left.Add(-found.Size) < 0 {
		return found, nil, errTooMuch
	}
	body, err := content.ReadAll(stream, found)
	return found, body, err
}

// layers reads all layers of the manifest at a tag; none where there is no such
// tag.
func (r reader) layers(ctx context.Context, tag, what string) ([]Blob, error) {
	_, body, err := r.manifest(ctx, tag)
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return r.blobs(ctx, body, what, r.client.limits.Attachments)
}

// blobs reads the layers that a manifest lists, of which there may be so many.
func (r reader) blobs(ctx context.Context, body []byte, what string, most int) ([]Blob, error) {
	var manifest ocispec.Manifest
	if json.Unmarshal(body, &manifest) != nil {
		return nil, fmt.Errorf("no manifest")
	}
	if err := tooMany(len(manifest.Layers), most, what); err != nil {
		return nil, err
	}
	blobs := make([]Blob, len(manifest.Layers))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(AtOnce)
	for i, layer := range manifest.Layers {
		if layer.Size > r.client.limits.Bytes {
			return nil, fault.New(fault.Limit, "one of the %s of the image has %d bytes; at most %d are read", what, layer.Size, r.client.limits.Bytes).
				WithFix("attach a smaller one, or ask the platform team to raise images.limits")
		}
		if layer.Size < 0 || r.left.Add(-layer.Size) < 0 {
			return nil, errTooMuch
		}
		group.Go(func() error {
			content, err := content.FetchAll(ctx, r.repository.Blobs(), layer)
			blobs[i] = Blob{MediaType: layer.MediaType, Annotations: layer.Annotations, Content: content}
			return err
		})
	}
	return blobs, group.Wait()
}

func tooMany(found, most int, what string) error {
	if found > most {
		return fault.New(fault.Limit, "the image has %d %s; at most %d are read", found, what, most).
			WithFix("remove those that are not needed, or ask the platform team to raise images.limits")
	}
	return nil
}
