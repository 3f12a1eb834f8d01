package remote_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/remote"
)

func fetcher(t *testing.T, source remote.Source, options remote.Options) *remote.Fetcher {
	t.Helper()
	if source.Name == "" {
		source.Name = "platform"
	}
	options.Log = logrus.New()
	if options.Timeout == 0 {
		options.Timeout = 5 * time.Minute // a busy machine is not what is tested
	}
	f, err := remote.New(source, options)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func texts(content remote.Content) map[string]string {
	found := map[string]string{}
	for at, body := range content.Files {
		found[at] = string(body)
	}
	return found
}

// wantFault checks that an error is located at the source and says what is
// wrong.
func wantFault(t *testing.T, err error, want string) {
	t.Helper()
	if fault.CodeOf(err) != fault.PolicyFetch {
		t.Fatalf("got %v, want %s", err, fault.PolicyFetch)
	}
	located := fault.Of(err)[0]
	if !strings.Contains(located.Message, want) || located.File == "" || located.Field == "" || located.Fix == "" {
		t.Errorf("got %v, want %q, a place and a fix", err, want)
	}
}

// What the real program pushes is what is fetched, and push of these tests
// writes the same.
func TestConftestPush(t *testing.T) {
	host := startRegistry(t, nil)
	dir := t.TempDir()
	pushed := map[string]string{"a.rego": deny, "lib/b.rego": "package lib\n\nf(x) := x\n", "data.yaml": "allowed: [a]\n"}
	write(t, filepath.Join(dir, "policy"), pushed)
	digest := pushWithConftest(t, dir, host+"/policies/real:v1")
	content, err := fetcher(t, remote.Source{OCI: "http://" + host + "/policies/real", Digest: digest, Path: "policy"}, remote.Options{}).Fetch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(pushed, texts(content)); diff != "" || content.Digest != digest {
		t.Errorf("%s (-want +got):\n%s", content.Digest, diff)
	}
	one := t.TempDir()
	write(t, one, map[string]string{"policy/a.rego": deny})
	if real, ours := pushWithConftest(t, one, host+"/policies/one"), push(t, host, "v1", policyFile("policy/a.rego", deny)); real != ours {
		t.Errorf("conftest pushes %s, the tests %s", real, ours)
	}
}

func TestPinnedSourceStaysWhenItsTagMoves(t *testing.T) {
	var requests atomic.Int64
	host := startRegistry(t, func(http.ResponseWriter, *http.Request) bool { requests.Add(1); return false })
	first := push(t, host, "v1", policyFile("policy/a.rego", deny))
	pinned := fetcher(t, remote.Source{OCI: "http://" + host + "/policies/platform", Digest: first}, remote.Options{})
	following := fetcher(t, remote.Source{OCI: "http://" + host + "/policies/platform", Tag: "v1", Follow: true}, remote.Options{})
	for _, f := range []*remote.Fetcher{pinned, following} {
		if content, err := f.Fetch(t.Context()); err != nil || content.Digest != first {
			t.Fatal(content.Digest, err)
		}
	}
	second := push(t, host, "v1", policyFile("policy/a.rego", deny+"# second\n"))
	before := requests.Load()
	if content, err := pinned.Fetch(t.Context()); err != nil || content.Digest != first {
		t.Errorf("a pinned source has %s, %v", content.Digest, err)
	}
	if requests.Load() != before {
		t.Error("a pinned source that is there is asked for again")
	}
	content, err := following.Fetch(t.Context())
	if err != nil || content.Digest != second || !strings.Contains(texts(content)["policy/a.rego"], "second") {
		t.Errorf("a following source has %s, %v", content.Digest, err)
	}
}

// A registry that gives other content of the same length for a digest gives
// nothing.
func TestDigestMismatch(t *testing.T) {
	host := startRegistry(t, nil)
	digest := push(t, host, "v1", policyFile("a.rego", deny))
	for part, forged := range map[string]string{"blobs": "Job", "manifests": `"schemaVersion":3`} {
		t.Run(part, func(t *testing.T) {
			proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: host})
			proxy.ModifyResponse = func(answer *http.Response) error {
				body, err := io.ReadAll(answer.Body)
				if strings.Contains(answer.Request.URL.Path, "/"+part+"/") {
					body = []byte(strings.NewReplacer("Pod", forged, `"schemaVersion":2`, forged).Replace(string(body)))
				}
				answer.Body = io.NopCloser(bytes.NewReader(body))
				return err
			}
			server := httptest.NewServer(proxy)
			defer server.Close()
			_, err := fetcher(t, remote.Source{OCI: server.URL + "/policies/platform", Digest: digest}, remote.Options{}).Fetch(t.Context())
			wantFault(t, err, "mismatch")
		})
	}
}

