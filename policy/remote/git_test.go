package remote_test

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/policy/remote"
)

// repository is a Git repository on disk, which git itself writes and serves.
type repository struct {
	t   *testing.T
	dir string
}

func newRepository(t *testing.T) repository {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("git is not installed")
	}
	r := repository{t: t, dir: filepath.Join(t.TempDir(), "policies.git")}
	r.git("init", "--quiet", "--initial-branch", "main", r.dir)
	r.git("-C", r.dir, "config", "uploadpack.allowReachableSHA1InWant", "true")
	return r
}

func (r repository) git(args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Env = append(os.Environ(), "HOME="+r.t.TempDir(), "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b", "GIT_ALLOW_PROTOCOL=file")
	said, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %v: %v: %s", args, err, said)
	}
	return strings.TrimSpace(string(said))
}

// commit writes files and commits everything.
func (r repository) commit(files map[string]string) string {
	r.t.Helper()
	write(r.t, r.dir, files)
	r.git("-C", r.dir, "add", "--all")
	r.git("-C", r.dir, "commit", "--quiet", "--message", "x")
	return r.git("-C", r.dir, "rev-parse", "HEAD")
}

// handler serves the repository with git's own HTTP backend. Between is called
// before each request and may answer it.
func (r repository) handler(between func(http.ResponseWriter, *http.Request) bool) http.Handler {
	program := filepath.Join(r.git("--exec-path"), "git-http-backend")
	backend := &cgi.Handler{Path: program, Env: []string{"GIT_PROJECT_ROOT=" + filepath.Dir(r.dir), "GIT_HTTP_EXPORT_ALL=1"}}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if between == nil || !between(w, req) {
			backend.ServeHTTP(w, req)
		}
	})
}

func (r repository) serve(between func(http.ResponseWriter, *http.Request) bool) string {
	server := httptest.NewServer(r.handler(between))
	r.t.Cleanup(server.Close)
	return server.URL + "/policies.git/.git"
}

func TestGitPinnedAndFollowing(t *testing.T) {
	r := newRepository(t)
	files := map[string]string{"rego/a.rego": deny, "rego/lib/b.rego": "package lib\n\nf(x) := x\n", "rego/data.yaml": "a: 1\n", "rego/README.md": "x", "other/c.rego": deny}
	first := r.commit(files)
	address := r.serve(nil)
	pinned := fetcher(t, remote.Source{Git: address, Commit: first, Path: "rego"}, remote.Options{})
	following := fetcher(t, remote.Source{Git: address, Branch: "main", Follow: true, Path: "rego"}, remote.Options{})
	want := map[string]string{"a.rego": deny, "lib/b.rego": files["rego/lib/b.rego"], "data.yaml": "a: 1\n"}
	for _, f := range []*remote.Fetcher{pinned, following} {
		content, err := f.Fetch(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, texts(content)); diff != "" || content.Digest != first {
			t.Errorf("%s (-want +got):\n%s", content.Digest, diff)
		}
	}
	second := r.commit(map[string]string{"rego/a.rego": deny + "# second\n"})
	if content, err := following.Fetch(t.Context()); err != nil || content.Digest != second || !strings.Contains(texts(content)["a.rego"], "second") {
		t.Errorf("following: %s, %v", content.Digest, err)
	}
	// The first commit is not the newest of any branch any more.
	again := fetcher(t, remote.Source{Git: address, Commit: first, Path: "rego"}, remote.Options{})
	content, err := again.Fetch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, texts(content)); diff != "" {
		t.Errorf("pinned (-want +got):\n%s", diff)
	}
}

