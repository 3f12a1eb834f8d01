package reload_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/registry"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	oras "oras.land/oras-go/v2/registry/remote"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/reload"
	"github.com/argocd-seal/argocd-seal-plugin/policy/remote"
)

// shelf is a registry that can be down.
type shelf struct {
	t    *testing.T
	host string
	down atomic.Bool
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	s := &shelf{t: t}
	serving := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.down.Load() {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		serving.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s.host = strings.TrimPrefix(server.URL, "http://")
	return s
}

// push stores one policy under the tag v1.
func (s *shelf) push(body string) string {
	s.t.Helper()
	repository, err := oras.NewRepository(s.host + "/policies")
	if err != nil {
		s.t.Fatal(err)
	}
	repository.PlainHTTP = true
	store := func(mediaType string, body []byte) ocispec.Descriptor {
		stored := content.NewDescriptorFromBytes(mediaType, body)
		if err := repository.Push(s.t.Context(), stored, bytes.NewReader(body)); err != nil {
			s.t.Fatal(err)
		}
		return stored
	}
	manifest := ocispec.Manifest{Config: store("application/vnd.unknown.config.v1+json", []byte("{}"))}
	manifest.SchemaVersion = 2
	layer := store("application/vnd.cncf.openpolicyagent.policy.layer.v1+rego", []byte(body))
	layer.Annotations = map[string]string{ocispec.AnnotationTitle: "policy/r.rego"}
	manifest.Layers = append(manifest.Layers, layer)
	encoded, err := json.Marshal(manifest)
	if err != nil {
		s.t.Fatal(err)
	}
	stored := store(ocispec.MediaTypeImageManifest, encoded)
	if err := repository.Tag(s.t.Context(), stored, "v1"); err != nil {
		s.t.Fatal(err)
	}
	return stored.Digest.String()
}

func (s *shelf) following() *remote.Source {
	return &remote.Source{Name: "platform", OCI: "http://" + s.host + "/policies", Tag: "v1", Follow: true}
}

const denySecrets = "package platform\n\n# METADATA\n# custom:\n#   id: secrets\ndeny contains \"no secrets\" if input.kind == \"Secret\"\n"

func TestTagMoves(t *testing.T) {
	shelf := newShelf(t)
	first := shelf.push(denySecrets)
	l := newLab(t, shelf.following())
	gate := l.start()
	before := ask(t, gate, "Secret")
	if !before.Denied() || !ask(t, gate, "Pod").Denied() {
		t.Fatal("the remote bundle or the directory does not judge")
	}
	second := shelf.push(strings.ReplaceAll(denySecrets, "Secret\"", "Role\""))
	if err := gate.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	after := ask(t, gate, "Role")
	if !after.Denied() || ask(t, gate, "Secret").Denied() || after.BundleDigest == before.BundleDigest {
		t.Errorf("after the tag moved: %+v", after)
	}
	if diff := cmp.Diff(map[string]string{"platform": second}, gate.State().Sources); diff != "" {
		t.Error(diff)
	}
	for _, digest := range []string{first, second, before.BundleDigest, after.BundleDigest} {
		if !strings.Contains(l.log.String(), digest) {
			t.Errorf("the log does not name %s", digest)
		}
	}
}

func TestRegistryDown(t *testing.T) {
	shelf := newShelf(t)
	shelf.push(denySecrets)
	l := newLab(t, shelf.following())
	gate := l.start()
	before := ask(t, gate, "Secret")
	shelf.down.Store(true)
	// What else changed comes into force all the same.
	l.write("own/p.rego", strings.ReplaceAll(denyPods, "Pod\"", "Job\""))
	err := gate.Refresh(t.Context())
	if fault.CodeOf(err) != fault.PolicyFetch || gate.State().LastError != fault.PolicyFetch {
		t.Errorf("got %v, %+v", err, gate.State())
	}
	if v := ask(t, gate, "Secret"); !v.Denied() || !ask(t, gate, "Job").Denied() || v.BundleDigest == before.BundleDigest {
		t.Errorf("while the registry is down: %+v", v)
	}
	_, err = reload.New(t.Context(), l.config)
	if fault.CodeOf(err) != fault.PolicyFetch || !strings.HasPrefix(err.Error(), "E_POLICY_FETCH: platform policy.sources: http://"+shelf.host+"/policies:v1: ") {
		t.Errorf("a start without the registry: %v", err)
	}
}

func TestBrokenPolicyPushed(t *testing.T) {
	shelf := newShelf(t)
	shelf.push(denySecrets)
	l := newLab(t, shelf.following())
	gate := l.start()
	before := ask(t, gate, "Secret")
	broken := shelf.push(denySecrets + "deny contains x if y\n")
	for range 2 {
		err := gate.Refresh(t.Context())
		if fault.CodeOf(err) != fault.PolicyLoad || !strings.Contains(err.Error(), "platform@"+broken[:len("sha256:")+12]+"/policy/r.rego:7") {
			t.Errorf("got %v", err)
		}
		if after := ask(t, gate, "Secret"); !after.Denied() || after.BundleDigest != before.BundleDigest {
			t.Errorf("after a broken push: %+v", after)
		}
	}
	shelf.push(strings.ReplaceAll(denySecrets, "Secret\"", "Role\""))
	if err := gate.Refresh(t.Context()); err != nil || !ask(t, gate, "Role").Denied() {
		t.Errorf("after the correction: %v", err)
	}
}