func TestWhatIsNoBundle(t *testing.T) {
	tests := map[string]struct {
		layers []layer
		path   string
		want   string
	}{
		"a name that climbs":   {layers: []layer{policyFile("../x.rego", deny)}, want: `"../x.rego", which leaves the bundle`},
		"a name that hides it": {layers: []layer{policyFile("a/../../x.rego", deny)}, want: "which leaves the bundle"},
		"an absolute name":     {layers: []layer{policyFile("/etc/x.rego", deny)}, want: "which leaves the bundle"},
		"a Windows name":       {layers: []layer{policyFile(`..\x.rego`, deny)}, want: "which leaves the bundle"},
		"no name":              {layers: []layer{policyFile("", deny)}, want: "which leaves the bundle"},
		"a file twice":         {layers: []layer{policyFile("a.rego", deny), policyFile("a.rego", deny+"\n")}, want: "twice"},
		"an image":             {layers: []layer{{"a.rego", "application/vnd.oci.image.layer.v1.tar+gzip", deny, 0}}, want: "neither policy nor data"},
		"a size beyond bounds": {layers: []layer{{"a.rego", policyType, deny, 1 << 40}}, want: "is larger than 4194304 bytes"},
		"a size below zero":    {layers: []layer{{"a.rego", policyType, deny, -5}}, want: "is larger than"},
		"a size that lies":     {layers: []layer{{"a.rego", policyType, deny, 7}}, want: "mismatch Content-Length"},
		"a large file":         {layers: []layer{policyFile("a.rego", deny+strings.Repeat("# x\n", 1<<20+1))}, want: "is larger than 4194304 bytes"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			host := startRegistry(t, nil)
			digest := push(t, host, "v1", test.layers...)
			_, err := fetcher(t, remote.Source{OCI: "http://" + host + "/policies/platform", Digest: digest}, remote.Options{}).Fetch(t.Context())
			wantFault(t, err, test.want)
		})
	}
}

func TestBundleBeyondTheBoundInAll(t *testing.T) {
	host := startRegistry(t, nil)
	var layers []layer
	for i := range 9 {
		layers = append(layers, policyFile(fmt.Sprintf("%d.rego", i), fmt.Sprintf("# %d\n%s", i, strings.Repeat("# x\n", 1<<20-3))))
	}
	digest := push(t, host, "v1", layers...)
	_, err := fetcher(t, remote.Source{OCI: "http://" + host + "/policies/platform", Digest: digest}, remote.Options{}).Fetch(t.Context())
	if fault.CodeOf(err) != fault.PolicyFetch || !strings.Contains(err.Error(), "bytes") && !strings.Contains(err.Error(), "more than is taken") {
		t.Errorf("got %v", err)
	}
}

