package stream_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v2/util/io/files"
	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/doctor/stream"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/render/engine"
)

// inProcess renders without workers, which have tests of their own.
type inProcess struct{ count int }

func (r *inProcess) Render(_ context.Context, request render.Request) (render.Result, error) {
	r.count++
	return engine.Render(request)
}

const configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: b}\n"

// monorepo has three applications: an overlay, a chart with a library beside it,
// and one directory. Nobody reads docs, assets or what Git keeps.
var monorepo = map[string]string{
	"apps/web/overlays/prod/kustomization.yaml": "resources: [../../base]\ncomponents: [../../../../shared/tuning]\nnamePrefix: p-\n",
	"apps/web/base/kustomization.yaml":          "resources: [c.yaml]\n",
	"apps/web/base/c.yaml":                      configMap,
	"shared/tuning/kustomization.yaml":          "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\ncommonAnnotations: {tuned: \"true\"}\n",
	"charts/api/Chart.yaml":                     "apiVersion: v2\nname: api\nversion: 1.0.0\ndependencies:\n- {name: lib, version: 1.0.0, repository: \"file://../lib\"}\n",
	"charts/api/templates/c.yaml":               configMap,
	"charts/lib/Chart.yaml":                     "apiVersion: v2\nname: lib\nversion: 1.0.0\ntype: library\n",
	"plain/c.yaml":                              configMap,
	".gitignore":                                "node_modules\n",
	"docs/guide.md":                             "# Guide\n",
}

const large = 2 << 20

