package remote_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/policy/remote"
)

const password = "s3cr3t-canary-of-the-registry"

// withLogin lets through who knows the password.
func withLogin(w http.ResponseWriter, r *http.Request) bool {
	if user, given, _ := r.BasicAuth(); user == "robot" && given == password || r.Header.Get("Authorization") == "Bearer "+password {
		return false
	}
	w.Header().Set("Www-Authenticate", `Basic realm="r"`)
	http.Error(w, `{"errors":[{"code":"DENIED","message":"header was `+r.Header.Get("Authorization")+` `+password+`"}]}`, http.StatusUnauthorized)
	return true
}

func TestCredentials(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"right": password + "\n", "wrong": "x-" + password, "empty": "\n"})
	allowed := atomic.Bool{}
	allowed.Store(true)
	host := startRegistry(t, func(w http.ResponseWriter, r *http.Request) bool { return !allowed.Load() && withLogin(w, r) })
	digest := push(t, host, "v1", policyFile("a.rego", deny))
	allowed.Store(false)
	at := remote.Source{OCI: "http://" + host + "/policies/platform", Digest: digest}
	with := func(file string) remote.Source {
		s := at
		s.Username, s.PasswordFile = "robot", filepath.Join(dir, file)
		return s
	}
	if _, err := fetcher(t, with("right"), remote.Options{}).Fetch(t.Context()); err != nil {
		t.Error(err)
	}
	_, err := fetcher(t, at, remote.Options{}).Fetch(t.Context())
	wantFault(t, err, "basic credential not found")
	_, err = fetcher(t, with("empty"), remote.Options{}).Fetch(t.Context())
	wantFault(t, err, "cannot be read")
	_, err = fetcher(t, with("absent"), remote.Options{}).Fetch(t.Context())
	wantFault(t, err, "cannot be read")
	_, err = fetcher(t, with("wrong"), remote.Options{}).Fetch(t.Context())
	wantFault(t, err, "401")
	sent := base64.StdEncoding.EncodeToString([]byte("robot:x-" + password))
	if text := err.Error(); strings.Contains(text, "x-"+password) || strings.Contains(text, sent) {
		t.Errorf("the error carries the credentials: %s", text)
	}
}

// Storage on another host gets no credentials, and a file from there counts only
// with its digest.
func TestRedirectWithoutCredentials(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"password": password})
	var given, requests atomic.Int64
	storage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if r.Header.Get("Authorization") != "" {
			given.Add(1)
		}
		_, _ = fmt.Fprint(w, deny)
	}))
	t.Cleanup(storage.Close)
	var redirect atomic.Bool
	host := startRegistry(t, func(w http.ResponseWriter, r *http.Request) bool {
		if !redirect.Load() || withLogin(w, r) {
			return redirect.Load()
		}
		if strings.Contains(r.URL.Path, "/blobs/") {
			http.Redirect(w, r, storage.URL+"/blob?signature=abc", http.StatusTemporaryRedirect)
			return true
		}
		return false
	})
	digest := push(t, host, "v1", policyFile("a.rego", deny))
	redirect.Store(true)
	source := remote.Source{
		OCI: "http://" + host + "/policies/platform", Digest: digest, Username: "robot", PasswordFile: filepath.Join(dir, "password"),
	}
	content, err := fetcher(t, source, remote.Options{}).Fetch(t.Context())
	if err != nil || texts(content)["a.rego"] != deny {
		t.Fatal(err)
	}
	if given.Load() != 0 || requests.Load() == 0 {
		t.Errorf("%d of %d requests to the storage carry credentials", given.Load(), requests.Load())
	}
}
