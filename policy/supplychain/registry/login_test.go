package registry_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/signtest"
	"github.com/argocd-seal/argocd-seal-plugin/policy/image"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/registry"
)

const password = "correct-horse-battery"

// locked is a registry with an image that wants a login.
func locked(t *testing.T, wants func(w http.ResponseWriter, r *http.Request) bool) (*signtest.Registry, image.Name) {
	t.Helper()
	made := signtest.NewRegistry(t)
	pushed := made.Push(t, "apps/guestbook", "v1")
	made.Before(wants)
	return made, nameOf(t, pushed)
}

func nameOf(t *testing.T, pushed name.Digest) image.Name {
	t.Helper()
	parsed, ok := image.Parse(pushed.String())
	if !ok {
		t.Fatal(pushed)
	}
	return parsed
}

// basic wants user and password.
func basic(w http.ResponseWriter, r *http.Request) bool {
	if username, word, ok := r.BasicAuth(); ok && username == "argocd" && word == password {
		return false
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
	w.WriteHeader(http.StatusUnauthorized)
	return true
}

func attached(t *testing.T, r registry.Registry, of image.Name) error {
	t.Helper()
	client, err := registry.New([]registry.Registry{r}, registry.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Attached(t.Context(), of, registry.Wanted{Cosign: true})
	return err
}

// pullSecret writes one as Kubernetes mounts it.
func pullSecret(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), ".dockerconfigjson")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestPullSecretsLogIn(t *testing.T) {
	made, of := locked(t, basic)
	encoded := base64.StdEncoding.EncodeToString([]byte("argocd:" + password))
	tests := map[string]struct{ content, want string }{
		"auth":              {fmt.Sprintf(`{"auths": {%q: {"auth": %q}}}`, made.Host, encoded), ""},
		"with a scheme":     {fmt.Sprintf(`{"auths": {"https://%s/v1/": {"auth": %q}}}`, made.Host, encoded), ""},
		"user and password": {fmt.Sprintf(`{"auths": {%q: {"username": "argocd", "password": %q}}}`, made.Host, password), ""},
		"a wrong password":  {fmt.Sprintf(`{"auths": {%q: {"username": "argocd", "password": "wrong-horse"}}}`, made.Host), "refuses the login"},
		"another registry":  {fmt.Sprintf(`{"auths": {"other.example.com": {"auth": %q}}}`, encoded), "has no entry for the registry"},
		"not base64":        {fmt.Sprintf(`{"auths": {%q: {"auth": "%%"}}}`, made.Host), "not user:password"},
		"a helper":          {fmt.Sprintf(`{"credHelpers": {%q: "evil"}}`, made.Host), "has no entry for the registry"},
		"not JSON":          {"{", "not in the form"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := attached(t, registry.Registry{Host: made.Host, PullSecret: pullSecret(t, test.content)}, of)
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || fault.CodeOf(err) != fault.ImageRegistry):
				t.Errorf("got %v, want %q", err, test.want)
			case err != nil && (strings.Contains(err.Error(), "horse") || strings.Contains(err.Error(), encoded)):
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

// TestTokensComeFromListedHosts has a registry that sends clients to a token service.
func TestTokensComeFromListedHosts(t *testing.T) {
	asked := 0
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if _, word, _ := r.BasicAuth(); word != password {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(`{"token": "a-token", "expires_in": 300}`))
	}))
	t.Cleanup(service.Close)
	made, of := locked(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Authorization") == "Bearer a-token" {
			return false
		}
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="registry"`, service.URL))
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	login := func(context.Context) (string, string, error) { return "argocd", password, nil }
	err := attached(t, registry.Registry{Host: made.Host, Login: login}, of)
	if fault.CodeOf(err) != fault.ImageRegistry || !strings.Contains(err.Error(), "a host that the platform does not list") || asked > 0 {
		t.Errorf("the token service was asked %d times: %v", asked, err)
	}
	service2 := strings.TrimPrefix(service.URL, "http://")
	if err := attached(t, registry.Registry{Host: made.Host, Also: []string{service2}, Login: login}, of); err != nil || asked == 0 {
		t.Errorf("the token service was asked %d times: %v", asked, err)
	}
}
