package harness

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	containers "github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// RegistryUser is who has the password of an [ImageRegistry].
const RegistryUser = "puller"

// ImageRegistry is a registry in the test's process that wants a password for
// everything, and Cosign with a key and that password.
type ImageRegistry struct {
	// Host is where it serves, as images name it.
	Host string
	// Dir holds the pull secret config.json, and cosign.pub.
	Dir string
	// Down has it answer every request with 503.
	Down atomic.Bool

	password atomic.Value
}

// NewImageRegistry starts a registry that ends with the test.
func NewImageRegistry(t testing.TB, password string) *ImageRegistry {
	t.Helper()
	Need(t, Cosign)
	r := &ImageRegistry{Dir: t.TempDir()}
	r.ChangePassword(password)
	behind := containers.New(containers.Logger(log.New(io.Discard, "", 0)), containers.WithReferrersSupport(true))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		user, word, _ := request.BasicAuth()
		switch {
		case r.Down.Load():
			w.WriteHeader(http.StatusServiceUnavailable)
		case user != RegistryUser || word != r.password.Load():
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
		default:
			behind.ServeHTTP(w, request)
		}
	}))
	t.Cleanup(server.Close)
	r.Host = strings.TrimPrefix(server.URL, "http://")
	r.WritePullSecret(t)
	r.cosign(t, "generate-key-pair")
	return r
}

// ChangePassword has the registry want another password than the pull secret has.
func (r *ImageRegistry) ChangePassword(password string) { r.password.Store(password) }

// WritePullSecret writes the password that the registry wants now.
func (r *ImageRegistry) WritePullSecret(t testing.TB) {
	t.Helper()
	entry := base64.StdEncoding.EncodeToString([]byte(RegistryUser + ":" + r.password.Load().(string)))
	r.write(t, "config.json", map[string]any{"auths": map[string]any{r.Host: map[string]string{"auth": entry}}})
}

// PullSecret is the file with the registry's password.
func (r *ImageRegistry) PullSecret() string { return filepath.Join(r.Dir, "config.json") }

// Push makes an image of noise, pushes it with a tag, and returns its digest.
func (r *ImageRegistry) Push(t testing.TB, repository, tag string) string {
	t.Helper()
	const bytes = 64
	image, err := random.Image(bytes, 1)
	if err != nil {
		t.Fatal(err)
	}
	at, err := name.NewTag(r.Host + "/" + repository + ":" + tag)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(at, image, remote.WithAuth(&authn.Basic{Username: RegistryUser, Password: r.password.Load().(string)})); err != nil {
		t.Fatal(err)
	}
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

// Sign signs an image with the key, as a release does.
func (r *ImageRegistry) Sign(t testing.TB, repository, digest string) {
	t.Helper()
	r.cosign(t, "sign", "--key", "cosign.key", "--tlog-upload=false", "--yes", r.Host+"/"+repository+"@"+digest)
}

// Attest attaches a predicate of one of Cosign's types or a URI, signed with the key.
func (r *ImageRegistry) Attest(t testing.TB, repository, digest, kind string, predicate any) {
	t.Helper()
	r.write(t, "predicate.json", predicate)
	r.cosign(t, "attest", "--key", "cosign.key", "--tlog-upload=false", "--yes", "--type", kind, "--predicate", "predicate.json", r.Host+"/"+repository+"@"+digest)
}

func (r *ImageRegistry) write(t testing.TB, file string, value any) {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.Dir, file), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (r *ImageRegistry) cosign(t testing.TB, args ...string) {
	t.Helper()
	path, err := Cosign.Path()
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	command := exec.CommandContext(t.Context(), path, args...)
	command.Dir, command.Stderr = r.Dir, &said
	command.Env = []string{"HOME=" + r.Dir, "DOCKER_CONFIG=" + r.Dir, "COSIGN_PASSWORD="}
	if err := command.Run(); err != nil {
		t.Fatalf("cosign %s: %v: %s", strings.Join(args, " "), err, &said)
	}
}