// clone writes a repository with large files in directories.
func clone(t *testing.T, content map[string]string, heavy ...string) string {
	t.Helper()
	root := t.TempDir()
	put := func(name string, data []byte) {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range content {
		put(name, []byte(text))
	}
	for _, dir := range heavy {
		noise := make([]byte, large)
		_, _ = rand.Read(noise)
		put(dir+"/noise", noise)
	}
	return root
}

func measure(t *testing.T, question stream.Question) stream.Answer {
	t.Helper()
	if question.Renderer == nil {
		question.Renderer = &inProcess{}
	}
	question.Limits = render.Limits{Objects: 100, OutputBytes: 1 << 20, ScalarBytes: 1 << 20}
	answer, err := stream.Measure(t.Context(), question)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestMonorepo(t *testing.T) {
	root := clone(t, monorepo, ".git/objects", "assets/img", "node_modules/x")
	answer := measure(t, stream.Question{Root: root})
	if answer.Now.Packed < 2*large || answer.Now.Packed > 5*large/2 {
		t.Errorf("%d bytes now, want two files of %d: what .gitignore names is in no clone", answer.Now.Packed, large)
	}
	if diff := cmp.Diff([]string{".git/*", "assets/*"}, slices.Sorted(slices.Values(answer.Exclusions))); diff != "" {
		t.Errorf("exclusions (-want +got):\n%s", diff)
	}
	if answer.Then.Packed > 4096 {
		t.Errorf("%d bytes with the exclusions", answer.Then.Packed)
	}
	type app struct{ Reads, Root, Annotation string }
	got := map[string]app{}
	for _, one := range answer.Apps {
		if one.Fault != nil {
			t.Errorf("%s: %v", one.Path, one.Fault)
		}
		got[one.Path] = app{strings.Join(one.Reads, " "), one.Root, one.Annotation}
	}
	want := map[string]app{
		"apps/web/overlays/prod": {"apps/web/overlays/prod apps/web/base shared/tuning", ".", ""},
		"charts/api":             {"charts/api charts/lib", "charts", ".;../lib"},
		"plain":                  {"plain", "plain", "."},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("applications (-want +got):\n%s", diff)
	}
}

// What the guess from names misses, the proof by rendering finds: the values
// file of a chart in a kustomization lies beside it.
func TestTheProofFindsWhatNamesDoNotTell(t *testing.T) {
	root := clone(t, map[string]string{
		"team/app/kustomization.yaml":         "helmGlobals: {chartHome: ../vendored}\nhelmCharts:\n- {name: api, releaseName: api}\n",
		"team/vendored/api/Chart.yaml":        "apiVersion: v2\nname: api\nversion: 1.0.0\n",
		"team/vendored/api/templates/c.yaml":  configMap,
		"team/other/kustomization.yaml":       "resources: [c.yaml]\n",
		"team/other/c.yaml":                   configMap,
		"another/team/app/kustomization.yaml": "resources: [c.yaml]\n",
		"another/team/app/c.yaml":             configMap,
	}, "assets")
	answer := measure(t, stream.Question{Root: root, Apps: []string{"./team/app/"}})
	if len(answer.Apps) != 1 || answer.Apps[0].Root != "team" || answer.Apps[0].Annotation != "/team" {
		t.Errorf("got %+v", answer.Apps)
	}
	if slices.ContainsFunc(answer.Exclusions, func(glob string) bool { return strings.HasPrefix(glob, "team") }) {
		t.Errorf("excluded are %v", answer.Exclusions)
	}
}

// farReader renders one object more where it finds a file that no name leads to,
// as a renderer could that reads what is there.
type farReader struct{ inProcess }

func (r *farReader) Render(ctx context.Context, request render.Request) (render.Result, error) {
	result, err := r.inProcess.Render(ctx, request)
	if _, there := request.Source.File("assets/noise"); there && err == nil {
		result.Objects = append(result.Objects, result.Objects[0])
	}
	return result, err
}

// What renders to other objects without a part of the repository keeps it: the
// annotation and the globs are proved, not guessed.
func TestWhatIsReadIsNeverLeftOut(t *testing.T) {
	root := clone(t, map[string]string{"apps/a/c.yaml": configMap}, "assets", ".git/objects")
	answer := measure(t, stream.Question{Root: root, Renderer: &farReader{}})
	if app := answer.Apps[0]; app.Root != "." || app.Annotation != "" {
		t.Errorf("the application is %+v", app)
	}
	if diff := cmp.Diff([]string{".git/*"}, answer.Exclusions); diff != "" {
		t.Errorf("exclusions (-want +got):\n%s", diff)
	}
}

// The size is that of the archive which Argo CD's own code makes, and what is
// excluded is not in it.
func TestSizesAreThoseOfTheArchive(t *testing.T) {
	root := clone(t, monorepo, ".git/objects", "assets/[img]")
	globs := []string{".git/*"}
	answer := measure(t, stream.Question{Root: root, Excluded: globs, Apps: []string{"charts/api"}})
	var packed bytes.Buffer
	if _, err := files.Tgz(root, nil, globs, &packed); err != nil {
		t.Fatal(err)
	}
	if answer.Now.Packed != int64(packed.Len()) {
		t.Errorf("%d bytes, the archive has %d", answer.Now.Packed, packed.Len())
	}
	if diff := cmp.Diff([]string{`assets/*`}, answer.Exclusions); diff != "" {
		t.Errorf("exclusions (-want +got):\n%s", diff)
	}
	zipped, err := gzip.NewReader(&packed)
	if err != nil {
		t.Fatal(err)
	}
	entries, content, largest := 0, int64(0), int64(0)
	for reader := tar.NewReader(zipped); ; entries++ {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content += 512 + (header.Size+511)/512*512
		largest = max(largest, header.Size)
	}
	if answer.Now.Entries != entries || answer.Now.Unpacked != content || answer.Now.Largest != largest || largest != large {
		t.Errorf("%+v, the archive has %d entries, %d bytes and a file of %d", answer.Now, entries, content, largest)
	}
	app := answer.Apps[0]
	var part bytes.Buffer
	if _, err := files.Tgz(filepath.Join(root, app.Root), nil, nil, &part); err != nil {
		t.Fatal(err)
	}
	if app.Then.Packed != int64(part.Len()) {
		t.Errorf("%d bytes with the annotation, the archive has %d", app.Then.Packed, part.Len())
	}
}

func TestPromotionNeedsItsSource(t *testing.T) {
	root := clone(t, map[string]string{
		"apps/web/production/c.yaml": configMap, "apps/web/staging/c.yaml": configMap,
	}, "assets")
	answer := measure(t, stream.Question{Root: root, Apps: []string{"apps/web/production"}, Promotions: []string{"../staging"}})
	if got := answer.Apps[0].Annotation; got != ".;../staging" {
		t.Errorf("the annotation is %q", got)
	}
	answer = measure(t, stream.Question{Root: root, Apps: []string{"apps/web/production"}, Promotions: []string{"../staging"}, Owners: true})
	if got := answer.Apps[0]; got.Annotation != "" || got.Root != "." {
		t.Errorf("CODEOWNERS is left out by %+v", got)
	}
}

func TestApplicationsThatCannotBeRendered(t *testing.T) {
	root := clone(t, map[string]string{"broken/kustomization.yaml": "resources: [../nowhere]\n", "plain/c.yaml": configMap})
	answer := measure(t, stream.Question{Root: root})
	for _, app := range answer.Apps {
		if failed := app.Fault != nil; failed != (app.Path == "broken") {
			t.Errorf("%s: %v", app.Path, app.Fault)
		}
	}
}

// Many applications are told of, and not all rendered.
func TestManyApplications(t *testing.T) {
	content := map[string]string{}
	for i := range 103 {
		content[fmt.Sprintf("app-%03d/c.yaml", i)] = configMap
	}
	if answer := measure(t, stream.Question{Root: clone(t, content)}); len(answer.Apps) != 100 || answer.More != 3 {
		t.Errorf("%d applications and %d more", len(answer.Apps), answer.More)
	}
}

func TestWrongQuestions(t *testing.T) {
	root := clone(t, monorepo)
	for name, question := range map[string]stream.Question{
		"no directory":   {Root: filepath.Join(root, "nowhere")},
		"no application": {Root: root, Apps: []string{"apps/none"}},
		"a wrong glob":   {Root: root, Excluded: []string{"[x"}},
	} {
		question.Renderer = &inProcess{}
		if _, err := stream.Measure(t.Context(), question); fault.CodeOf(err) != fault.Path {
			t.Errorf("%s: %v", name, err)
		}
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := stream.Measure(ended, stream.Question{Root: root, Renderer: &inProcess{}}); err == nil {
		t.Error("a look goes on after its end")
	}
}
