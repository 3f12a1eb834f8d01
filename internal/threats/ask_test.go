package threats

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v2/cmpserver/apiclient"
	"google.golang.org/grpc/status"
)

// files are a repository by name. A name that ends with a slash is a directory,
// and content that begins with [link] is a symbolic link's target.
type files map[string]string

const link = "\x00link\x00"

// pack makes an archive as the repo-server sends it.
func pack(t testing.TB, content files) []byte {
	t.Helper()
	return archive(t, func(writer *tar.Writer) {
		for _, name := range slices.Sorted(maps.Keys(content)) {
			text := content[name]
			header := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(text)), Typeflag: tar.TypeReg}
			if target, ok := strings.CutPrefix(text, link); ok {
				header.Typeflag, header.Linkname, header.Size, text = tar.TypeSymlink, target, 0, ""
			} else if strings.HasSuffix(name, "/") {
				header.Typeflag, header.Mode = tar.TypeDir, 0o755
			}
			must(t, writer.WriteHeader(header))
			_, err := io.WriteString(writer, text)
			must(t, err)
		}
	})
}

// archive makes an archive with any entries.
func archive(t testing.TB, fill func(*tar.Writer)) []byte {
	t.Helper()
	var packed bytes.Buffer
	zipped := gzip.NewWriter(&packed)
	writer := tar.NewWriter(zipped)
	fill(writer)
	must(t, writer.Close())
	must(t, zipped.Close())
	return packed.Bytes()
}

// identity is what the repo-server says of an application of team-a. more changes
// it; an empty value leaves a name out.
func identity(more ...string) []*apiclient.EnvEntry {
	env := map[string]string{
		"ARGOCD_APP_NAME": "shop", "ARGOCD_APP_PROJECT_NAME": "team-a", "ARGOCD_APP_NAMESPACE": "apps",
		"ARGOCD_APP_REVISION": strings.Repeat("a", 40), "ARGOCD_APP_SOURCE_REPO_URL": "https://git.example.com/team-a/shop.git",
		"ARGOCD_APP_SOURCE_PATH": "app", "KUBE_VERSION": "1.33.0",
	}
	for _, one := range more {
		name, value, _ := strings.Cut(one, "=")
		env[name] = value
	}
	var entries []*apiclient.EnvEntry
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if env[name] != "" {
			entries = append(entries, &apiclient.EnvEntry{Name: name, Value: env[name]})
		}
	}
	return entries
}

// answer is what a request got, and how long it took.
type answer struct {
	manifests []string
	err       error
	took      time.Duration
}

// text is all that the answer says.
func (a answer) text() string {
	if a.err != nil {
		return status.Convert(a.err).Message()
	}
	return strings.Join(a.manifests, "\n")
}

// code is the stable code of a failure, and empty for none.
func (a answer) code() string {
	if a.err == nil {
		return ""
	}
	code, _, _ := strings.Cut(a.text(), ":")
	return code
}

// ask renders the directory app of a repository as an application of team-a.
func (s *sidecar) ask(t testing.TB, content files, more ...string) answer {
	t.Helper()
	return s.send(t, pack(t, content), "app", identity(more...))
}

// send sends an archive as the repo-server does.
func (s *sidecar) send(t testing.TB, packed []byte, path string, env []*apiclient.EnvEntry) answer {
	t.Helper()
	sum := sha256.Sum256(packed)
	return s.stream(t, &apiclient.ManifestRequestMetadata{
		AppRelPath: path, Checksum: hex.EncodeToString(sum[:]), Size_: int64(len(packed)), AppName: path, Env: env,
	}, packed)
}

// chunk is the most that one message carries.
const chunk = 1 << 20

