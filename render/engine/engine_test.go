package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/render/engine"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

func tree(files map[string]string) *source.Tree {
	t := source.NewTree()
	for name, content := range files {
		t.Add(name, []byte(content))
	}
	return t
}

func configMap(name string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: " + name + "\n"
}

// monorepo has one of each kind of source.
var monorepo = map[string]string{
	"plain/a.yaml":                         configMap("plain-a"),
	"plain/b.json":                         `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"plain-b"}}`,
	"plain/deep/c.yml":                     configMap("plain-c"),
	"plain/notes.yaml":                     "just: {a note\n",
	"plain/README.md":                      "# nothing",
	"kust/kustomization.yaml":              "resources: [a.yaml]\nnamePrefix: k-\n",
	"kust/a.yaml":                          configMap("a"),
	"chart/Chart.yaml":                     "apiVersion: v2\nname: chart\nversion: 1.0.0\n",
	"chart/values.yaml":                    "suffix: x\n",
	"chart/templates/a.yaml":               configMap("{{ .Release.Name }}-{{ .Values.suffix }}"),
	"both/Chart.yaml":                      "apiVersion: v2\nname: both\nversion: 1.0.0\n",
	"both/templates/a.yaml":                configMap("{{ .Release.Name }}"),
	"both/kustomization.yaml":              "namePrefix: both-\n",
	"inflated/kustomization.yaml":          "helmCharts:\n- name: web\n  releaseName: r\nnameSuffix: -s\n",
	"inflated/charts/web/Chart.yaml":       "apiVersion: v2\nname: web\nversion: 1.0.0\n",
	"inflated/charts/web/templates/a.yaml": configMap("{{ .Release.Name }}"),
	".hidden/a.yaml":                       configMap("hidden"),
}

func names(result render.Result) []string {
	var names []string
	for _, o := range result.Objects {
		names = append(names, o.Name())
	}
	return names
}

func TestRenderEachKind(t *testing.T) {
	tests := map[string]struct {
		path   string
		params render.Parameters
		kind   render.Kind
		want   []string
	}{
		"directory":            {"plain", render.Parameters{}, render.KindDirectory, []string{"plain-a", "plain-b"}},
		"directory with depth": {"plain", render.Parameters{Directory: render.DirectoryParameters{Recurse: true}}, render.KindDirectory, []string{"plain-a", "plain-b", "plain-c"}},
		"include":              {"plain", render.Parameters{Directory: render.DirectoryParameters{Include: "{a,x}.*"}}, render.KindDirectory, []string{"plain-a"}},
		"exclude":              {"plain", render.Parameters{Directory: render.DirectoryParameters{Recurse: true, Exclude: "deep/*"}}, render.KindDirectory, []string{"plain-a", "plain-b"}},
		"kustomize":            {"kust", render.Parameters{}, render.KindKustomize, []string{"k-a"}},
		"helm":                 {"chart", render.Parameters{}, render.KindHelm, []string{"app-x"}},
		"helm then kustomize":  {"both", render.Parameters{}, render.KindHelmKustomize, []string{"both-app"}},
		"helmCharts":           {"inflated", render.Parameters{}, render.KindKustomize, []string{"r-s"}},
		"kustomize overridden": {"kust", render.Parameters{SourceType: render.KindDirectory, Directory: render.DirectoryParameters{Include: "a.yaml"}}, render.KindDirectory, []string{"a"}},
		"composite": {".", render.Parameters{SourceType: render.KindComposite}, render.KindComposite,
			[]string{"app-x", "both-app", "k-a", "plain-a", "plain-b", "plain-c", "r-s"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			result, err := engine.Render(render.Request{
				Source: tree(monorepo), Path: test.path, Root: ".", AppName: "app", Parameters: test.params,
			})
			if err != nil {
				t.Fatal(err)
			}
			if result.Kind != test.kind {
				t.Errorf("kind %s, want %s", result.Kind, test.kind)
			}
			if diff := cmp.Diff(test.want, names(result)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A file that is no manifest is left out and mentioned; one that looks like a
// manifest and cannot be read stops the render.
func TestPlainFilesThatCannotBeRead(t *testing.T) {
	result, err := engine.Render(render.Request{Source: tree(monorepo), Path: "plain", Root: "."})
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Warnings) != 1 || result.Warnings[0].File != "plain/notes.yaml" {
		t.Errorf("warnings %v, want one about notes.yaml", result.Warnings)
	}
	broken := tree(map[string]string{"a.yaml": configMap("a") + "data: {b\n", "b.yaml": configMap("b") + "data: [\n"})
	_, err = engine.Render(render.Request{Source: broken, Path: ".", Root: "."})
	var files []string
	for _, e := range fault.Of(err) {
		files = append(files, fmt.Sprintf("%s %s", e.Code, e.File))
	}
	if diff := cmp.Diff([]string{"E_YAML a.yaml", "E_YAML b.yaml"}, files); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLimits(t *testing.T) {
	files := map[string]string{}
	for i := range 4 {
		files[fmt.Sprintf("%d.yaml", i)] = configMap(fmt.Sprintf("c%d", i)) + "data: {text: " + strings.Repeat("x", 100) + "}\n"
	}
	tests := map[string]render.Limits{
		"objects": {Objects: 3},
		"bytes":   {OutputBytes: 300},
		"scalar":  {ScalarBytes: 99},
	}
	for name, limits := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := engine.Render(render.Request{Source: tree(files), Path: ".", Root: ".", Limits: limits})
			if fault.CodeOf(err) != fault.Limit {
				t.Errorf("got %v, want %s", err, fault.Limit)
			}
		})
	}
	exact := render.Limits{Objects: 4, OutputBytes: 1000, ScalarBytes: 100}
	if _, err := engine.Render(render.Request{Source: tree(files), Path: ".", Root: ".", Limits: exact}); err != nil {
		t.Errorf("what fits is refused: %v", err)
	}
}

// The same source gives the same bytes, however often and in whatever order
// its files arrived.
func TestO9RenderIsDeterministic(t *testing.T) {
	var first string
	for range 20 {
		result, err := engine.Render(render.Request{
			Source: tree(monorepo), Path: ".", Root: ".", AppName: "app",
			Parameters: render.Parameters{SourceType: render.KindComposite},
		})
		if err != nil {
			t.Fatal(err)
		}
		var out []byte
		for _, o := range result.Objects {
			if out, err = o.AppendJSON(out); err != nil {
				t.Fatal(err)
			}
		}
		if first == "" {
			first = string(out)
		}
		if diff := cmp.Diff(first, string(out)); diff != "" {
			t.Fatalf("(-first +later):\n%s", diff)
		}
	}
}
