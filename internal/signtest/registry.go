package signtest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	containers "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	ociremote "github.com/sigstore/cosign/v2/pkg/oci/remote"

	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/notation"
)

// Registry is a registry in this process, in front of which a test may stand.
type Registry struct {
	// Host is where it serves, as images name it.
	Host string
	// Requests counts what it was asked.
	Requests atomic.Int64
	// now and most are how many it answers and has answered at a time.
	now, most atomic.Int64

	mu sync.Mutex
	// before may answer in the registry's place: it returns true where it has.
	before func(w http.ResponseWriter, r *http.Request) bool
}

// NewRegistry starts a registry that knows referrers.
func NewRegistry(t testing.TB) *Registry {
	t.Helper()
	return newRegistry(t, containers.WithReferrersSupport(true))
}

// NewOldRegistry starts one that does not, for which clients keep lists at tags.
func NewOldRegistry(t testing.TB) *Registry {
	t.Helper()
	return newRegistry(t)
}

func newRegistry(t testing.TB, options ...containers.Option) *Registry {
	made := &Registry{}
	options = append(options, containers.Logger(quiet))
	behind := containers.New(options...)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		made.Requests.Add(1)
		now := made.now.Add(1)
		defer made.now.Add(-1)
		for most := made.most.Load(); now > most && !made.most.CompareAndSwap(most, now); most = made.most.Load() {
		}
		made.mu.Lock()
		before := made.before
		made.mu.Unlock()
		if before == nil || !before(w, r) {
			behind.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	made.Host = strings.TrimPrefix(server.URL, "http://")
	return made
}

// Before puts something in front of the registry; nil takes it away.
func (r *Registry) Before(answers func(w http.ResponseWriter, r *http.Request) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.before = answers
}

// Most is how many requests there were at a time since the last call.
func (r *Registry) Most() int64 { return r.most.Swap(0) }

// Push makes an image of noise and pushes it, with a tag.
func (r *Registry) Push(t testing.TB, repository, tag string) name.Digest {
	t.Helper()
	made, err := random.Image(64, 1)
	check(t, err)
	return r.PushImage(t, repository, tag, made)
}

// PushImage pushes an image with a tag.
func (r *Registry) PushImage(t testing.TB, repository, tag string, made v1.Image) name.Digest {
	t.Helper()
	at, err := name.NewTag(r.Host + "/" + repository + ":" + tag)
	check(t, err)
	check(t, remote.Write(at, made))
	digest, err := made.Digest()
	check(t, err)
	return at.Digest(digest.String())
}

// Descriptor is what a registry says of an image.
func (r *Registry) Descriptor(t testing.TB, image name.Digest) ocispec.Descriptor {
	t.Helper()
	found, err := remote.Head(image)
	check(t, err)
	text, err := json.Marshal(found)
	check(t, err)
	var made ocispec.Descriptor
	check(t, json.Unmarshal(text, &made))
	return made
}

// Attach pushes an artifact that refers to an image.
func (r *Registry) Attach(t testing.TB, image name.Digest, artifactType, mediaType string, content []byte) {
	t.Helper()
	layer := static.NewLayer(content, types.MediaType(mediaType))
	check(t, ociremote.WriteReferrer(image, artifactType, []v1.Layer{layer}, nil))
}

// AttachNotation signs an image as notation sign does.
func (r *Registry) AttachNotation(t testing.TB, ca *CA, image name.Digest, options NotationOptions) {
	t.Helper()
	mediaType, envelope := Notation(t, ca, r.Descriptor(t, image), options)
	r.Attach(t, image, notation.ArtifactType, mediaType, envelope)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
