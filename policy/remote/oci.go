package remote

import (
	"context"
	"encoding/json"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
	"oras.land/oras-go/v2/content"
	oras "oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
)

// The media types of the layers that conftest push writes, one for each file.
const (
	policyLayer = "application/vnd.cncf.openpolicyagent.policy.layer.v1+rego"
	dataLayer   = "application/vnd.cncf.openpolicyagent.data.layer.v1+json"
)

const (
	// maxManifest bounds a manifest, which names each file with its digest.
	maxManifest = 1 << 20
	// atOnce is how many files of one bundle are asked for at a time.
	atOnce = 8
)

// artifact is a bundle in a registry.
type artifact struct {
	source Source
	cache  cache
	used   credentials
}

func (a *artifact) connect() (repository *oras.Repository, close func(), err error) {
	reference, plain, err := a.source.registry()
	if err != nil {
		return nil, nil, err
	}
	client, err := a.source.client(maxBytes + 2*maxManifest)
	if err != nil {
		return nil, nil, err
	}
	if a.used, err = a.source.credentials(); err != nil {
		return nil, nil, err
	}
	known := auth.Credential{Username: a.used.username, Password: a.used.password, AccessToken: a.used.token}
	repository = &oras.Repository{
		Reference: reference, PlainHTTP: plain, MaxMetadataBytes: maxManifest,
		ManifestMediaTypes: []string{ocispec.MediaTypeImageManifest},
		Client:             &auth.Client{Client: client, Cache: auth.NewCache(), Credential: auth.StaticCredential(reference.Host(), known)},
	}
	return repository, client.CloseIdleConnections, nil
}

func (a *artifact) resolve(ctx context.Context) (string, error) {
	repository, close, err := a.connect()
	if err != nil {
		return "", a.source.failed(err, a.used)
	}
	defer close()
	manifest, err := repository.Resolve(ctx, a.source.Tag)
	if err != nil {
		return "", a.source.failed(err, a.used)
	}
	if !sha256Digest.MatchString(manifest.Digest.String()) {
		return "", a.source.failed(refuse("", "the registry names the digest %q", manifest.Digest), a.used)
	}
	return manifest.Digest.String(), nil
}

func (a *artifact) fetch(ctx context.Context, wanted string) (map[string][]byte, error) {
	repository, close, err := a.connect()
	if err != nil {
		return nil, a.source.failed(err, a.used)
	}
	defer close()
	found, err := a.read(ctx, repository, digest.Digest(wanted))
	if err != nil {
		return nil, a.source.failed(err, a.used)
	}
	return found.byAt, nil
}

func (a *artifact) read(ctx context.Context, repository *oras.Repository, wanted digest.Digest) (*files, error) {
	manifest, err := a.manifest(ctx, repository, wanted)
	if err != nil {
		return nil, err
	}
	found := newFiles(a.source.Path)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	if len(manifest.Layers) > maxFiles {
		return nil, refuse(tooLarge, "the bundle has more than %d files", maxFiles)
	}
	for _, layer := range manifest.Layers {
		at := layer.Annotations[ocispec.AnnotationTitle]
		if layer.MediaType != policyLayer && layer.MediaType != dataLayer {
			return nil, refuse("push it with conftest push", "the layer %q has the media type %q, which is neither policy nor data", at, layer.MediaType)
		}
		if err := found.check(at, layer.Size); err != nil {
			return nil, err
		}
		below, ok := found.within(at)
		if !ok {
			continue
		}
		group.Go(func() error {
			body, err := a.blob(layer.Digest, func() ([]byte, error) { return content.FetchAll(ctx, repository, layer) })
			if err != nil {
				return err
			}
			return found.add(below, body)
		})
	}
	return found, group.Wait()
}

func (a *artifact) manifest(ctx context.Context, repository *oras.Repository, wanted digest.Digest) (ocispec.Manifest, error) {
	var manifest ocispec.Manifest
	body, err := a.blob(wanted, func() ([]byte, error) {
		described, err := repository.Resolve(ctx, wanted.String())
		switch {
		case err != nil:
			return nil, err
		case described.MediaType != ocispec.MediaTypeImageManifest:
			return nil, refuse("name the digest that conftest push prints", "there is a %q and not a bundle", described.MediaType)
		case described.Size > maxManifest:
			return nil, refuse(tooLarge, "the manifest is larger than %d bytes", maxManifest)
		}
		return content.FetchAll(ctx, repository, described)
	})
	if err != nil {
		return manifest, err
	}
	if json.Unmarshal(body, &manifest) != nil {
		return manifest, refuse("push it with conftest push", "the manifest is not JSON")
	}
	return manifest, nil
}

// blob returns what has the digest, from the cache or by get, and makes sure
// that it has.
func (a *artifact) blob(named digest.Digest, get func() ([]byte, error)) ([]byte, error) {
	if !sha256Digest.MatchString(named.String()) {
		return nil, refuse("push it with conftest push", "the digest %q is not of SHA-256", named)
	}
	if body, ok := a.cache.get(named.Encoded(), maxFileBytes); ok && digest.FromBytes(body) == named {
		return body, nil
	}
	if err := a.cache.mayFetch(); err != nil {
		return nil, err
	}
	body, err := get()
	if err != nil {
		return nil, err
	}
	if digest.FromBytes(body) != named {
		return nil, refuse("find out who changed it", "the content has another digest than %s", named)
	}
	a.cache.put(named.Encoded(), body)
	return body, nil
}
