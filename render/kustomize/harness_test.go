package kustomize

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// tree maps paths to contents.
type tree map[string]string

func (t tree) request(path string) render.Request {
	files := source.NewTree()
	for name, text := range t {
		files.Add(name, []byte(text))
	}
	return render.Request{Source: files, Path: path, Root: ".", Limits: render.Limits{QuoteErrors: true}}
}

// with returns a copy with one more file.
func (t tree) with(name, text string) tree {
	more := tree{name: text}
	for name, text := range t {
		if _, ok := more[name]; !ok {
			more[name] = text
		}
	}
	return more
}

// mustRender returns the objects as lines of JSON.
func mustRender(t *testing.T, req render.Request, charts ChartRenderer, extra ...NamedYAML) []string {
	t.Helper()
	objects, _, err := Render(req, charts, extra...)
	if err != nil {
		t.Fatal(err)
	}
	return jsonLines(t, objects)
}

func jsonLines(t *testing.T, objects []object.Object) []string {
	t.Helper()
	var lines []string
	for _, o := range objects {
		line, err := o.AppendJSON(nil)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(line))
	}
	return lines
}

func wantLines(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
}

// wantFault checks the code and the beginning of the text of the first fault.
func wantFault(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no fault, want %s", text)
	}
	if got := fault.Text(fault.Of(err)); !strings.HasPrefix(got, text) {
		t.Errorf("fault:\n got %s\nwant %s", got, text)
	}
}

const (
	configMap  = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  key: value\n"
	deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n" +
		"  selector:\n    matchLabels: {app: web}\n" +
		"  template:\n    metadata:\n      labels: {app: web}\n    spec:\n      containers:\n" +
		"      - {name: app, image: 'nginx:1.25'}\n      - {name: sec, image: guard}\n"
)
