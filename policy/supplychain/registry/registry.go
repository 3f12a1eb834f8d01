// Package registry reads what is attached to images: signatures, attestations and
// the bundles of both. It asks the registries that the platform lists and no
// other host, with bounds on everything that comes back, and believes nothing: what
// it returns has the digests that were asked for, and is otherwise as whoever may
// push to the repository wants it to be.
package registry

import (
	"context"
	"net/http"
	"time"

	oras "oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/retry"

	"oras.land/oras-go/v2/registry"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/loopback"
	"github.com/argocd-seal/argocd-seal-plugin/policy/image"
)

const (
	// AtOnce is how many requests one registry gets at a time.
	AtOnce = 8
	// DefaultTimeout bounds what is done for one image.
	DefaultTimeout = 10 * time.Second
)

// Registry is one registry that may be asked.
type Registry struct {
	// Host is the registry as images name it, host or host:port; docker.io for
	// Docker Hub.
	Host string
	// Also are further hosts that the registry may send us to: where it stores
	// content, and where it gives out tokens. Nothing else is followed.
	Also []string
	// PullSecret is a file in the form of Secrets of the type
	// kubernetes.io/dockerconfigjson, read at each login. Empty asks without
	// credentials, unless Login is set.
	PullSecret string
	// Login returns user and password from elsewhere; nil where PullSecret has them.
	Login func(ctx context.Context) (username, password string, err error)
	// CAFile is a PEM file with the authorities of the registry; empty means the
	// system's.
	CAFile string
}

// Limits bound what one image may have attached.
type Limits struct {
	// Attachments is how many signatures, attestations and bundles are read for one
	// image, each for itself; 0 means 100.
	Attachments int
	// Bytes bounds each of them; 0 means 8 MiB.
	Bytes int64
	// Timeout bounds all that is asked for one image; 0 means [DefaultTimeout].
	Timeout time.Duration
}

// Client asks registries. It is safe for concurrent use.
type Client struct {
	limits Limits
	hosts  map[string]*host
	listed []string
}

// host is one registry with what its requests share.
type host struct {
	Registry
	client *auth.Client
	// images are the turns of images: what is attached to them is in memory.
	images chan struct{}
}

// New returns a client of the registries. Its errors are faults of the
// configuration.
func New(registries []Registry, limits Limits) (*Client, error) {
	c := &Client{limits: limits.orDefault(), hosts: map[string]*host{}}
	var faults fault.List
	for _, r := range registries {
		r.Host = image.Host(r.Host)
		transport, err := newGuard(r, max(c.limits.Bytes, maxManifest))
		if err != nil {
			faults = append(faults, fault.Of(err)...)
			continue
		}
		made := &host{Registry: r, images: make(chan struct{}, AtOnce)}
		made.client = &auth.Client{
			Client: &http.Client{
				Transport:     &retry.Transport{Base: transport, Policy: again},
				CheckRedirect: redirect,
			},
			Cache: auth.NewCache(), Credential: made.credential,
		}
		made.client.SetUserAgent("argocd-seal")
		c.hosts[r.Host] = made
		c.listed = append(c.listed, r.Host)
	}
	return c, faults.OrNil()
}

func (l Limits) orDefault() Limits {
	if l.Attachments <= 0 {
		l.Attachments = 100
	}
	if l.Bytes <= 0 {
		l.Bytes = 8 << 20
	}
	if l.Timeout <= 0 {
		l.Timeout = DefaultTimeout
	}
	return l
}

// again tries twice more where a registry is busy: Argo CD gives up on an
// application after three failures.
var again = func() retry.Policy {
	return &retry.GenericPolicy{
		Retryable: retry.DefaultPredicate, Backoff: retry.DefaultBackoff,
		MinWait: 100 * time.Millisecond, MaxWait: time.Second, MaxRetry: 2,
	}
}

// repository connects to the repository of an image.
func (c *Client) repository(name image.Name) (*oras.Repository, error) {
	h, ok := c.hosts[name.Registry]
	if !ok {
		return nil, fault.New(fault.ImageRegistry, "the registry %s is not among those that may be asked", fault.Clean(name.Registry, 200)).
			MeantWord(name.Registry, c.listed).
			WithFix("use an image of a registry that the platform lists, or ask the platform team to add it to images.registries")
	}
	reference := registry.Reference{Registry: name.Registry, Repository: name.Repository}
	if reference.Validate() != nil {
		return nil, fault.New(fault.Image, "the registry cannot be asked for %s", fault.Clean(name.Full(), 200))
	}
	return &oras.Repository{
		Client: h.client, Reference: reference, PlainHTTP: loopback.Host(name.Registry), MaxMetadataBytes: maxManifest,
		ReferrerListMaxPages: maxPages, SkipReferrersGC: true, ManifestMediaTypes: manifestTypes,
	}, nil
}
