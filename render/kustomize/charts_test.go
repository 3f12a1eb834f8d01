package kustomize

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// recorder answers with a fixed text and keeps what it was asked.
type recorder struct {
	text  string
	err   error
	asked []ChartRequest
}

func (r *recorder) RenderChart(chart ChartRequest) ([]byte, error) {
	r.asked = append(r.asked, chart)
	return []byte(r.text), r.err
}

const chartText = "---\n# Source: app/charts/shop/templates/cm.yaml\n" + configMap

func chartTree(kustomization string) tree {
	return tree{
		"app/kustomization.yaml":           kustomization,
		"app/charts/shop/Chart.yaml":       "name: shop\n",
		"app/charts/shop/values.yaml":      "both: chart\nchart: 1\ndrop: 1\n",
		"app/charts/far-1.2/far/values.js": "",
		"app/prod.yaml":                    "both: file\nfile: 1\n",
		"app/more.yaml":                    "a: 1\n",
	}
}

func TestChartRequests(t *testing.T) {
	chartValues := map[string]any{"both": "chart", "chart": 1.0, "drop": 1.0}
	tests := []struct {
		name, text string
		want       ChartRequest
	}{
		{"defaults", "helmCharts: [{name: shop}]\n",
			ChartRequest{Dir: "app/charts/shop", ReleaseName: "shop", Namespace: "default", Values: chartValues, KubeVersion: "1.33.2", APIVersions: []string{"v1"}}},
		{"everything", "namespace: above\nhelmCharts:\n- {name: shop, releaseName: r, namespace: ns, valuesFile: prod.yaml, additionalValuesFiles: [more.yaml], " +
			"includeCRDs: true, skipHooks: true, skipTests: true, kubeVersion: '1.29', apiVersions: [a/v1]}\n",
			ChartRequest{Dir: "app/charts/shop", ReleaseName: "r", Namespace: "ns", Values: map[string]any{"both": "file", "file": 1.0},
				ValuesFiles: []string{"app/more.yaml"}, IncludeCRDs: true, SkipHooks: true, SkipTests: true, KubeVersion: "1.29", APIVersions: []string{"a/v1"}}},
		{"inline overrides", "namespace: above\nhelmCharts: [{name: shop, nameTemplate: literal, valuesInline: {both: inline, drop: null, deep: {x: [1]}}}]\n",
			ChartRequest{Dir: "app/charts/shop", ReleaseName: "literal", Namespace: "above", Values: map[string]any{
				"both": "inline", "chart": 1.0, "deep": map[string]any{"x": []any{1.0}}}, KubeVersion: "1.33.2", APIVersions: []string{"v1"}}},
		{"inline merges", "helmCharts: [{name: shop, releaseName: r, valuesMerge: merge, valuesInline: {both: inline, inline: 1}}]\n",
			ChartRequest{Dir: "app/charts/shop", ReleaseName: "r", Namespace: "default", Values: map[string]any{
				"both": "chart", "chart": 1.0, "drop": 1.0, "inline": 1.0}, KubeVersion: "1.33.2", APIVersions: []string{"v1"}}},
		{"inline replaces", "helmCharts: [{name: shop, releaseName: r, valuesMerge: replace, valuesInline: {both: inline}}]\n",
			ChartRequest{Dir: "app/charts/shop", ReleaseName: "r", Namespace: "default", Values: map[string]any{"both": "inline"},
				KubeVersion: "1.33.2", APIVersions: []string{"v1"}}},
		{"pulled by version", "helmCharts: [{name: far, version: '1.2', repo: 'https://h', releaseName: r, valuesFile: more.yaml}]\n",
			ChartRequest{Dir: "app/charts/far-1.2/far", ReleaseName: "r", Namespace: "default", Values: map[string]any{"a": 1.0},
				KubeVersion: "1.33.2", APIVersions: []string{"v1"}}},
		{"vendored without version", "helmCharts: [{name: shop, version: '9', repo: 'https://h', releaseName: r, valuesFile: more.yaml}]\nhelmGlobals: {chartHome: ./charts}\n",
			ChartRequest{Dir: "app/charts/shop", ReleaseName: "r", Namespace: "default", Values: map[string]any{"a": 1.0},
				KubeVersion: "1.33.2", APIVersions: []string{"v1"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			req := chartTree(test.text).request("app")
			req.KubeVersion, req.APIVersions = "1.33.2", []string{"v1"}
			charts := &recorder{text: chartText}
			mustRender(t, req, charts)
			if diff := cmp.Diff([]ChartRequest{test.want}, charts.asked); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

// TestChartsAreKustomized: prefix, labels and patches apply to a chart's objects
// and the namespace does not, as Helm has been told it.
func TestChartsAreKustomized(t *testing.T) {
	files := chartTree("helmCharts: [{name: shop, releaseName: r}]\nnamePrefix: in-\nconfigMapGenerator: [{name: own, literals: [a=b]}]\ngeneratorOptions: {disableNameSuffixHash: true}\n").
		with("over/kustomization.yaml", "resources: [../app]\nnamespace: prod\ncommonLabels: {a: b}\n"+
			"patches:\n- target: {name: settings}\n  patch: |-\n    - {op: replace, path: /data/key, value: patched}\n")
	charts := &recorder{text: chartText}
	req := files.request("over")
	objects, _, err := Render(req, charts)
	if err != nil {
		t.Fatal(err)
	}
	wantLines(t, jsonLines(t, objects),
		`{"apiVersion":"v1","data":{"a":"b"},"kind":"ConfigMap","metadata":{"labels":{"a":"b"},"name":"in-own","namespace":"prod"}}`,
		`{"apiVersion":"v1","data":{"key":"patched"},"kind":"ConfigMap","metadata":{"labels":{"a":"b"},"name":"in-settings"}}`)
	if charts.asked[0].Namespace != "prod" {
		t.Errorf("the chart was told the namespace %q", charts.asked[0].Namespace)
	}
	if objects[0].File != "app/kustomization.yaml" || objects[1].File != "app/charts/shop/templates/cm.yaml" {
		t.Errorf("the objects come from %q and %q", objects[0].File, objects[1].File)
	}
}

func TestChartOriginAnnotation(t *testing.T) {
	files := chartTree("helmCharts: [{name: shop, releaseName: r}]\n").
		with("over/kustomization.yaml", "resources: [../app]\nbuildMetadata: [originAnnotations]\n")
	wantLines(t, mustRender(t, files.request("over"), &recorder{text: chartText}),
		`{"apiVersion":"v1","data":{"key":"value"},"kind":"ConfigMap","metadata":{"annotations":{"config.kubernetes.io/origin":`+
			`"configuredIn: ../app/kustomization.yaml\nconfiguredBy:\n  apiVersion: builtin\n  kind: HelmChartInflationGenerator\n"},"name":"settings"}}`)
}

func TestChartThatRendersNothing(t *testing.T) {
	files := chartTree("helmCharts: [{name: shop, releaseName: r}]\nresources: [own.yaml]\n").with("app/own.yaml", configMap)
	if got := mustRender(t, files.request("app"), &recorder{text: "---\n# nothing\n"}); len(got) != 1 {
		t.Errorf("got %v", got)
	}
}

func TestChartFaults(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"not vendored", "helmCharts:\n- {name: gone, version: '1', repo: 'https://user:pw@h/charts', valuesFile: more.yaml}\n",
			`E_DEP: app/kustomization.yaml:2 helmCharts[0]: the chart "gone" of https://***@h/charts is not in the source; ` +
				"fix: vendor it: run helm pull --untar --untardir charts/gone-1 and commit charts/gone"},
		{"no repository", "helmCharts: [{name: gone}]\n", `E_PATH: app/kustomization.yaml:1 helmCharts[0]: there is no chart "app/charts/gone" in the source`},
		{"no name", "helmCharts: [{releaseName: x}]\n", "E_KUSTOMIZE: app/kustomization.yaml:1 helmCharts[0]: the chart has no name"},
		{"chart home out of the source", "helmCharts: [{name: shop}]\nhelmGlobals: {chartHome: ../../x}\n", "E_PATH: app/kustomization.yaml:1 helmCharts[0]: "},
		{"name template", "helmCharts: [{name: shop, nameTemplate: 'x-{{ randAlpha 3 }}'}]\n", "E_CHART: app/kustomization.yaml:1 helmCharts[0]: nameTemplate makes a name"},
		{"merge mode", "helmCharts: [{name: shop, valuesMerge: other, valuesInline: {a: 1}}]\n", `E_KUSTOMIZE: app/kustomization.yaml:1 helmCharts[0]: valuesMerge is "other"`},
		{"missing values file", "helmCharts: [{name: shop, valuesFile: no.yaml}]\n", `E_PATH: app/kustomization.yaml:1 helmCharts[0].valuesFile: there is no "app/no.yaml"`},
		{"values file elsewhere", "helmCharts: [{name: shop, additionalValuesFiles: [../else.yaml]}]\n", `E_PATH: app/kustomization.yaml:1 helmCharts[0].additionalValuesFiles[0]: kustomize reads files in or below`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := Render(chartTree(test.text).with("else.yaml", "").request("app"), &recorder{text: chartText})
			wantFault(t, err, test.want)
		})
	}
	failed := fault.New(fault.Template, "it fails").In("app/charts/shop/templates/x.yaml", 3)
	_, _, err := Render(chartTree("helmCharts: [{name: shop}]\n").request("app"), &recorder{err: failed})
	if !errors.Is(err, failed) {
		t.Errorf("the renderer's fault became %v", err)
	}
	_, _, err = Render(chartTree("helmCharts: [{name: shop}]\n").request("app"), &recorder{text: cycle})
	wantFault(t, err, "E_YAML_ALIAS: app/charts/shop:")
}

func TestOneChartForTwoNamespaces(t *testing.T) {
	files := chartTree("helmCharts:\n- name: shop\n").
		with("a/kustomization.yaml", "namespace: a\nnamePrefix: a-\nresources: [../app]\n").
		with("b/kustomization.yaml", "namespace: b\nnamePrefix: b-\nresources: [../app]\n").
		with("top/kustomization.yaml", "resources: [../a, ../b]\n")
	_, _, err := Render(files.request("top"), &recorder{text: chartText})
	wantFault(t, err, `E_CHART: app/kustomization.yaml:2 helmCharts[0].namespace: the chart would be rendered for the namespaces "a" and "b" in one build`)
}

func TestReleaseWithoutNameIsReported(t *testing.T) {
	_, warnings, err := Render(chartTree("helmCharts: [{name: shop}]\n").request("app"), &recorder{text: chartText})
	if err != nil || len(warnings) != 1 {
		t.Fatalf("%v, %v", warnings, err)
	}
	wantFault(t, warnings[0], `E_CHART: app/kustomization.yaml:1 helmCharts[0].releaseName: the release is called "shop"`)
}
