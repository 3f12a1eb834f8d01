package remote_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	oras "oras.land/oras-go/v2/registry/remote"
)

const (
	policyType = "application/vnd.cncf.openpolicyagent.policy.layer.v1+rego"
	dataType   = "application/vnd.cncf.openpolicyagent.data.layer.v1+json"
	deny       = "package main\n\ndeny contains \"no\" if input.kind == \"Pod\"\n"
)

// startRegistry serves an empty registry on loopback. Between is called before
// each request and may answer it.
func startRegistry(t *testing.T, between func(http.ResponseWriter, *http.Request) bool) (host string) {
	t.Helper()
	serving := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if between == nil || !between(w, r) {
			serving.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

type layer struct {
	title, mediaType, body string
	// size lies about the body where it is not 0.
	size int64
}

// push stores layers in the layout of conftest push, which
// TestConftestPush compares it with.
func push(t *testing.T, host, tag string, layers ...layer) string {
	t.Helper()
	repository, err := oras.NewRepository(host + "/policies/platform")
	if err != nil {
		t.Fatal(err)
	}
	repository.PlainHTTP = true
	store := func(mediaType string, body []byte) ocispec.Descriptor {
		stored := content.NewDescriptorFromBytes(mediaType, body)
		if err := repository.Push(t.Context(), stored, bytes.NewReader(body)); err != nil {
			t.Fatal(err)
		}
		return stored
	}
	manifest := ocispec.Manifest{Config: store("application/vnd.unknown.config.v1+json", []byte("{}"))}
	manifest.SchemaVersion = 2
	for _, l := range layers {
		stored := store(l.mediaType, []byte(l.body))
		stored.Annotations = map[string]string{ocispec.AnnotationTitle: l.title}
		if l.size != 0 {
			stored.Size = l.size
		}
		manifest.Layers = append(manifest.Layers, stored)
	}
	body, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	stored := store(ocispec.MediaTypeImageManifest, body)
	if err := repository.Tag(t.Context(), stored, tag); err != nil {
		t.Fatal(err)
	}
	return stored.Digest.String()
}

func policyFile(title, body string) layer {
	return layer{title: title, mediaType: policyType, body: body}
}

// conftest returns the command line tool that `make servers` builds.
func conftest(t *testing.T) string {
	t.Helper()
	program, err := filepath.Abs("../../.cache/servers/conftest-0.71.1")
	if err == nil {
		_, err = os.Stat(program)
	}
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("conftest is not built; fix: make servers")
	}
	return program
}

// pushWithConftest pushes the directory policy below dir, and returns the
// digest that conftest prints.
func pushWithConftest(t *testing.T, dir, repository string) string {
	t.Helper()
	program := conftest(t)
	cmd := exec.Command(program, "push", repository, "--policy", "policy", "--data", "policy")
	cmd.Dir = dir
	cmd.Env = []string{"HOME=" + t.TempDir(), "DOCKER_CONFIG=" + t.TempDir()}
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	return regexp.MustCompile(`sha256:[0-9a-f]{64}`).FindString(string(said))
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for at, body := range files {
		name := filepath.Join(dir, at)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func digestOf(body string) string { return digest.FromString(body).String() }