// stream sends any metadata with any bytes behind it.
func (s *sidecar) stream(t testing.TB, metadata *apiclient.ManifestRequestMetadata, packed []byte) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	began := time.Now()
	call, err := s.client.GenerateManifest(ctx)
	must(t, err)
	err = call.Send(&apiclient.AppStreamRequest{Request: &apiclient.AppStreamRequest_Metadata{Metadata: metadata}})
	for part := range slices.Chunk(packed, chunk) {
		if err == nil {
			err = call.Send(&apiclient.AppStreamRequest{Request: &apiclient.AppStreamRequest_File{File: &apiclient.File{Chunk: part}}})
		}
	}
	if err != nil && !errors.Is(err, io.EOF) { // the reason is in the answer
		t.Fatal(err)
	}
	response, err := call.CloseAndRecv()
	a := answer{manifests: response.GetManifests(), err: err, took: time.Since(began)}
	s.watch.See("answer", a.text())
	return a
}

// stable is what a failure looks like: a code, and then what to do. It fits into
// an Application's status.
var stable = regexp.MustCompile(`^E_[A-Z_0-9]+: [^\x00-\x08\x0b-\x1f\x7f]+$`)

const maxStatus = 2 << 10

// refused expects a failure with one of the codes, that nothing was emitted, and
// that the process and the next request did not notice.
func (s *sidecar) refused(t testing.TB, a answer, codes ...string) {
	t.Helper()
	if !slices.Contains(codes, a.code()) || len(a.manifests) > 0 {
		t.Errorf("the answer is %.500q, want %s", a.text(), strings.Join(codes, " or "))
	}
	if a.err != nil && (!stable.MatchString(a.text()) || len(a.text()) > maxStatus) {
		t.Errorf("the failure is %d bytes and not what people are promised: %.300q", len(a.text()), a.text())
	}
	s.unharmed(t)
}

// rendered expects manifests, and that the next request did not notice.
func (s *sidecar) rendered(t testing.TB, a answer) string {
	t.Helper()
	if a.err != nil {
		t.Fatalf("the answer is %q", a.text())
	}
	s.unharmed(t)
	return a.text()
}

// unharmed expects the process to be the one that was started, and the harmless
// application to give the same bytes as before.
func (s *sidecar) unharmed(t testing.TB) {
	t.Helper()
	if !s.alive() {
		t.Fatalf("the process has ended: %s", s.log)
	}
	if got := s.harmless(t); got != s.calm {
		t.Errorf("another tenant's application is now\n%s\nand was\n%s", got, s.calm)
	}
}

// harmless renders an application of another tenant, with everything that there
// is: an overlay with a patch, a chart and a secret.
func (s *sidecar) harmless(t testing.TB) string {
	t.Helper()
	a := s.send(t, pack(t, s.shop()), "app", identity("ARGOCD_APP_NAME=payments", "ARGOCD_APP_PROJECT_NAME=proj-core"))
	if a.err != nil {
		t.Fatalf("the harmless application gives %s", a.text())
	}
	return a.text()
}

func (s *sidecar) shop() files {
	return files{
		"app/kustomization.yaml": "resources: [web.yaml, secret.yaml]\npatches: [{path: patch.yaml}]\nimages: [{name: web, newTag: '2'}]\n",
		"app/web.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: apps}\nspec:\n  selector: {matchLabels: {app: web}}\n" +
			"  template:\n    metadata: {labels: {app: web}}\n    spec:\n      containers: [{name: web, image: web:1}, {name: guard, image: guard:1}]\n",
		"app/patch.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: apps}\nspec: {template: {spec: {containers: [{name: web, env: [{name: A, value: b}]}]}}}\n",
		"app/secret.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: apps}\nstringData: {password: <vault:kv/" +
			s.prefix + "/core/db#password>}\n",
	}
}

// secret is a Secret of team-a with one entry.
func secret(value string) string {
	return "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: apps}\nstringData: {password: \"" + value + "\"}\n"
}

// reference points to the value that team-a may use.
func (s *sidecar) reference() string { return "<vault:kv/" + s.prefix + "/team-a/db#password>" }

// asked is how often Vault was asked for a secret since forget.
func (s *sidecar) asked() int { return s.vault.Count("GET /v1/kv/data/") }