func TestRegistryFailures(t *testing.T) {
	host := startRegistry(t, nil)
	absent := digestOf("absent")
	_, err := fetcher(t, remote.Source{OCI: "http://" + host + "/policies/platform", Digest: absent}, remote.Options{}).Fetch(t.Context())
	wantFault(t, err, "it is not there")
	_, err = fetcher(t, remote.Source{OCI: "http://" + host + "/policies/platform", Tag: "v1", Follow: true}, remote.Options{}).Fetch(t.Context())
	wantFault(t, err, "it is not there")
	_, err = fetcher(t, remote.Source{OCI: "http://127.0.0.1:1/policies/platform", Digest: absent}, remote.Options{}).Fetch(t.Context())
	wantFault(t, err, "connection refused")
	hanging := startRegistry(t, func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true })
	_, err = fetcher(t, remote.Source{OCI: "http://" + hanging + "/policies/platform", Digest: absent}, remote.Options{Timeout: 50 * time.Millisecond}).Fetch(t.Context())
	wantFault(t, err, "it took too long")
}

func TestCacheServesWithoutRegistry(t *testing.T) {
	var down atomic.Bool
	host := startRegistry(t, func(w http.ResponseWriter, _ *http.Request) bool {
		if down.Load() {
			http.Error(w, "down", http.StatusServiceUnavailable)
		}
		return down.Load()
	})
	digest := push(t, host, "v1", policyFile("a.rego", deny), layer{"d.yaml", dataType, "a: 1\n", 0})
	cached := remote.Options{CacheDir: filepath.Join(t.TempDir(), "cache")}
	pinned := remote.Source{OCI: "http://" + host + "/policies/platform", Digest: digest}
	following := remote.Source{OCI: "http://" + host + "/policies/platform", Tag: "v1", Follow: true}
	for _, source := range []remote.Source{pinned, following} {
		if _, err := fetcher(t, source, cached).Fetch(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	down.Store(true)
	content, err := fetcher(t, pinned, cached).Fetch(t.Context())
	if err != nil || texts(content)["a.rego"] != deny {
		t.Errorf("with a cache: %v", err)
	}
	offline := cached
	offline.Offline = true
	if _, err := fetcher(t, pinned, offline).Fetch(t.Context()); err != nil {
		t.Errorf("offline with a cache: %v", err)
	}
	_, err = fetcher(t, pinned, remote.Options{}).Fetch(t.Context())
	wantFault(t, err, "503")
	_, err = fetcher(t, following, cached).Fetch(t.Context())
	wantFault(t, err, "503")
	_, err = fetcher(t, following, offline).Fetch(t.Context())
	wantFault(t, err, "not in the cache")
	// A cache that was tampered with is not believed.
	write(t, cached.CacheDir, map[string]string{strings.TrimPrefix(digestOf(deny), "sha256:"): strings.Replace(deny, "Pod", "Job", 1)})
	_, err = fetcher(t, pinned, offline).Fetch(t.Context())
	wantFault(t, err, "not in the cache")
}

// What nobody has asked for in months goes; what is in use and what is not the
// cache's own stays.
func TestCacheIsPruned(t *testing.T) {
	host := startRegistry(t, nil)
	options := remote.Options{CacheDir: t.TempDir()}
	old := time.Now().Add(-200 * 24 * time.Hour)
	first := push(t, host, "v1", policyFile("a.rego", deny))
	used := remote.Source{OCI: "http://" + host + "/policies/platform", Digest: first}
	if _, err := fetcher(t, used, options).Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, options.CacheDir, map[string]string{strings.Repeat("a", 40): "old", strings.Repeat("b", 64): "old", "notes.txt": "old"})
	entries, err := os.ReadDir(options.CacheDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if err := os.Chtimes(filepath.Join(options.CacheDir, entry.Name()), old, old); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := fetcher(t, used, options).Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := push(t, host, "v2", policyFile("b.rego", deny))
	if _, err := fetcher(t, remote.Source{OCI: used.OCI, Digest: second}, options).Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, kept := range map[string]bool{
		strings.Repeat("a", 40): false, strings.Repeat("b", 64): false, "notes.txt": true, strings.TrimPrefix(first, "sha256:"): true,
	} {
		if _, err := os.Stat(filepath.Join(options.CacheDir, name)); (err == nil) != kept {
			t.Errorf("%s: kept %t, want %t", name, err == nil, kept)
		}
	}
}
