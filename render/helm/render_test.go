package helm

import (
	"bytes"
	"go/parser"
	"go/token"
	"log"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/render"
)

const requestSource = plainChart + `-- app/values.yaml --
name: from-chart
-- app/prod.yaml --
name: from-file
-- app/crds/c.yaml --

apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: c.example.com}
-- app/templates/c.yaml --
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
  namespace: {{ .Release.Namespace }}
data:
  values: {{ .Values.name }} {{ .Values.inline }} {{ .Values.set }} {{ .Values.string }}
  kube: {{ .Capabilities.KubeVersion }}
  api: {{ .Capabilities.APIVersions.Has "x.io/v1" | quote }}
---
apiVersion: v1
kind: Pod
metadata: {name: test, annotations: {helm.sh/hook: test}}
`

func TestRender(t *testing.T) {
	req := render.Request{
		Source: treeOf(requestSource), Path: "app", Root: ".",
		AppName: "team-a_payments", Namespace: "prod",
		KubeVersion: "1.33.2+k3s1", APIVersions: []string{"x.io/v1"},
		Parameters: render.Parameters{Helm: render.HelmParameters{
			ValuesFiles: []string{"prod.yaml"}, Values: "inline: i",
			Parameters: map[string]string{"set": "s"}, StringParameters: map[string]string{"string": "1"},
		}},
	}
	objects, warnings, err := Render(req)
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	var got []string
	for _, o := range objects {
		line, err := o.AppendJSON(nil)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, o.File+":"+strconv.Itoa(o.Line)+" "+string(line))
	}
	want := []string{
		`app/crds/c.yaml:2 {"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"c.example.com"}}`,
		`app/templates/c.yaml:0 {"apiVersion":"v1","data":{"api":"true","kube":"v1.33.2","values":"from-file i s 1"},"kind":"ConfigMap","metadata":{"name":"payments","namespace":"prod"}}`,
		`app/templates/c.yaml:0 {"apiVersion":"v1","kind":"Pod","metadata":{"annotations":{"helm.sh/hook":"test"},"name":"test"}}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("wrong objects (-want +got):\n%s", diff)
	}
}

func TestRenderParameters(t *testing.T) {
	req := render.Request{
		Source: treeOf(requestSource), Path: "app", AppName: "web", Namespace: "prod",
		Parameters: render.Parameters{Helm: render.HelmParameters{
			ReleaseName: "other", Namespace: "elsewhere", SkipCRDs: true, SkipTests: true,
		}},
	}
	objects, _, err := Render(req)
	if err != nil {
		t.Fatal(err)
	}
	if len(objects) != 1 || objects[0].String() != "ConfigMap elsewhere/other" {
		t.Errorf("got %v, want ConfigMap elsewhere/other", objects)
	}
}

func TestSkipHooks(t *testing.T) {
	manifests, _, err := Template(treeOf(requestSource), ".", Options{Dir: "app", ReleaseName: "web", SkipHooks: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(manifests) != 1 || manifests[0].Objects[0].Kind() != "ConfigMap" {
		t.Errorf("got %v, want the ConfigMap alone", manifests)
	}
}

func TestKubeVersions(t *testing.T) {
	tests := map[string]string{
		"": "v1.20.0", "1.33": "v1.33", "v1.33.2": "v1.33.2", "1.33.2+k3s1": "v1.33.2",
		"v1.29.4-gke.100": "v1.29.4", "1.18+": "v1.18",
	}
	for given, want := range tests {
		destination, err := capabilities(Options{KubeVersion: given})
		if err != nil || destination.KubeVersion.Version != want {
			t.Errorf("%q: got %v and %v, want %s", given, destination, err, want)
		}
	}
}

// TestHelmIsSilent: Helm reports odd values, quoting them, with the standard
// logger.
func TestHelmIsSilent(t *testing.T) {
	var logged bytes.Buffer
	before := log.Writer()
	log.SetOutput(&logged)
	defer log.SetOutput(before)
	source := plainChart + "-- app/values.yaml --\na: {b: 1}\n-- app/v.yaml --\na: CANARY\n"
	if _, _, err := Template(treeOf(source), ".", Options{Dir: "app", ReleaseName: "web", ValuesFiles: []string{"v.yaml"}}); err != nil {
		t.Fatal(err)
	}
	if logged.Len() > 0 {
		t.Errorf("Helm logged %q", &logged)
	}
	log.Print("after")
	if !strings.Contains(logged.String(), "after") {
		t.Error("the standard logger stays silent after the render")
	}
}

// TestSameBytesEveryTime: neither other tenants' charts nor Go's map order show
// in what a chart renders to.
func TestSameBytesEveryTime(t *testing.T) {
	other := treeOf(plainChart + "-- app/templates/c.yaml --\nkind: X\nv: {{ .Capabilities.APIVersions.Has \"tenant.io/v1\" }}\n")
	tree := treeOf(requestSource + "-- app/charts/b/Chart.yaml --\nname: b\nversion: 1.0.0\n-- app/charts/b/crds/c.yaml --\nkind: B\n" +
		"-- app/charts/a/Chart.yaml --\nname: a\nversion: 1.0.0\n-- app/charts/a/crds/c.yaml --\nkind: A\n" +
		"-- app/templates/d.yaml --\nkind: D\nversions: {{ .Capabilities.APIVersions | toJson }}\n")
	outputs := make([]string, 16)
	var group sync.WaitGroup
	for i := range outputs {
		group.Go(func() {
			if _, _, err := Template(other, ".", Options{Dir: "app", ReleaseName: "web", APIVersions: []string{"tenant.io/v1"}}); err != nil {
				t.Error(err)
			}
			manifests, _, err := Template(tree, ".", Options{Dir: "app", ReleaseName: "web", IncludeCRDs: true})
			if err != nil {
				t.Error(err)
			}
			outputs[i] = string(Stream(manifests))
		})
	}
	group.Wait()
	if distinct := slices.Compact(outputs); len(distinct) != 1 {
		t.Errorf("%d different outputs:\n%s", len(distinct), cmp.Diff(distinct[0], distinct[1]))
	}
}

// TestCallersValuesStay: parameters are set into values that the caller owns.
func TestCallersValuesStay(t *testing.T) {
	values := map[string]any{"a": map[string]any{"list": []any{"x"}}, "n": 3}
	options := Options{Dir: "app", ReleaseName: "web", BaseValues: values, Parameters: map[string]string{"a.list[0]": "changed", "a.b": "c"}}
	if _, _, err := Template(treeOf(plainChart), ".", options); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"a": map[string]any{"list": []any{"x"}}, "n": 3}, values); diff != "" {
		t.Errorf("the values changed (-want +got):\n%s", diff)
	}
}

// TestReleaseNameOfApplication: applications in any namespace are called
// namespace_name.
func TestReleaseNameOfApplication(t *testing.T) {
	for appName, want := range map[string]string{"web": "web", "team-a_web": "web", "": ""} {
		if got := ReleaseName(appName); got != want {
			t.Errorf("%q: got %q, want %q", appName, got, want)
		}
	}
}

func TestWarmup(t *testing.T) {
	if err := Warmup(); err != nil {
		t.Fatal(err)
	}
}

// TestImports keeps out what reads disks, reaches clusters and fetches charts,
// and what would make a worker start slowly.
func TestImports(t *testing.T) {
	allowed := []string{"chart", "chart/loader", "chartutil", "engine", "ignore", "release", "releaseutil", "strvals"}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range parsed.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			pkg, isHelm := strings.CutPrefix(name, "helm.sh/helm/v3/pkg/")
			if isHelm && !slices.Contains(allowed, pkg) {
				t.Errorf("%s imports %s", file, name)
			}
			if slices.Contains([]string{"os", "os/exec", "net", "net/http", "syscall"}, name) && !strings.HasSuffix(file, "_test.go") {
				t.Errorf("%s imports %s", file, name)
			}
		}
	}
}

// TestPanicIsAFault: Helm's engine recovers from a panicking function and
// everything else is recovered here.
func TestPanicIsAFault(t *testing.T) {
	_, _, err := Template(nil, ".", Options{Dir: "app", ReleaseName: "web"})
	if fault.CodeOf(err) != fault.RenderCrash {
		t.Errorf("got %v, want %s", err, fault.RenderCrash)
	}
}

// BenchmarkTemplate measures a chart of ordinary size in a warm process.
func BenchmarkTemplate(b *testing.B) {
	tree := treeOf(requestSource)
	for b.Loop() {
		if _, _, err := Template(tree, ".", Options{Dir: "app", ReleaseName: "web", IncludeCRDs: true}); err != nil {
			b.Fatal(err)
		}
	}
}