func TestGitWithDeltas(t *testing.T) {
	r := newRepository(t)
	long := deny + strings.Repeat("# a line that repeats itself\n", 4000)
	files := map[string]string{}
	for i := range 20 {
		files[fmt.Sprintf("%02d.rego", i)] = long + fmt.Sprintf("# %d\n", i)
	}
	commit := r.commit(files)
	r.git("-C", r.dir, "repack", "-adfq")
	content, err := fetcher(t, remote.Source{Git: r.serve(nil), Commit: commit}, remote.Options{}).Fetch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(files, texts(content)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestGitFailures(t *testing.T) {
	r := newRepository(t)
	plain := r.commit(map[string]string{"rego/a.rego": deny})
	address := r.serve(nil)
	failing := func(source remote.Source, want string) {
		t.Helper()
		source.Git = address
		_, err := fetcher(t, source, remote.Options{}).Fetch(t.Context())
		wantFault(t, err, want)
	}
	failing(remote.Source{Commit: strings.Repeat("1", 40)}, "not our ref")
	failing(remote.Source{Branch: "absent", Follow: true}, `has no branch "absent"`)
	failing(remote.Source{Commit: plain, Path: "absent"}, `no directory "absent"`)
	if err := os.Symlink("a.rego", filepath.Join(r.dir, "rego", "b.rego")); err != nil {
		t.Fatal(err)
	}
	failing(remote.Source{Commit: r.commit(nil)}, `"rego/b.rego" is a symbolic link`)
	r.git("-C", r.dir, "rm", "--quiet", "rego/b.rego")
	failing(remote.Source{Commit: r.commit(map[string]string{"rego/c.rego": strings.Repeat("# x\n", 1<<20+1)})}, `the file "rego/c.rego" is larger`)
	r.git("-C", r.dir, "rm", "--quiet", "rego/c.rego")
	r.git("-C", r.dir, "update-index", "--add", "--cacheinfo", "160000,"+plain+",rego/sub")
	r.git("-C", r.dir, "commit", "--quiet", "--message", "sub")
	failing(remote.Source{Commit: r.git("-C", r.dir, "rev-parse", "HEAD")}, `"rego/sub" is a submodule`)
	r.git("-C", r.dir, "config", "uploadpack.allowReachableSHA1InWant", "false")
	failing(remote.Source{Commit: plain}, "gives no commits but the newest")
}

func TestGitTLSAndCredentials(t *testing.T) {
	r := newRepository(t)
	commit := r.commit(map[string]string{"a.rego": deny})
	server := httptest.NewTLSServer(r.handler(withLogin))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	write(t, dir, map[string]string{"ca.pem": string(authority), "password": password, "wrong": "x-" + password})
	source := remote.Source{Git: server.URL + "/policies.git/.git", Commit: commit, CAFile: filepath.Join(dir, "ca.pem")}
	login, token, wrong, untrusted := source, source, source, source
	login.Username, login.PasswordFile = "robot", filepath.Join(dir, "password")
	token.TokenFile = filepath.Join(dir, "password")
	wrong.Username, wrong.PasswordFile = "robot", filepath.Join(dir, "wrong")
	untrusted.CAFile = ""
	for name, allowed := range map[string]remote.Source{"password": login, "token": token} {
		if content, err := fetcher(t, allowed, remote.Options{}).Fetch(t.Context()); err != nil || texts(content)["a.rego"] != deny {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := fetcher(t, source, remote.Options{}).Fetch(t.Context())
	wantFault(t, err, "authentication required")
	_, err = fetcher(t, untrusted, remote.Options{}).Fetch(t.Context())
	wantFault(t, err, "certificate")
	_, err = fetcher(t, wrong, remote.Options{}).Fetch(t.Context())
	wantFault(t, err, "authentication required")
	if strings.Contains(err.Error(), "x-"+password) {
		t.Errorf("the error carries the password: %v", err)
	}
}

func TestGitRedirects(t *testing.T) {
	r := newRepository(t)
	commit := r.commit(map[string]string{"a.rego": deny})
	var requests atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
	t.Cleanup(elsewhere.Close)
	dir := t.TempDir()
	write(t, dir, map[string]string{"password": password})
	address := r.serve(func(w http.ResponseWriter, req *http.Request) bool {
		if moved, ok := strings.CutPrefix(req.URL.Path, "/old"); ok {
			http.Redirect(w, req, moved+"?"+req.URL.RawQuery, http.StatusMovedPermanently)
			return true
		}
		if strings.HasPrefix(req.URL.Path, "/away") {
			http.Redirect(w, req, elsewhere.URL+req.URL.Path+"?"+req.URL.RawQuery, http.StatusMovedPermanently)
			return true
		}
		return false
	})
	for _, from := range []string{"/old", "/away"} {
		source := remote.Source{
			Git: strings.Replace(address, "/policies.git", from+"/policies.git", 1), Commit: commit,
			Username: "robot", PasswordFile: filepath.Join(dir, "password"),
		}
		_, err := fetcher(t, source, remote.Options{}).Fetch(t.Context())
		if from == "/old" {
			if err != nil {
				t.Errorf("a redirect on the same host: %v", err)
			}
			continue
		}
		wantFault(t, err, "sends us to another host")
	}
	if requests.Load() != 0 {
		t.Errorf("%d requests went to another host", requests.Load())
	}
}

func TestGitCache(t *testing.T) {
	r := newRepository(t)
	commit := r.commit(map[string]string{"a.rego": deny})
	other := r.commit(map[string]string{"a.rego": strings.Replace(deny, "Pod", "Job", 1)})
	cached := remote.Options{CacheDir: t.TempDir()}
	address := r.serve(nil)
	for _, one := range []string{commit, other} {
		if _, err := fetcher(t, remote.Source{Git: address, Commit: one}, cached).Fetch(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	cached.Offline = true
	pinned := remote.Source{Git: address, Commit: commit}
	if content, err := fetcher(t, pinned, cached).Fetch(t.Context()); err != nil || texts(content)["a.rego"] != deny {
		t.Errorf("offline with a cache: %v", err)
	}
	// Another commit's content under this one's name is not believed.
	if err := os.Rename(filepath.Join(cached.CacheDir, other), filepath.Join(cached.CacheDir, commit)); err != nil {
		t.Fatal(err)
	}
	_, err := fetcher(t, pinned, cached).Fetch(t.Context())
	wantFault(t, err, "not in the cache")
}
