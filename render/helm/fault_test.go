package helm

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

const plainChart = "-- app/Chart.yaml --\napiVersion: v2\nname: app\nversion: 1.0.0\n"

// TestFaults pins what people read: code, place, message and way out.
func TestFaults(t *testing.T) {
	tests := map[string]struct {
		source  string
		options Options
		want    string
	}{
		"nil pointer in a named template": {
			source: plainChart + "-- app/templates/_h.tpl --\n{{ define \"l\" }}\nx: {{ .Values.a.b }}\n{{ end }}\n" +
				"-- app/templates/c.yaml --\nkind: X\nl: {{ include \"l\" . }}\n",
			want: "E_TEMPLATE: app/templates/_h.tpl:2:14: the template fails: nil pointer evaluating interface {}.b in {{ .Values.a.b }}, used by app/templates/c.yaml:2; fix: set the value, or guard the expression with if or default",
		},
		"required": {
			source: plainChart + "-- app/templates/c.yaml --\nkind: X\nname: {{ required \"name is needed\" .Values.name }}\n",
			want:   "E_TEMPLATE: app/templates/c.yaml:2:10: the chart refuses to render: name is needed",
		},
		"fail in a subchart of another name": {
			source: plainChart + "-- app/charts/dir/Chart.yaml --\nname: sub\nversion: 1.0.0\n" +
				"-- app/charts/dir/templates/c.yaml --\n\n{{ fail \"multi\\nline\" }}\n",
			want: `E_TEMPLATE: app/charts/dir/templates/c.yaml:2:4: the chart refuses to render: multi\nline`,
		},
		"syntax": {
			source: plainChart + "-- app/templates/c.yaml --\na: b\nc: {{ if }}\n",
			want:   "E_TEMPLATE: app/templates/c.yaml:2: the template does not parse: missing value for if",
		},
		"H6 env is no function": {
			source: plainChart + "-- app/templates/c.yaml --\n{{ env \"VAULT_TOKEN\" }}\n",
			want:   `E_TEMPLATE: app/templates/c.yaml:1: the template does not parse: function "env" not defined; fix: use a function that Helm has; env and expandenv are not among them`,
		},
		"H6 expandenv is no function": {
			source: plainChart + "-- app/templates/c.yaml --\n{{ expandenv \"$VAULT_TOKEN\" }}\n",
			want:   `E_TEMPLATE: app/templates/c.yaml:1: the template does not parse: function "expandenv" not defined; fix: use a function that Helm has; env and expandenv are not among them`,
		},
		"unknown named template": {
			source: plainChart + "-- app/templates/c.yaml --\n{{ include \"absent\" . }}\n",
			want:   `E_TEMPLATE: app/templates/c.yaml:1:4: the template fails: no template "absent" associated with template "gotpl" in {{ include "absent" . }}; fix: define the named template, or vendor the library chart that has it`,
		},
		"text given to tpl does not parse": {
			source: plainChart + "-- app/values.yaml --\ntext: 'say \"{{ .x\" and: stop'\n" +
				"-- app/templates/c.yaml --\n\nx: {{ tpl .Values.text . }}\n",
			want: `E_TEMPLATE: app/templates/c.yaml:2:7: the text given to tpl here fails: bad character U+0022 '"' in {{ tpl .Values.text . }}`,
		},
		"text given to tpl fails": {
			source: plainChart + "-- app/values.yaml --\ntext: '{{ .Values.a.b }}'\n" +
				"-- app/templates/c.yaml --\nx: {{ tpl .Values.text . }}\n",
			want: `E_TEMPLATE: app/templates/c.yaml:1:7: the text given to tpl here fails: nil pointer evaluating interface {}.b in {{ .Values.a.b }}; fix: set the value, or guard the expression with if or default`,
		},
		"rendered YAML does not parse": {
			source: plainChart + "-- app/templates/c.yaml --\nkind: X\nmetadata:\n  name: {{ \"a: b\" }}\n",
			want:   "E_YAML: app/templates/c.yaml: line 3 of a rendered document: mapping values are not allowed in this context: name: a: b; fix: put a text that holds a colon and a space in quotes, or correct the indentation",
		},
		"rendered key twice": {
			source: plainChart + "-- app/templates/c.yaml --\nkind: X\nhostNetwork: true\nhostNetwork: false\n",
			want:   `E_YAML_DUP: app/templates/c.yaml: line 3 of a rendered document: the key "hostNetwork" stands here and in line 2: hostNetwork: false`,
		},
		"H9 unknown hook": {
			source: plainChart + "-- app/templates/c.yaml --\napiVersion: batch/v1\nkind: Job\nmetadata: {name: j, annotations: {helm.sh/hook: 'pre-install,bogus'}}\n",
			want:   `E_HOOK: app/templates/c.yaml Job j metadata.annotations[helm.sh/hook]: Helm knows no hook "bogus" and would leave the object out; fix: use one of pre-install, post-install, pre-upgrade, post-upgrade, pre-delete, post-delete, pre-rollback, post-rollback, test`,
		},
		"H9 hook that is no string": {
			source: plainChart + "-- app/templates/c.yaml --\napiVersion: batch/v1\nkind: Job\nmetadata: {name: j, annotations: {helm.sh/hook: true}}\n",
			want:   `E_HOOK: app/templates/c.yaml Job j metadata.annotations[helm.sh/hook]: Helm knows no hook "" and would leave the object out; fix: use one of pre-install, post-install, pre-upgrade, post-upgrade, pre-delete, post-delete, pre-rollback, post-rollback, test`,
		},
		"no chart": {
			source: "-- app/values.yaml --\n",
			want:   "E_CHART: app/Chart.yaml: the directory has no Chart.yaml",
		},
		"subchart without Chart.yaml": {
			source: plainChart + "-- app/charts/sub/values.yaml --\n",
			want:   "E_CHART: app/charts/sub/Chart.yaml: the directory has no Chart.yaml",
		},
		"loose file in charts": {
			source: plainChart + "-- app/charts/README.md --\nx\n",
			want:   "E_CHART: app/charts/README.md: a file in charts/ must be a chart archive; fix: move it, or begin its name with _",
		},
		"Chart.yaml is not YAML": {
			source: "-- app/Chart.yaml --\nname: app\nversion: [\n",
			want:   "E_CHART: app/Chart.yaml:3: the YAML cannot be read: did not find expected node content",
		},
		"Chart.yaml without version": {
			source: "-- app/Chart.yaml --\nname: app\n",
			want:   "E_CHART: app/Chart.yaml version: the chart is not valid: chart.metadata.version is required",
		},
		"values.yaml is a list": {
			source: plainChart + "-- app/values.yaml --\n- a\n",
			want:   "E_CHART: app/values.yaml: the values must be a mapping",
		},
		"values of a subchart are no mapping": {
			source: plainChart + "-- app/values.yaml --\nsub: 5\n-- app/charts/sub/Chart.yaml --\nname: sub\nversion: 1.0.0\n",
			want:   "E_CHART: app/Chart.yaml: the values do not fit the chart and its subcharts: type mismatch on sub: %!t(float64=5); fix: the values of a subchart must be a mapping under its name or alias",
		},
		"H12 name that climbs": {
			source: "-- app/Chart.yaml --\nname: ..\nversion: 1.0.0\n",
			want:   `E_CHART: app/Chart.yaml name: the chart is not valid: chart.metadata.name ".." is not allowed`,
		},
		"H12 name with a slash": {
			source: "-- app/Chart.yaml --\nname: a/b\nversion: 1.0.0\n",
			want:   `E_CHART: app/Chart.yaml name: the chart is not valid: chart.metadata.name "a/b" is invalid`,
		},
		"H12 long name": {
			source: "-- app/Chart.yaml --\nname: " + strings.Repeat("n", 300) + "\nversion: 1.0.0\n",
			want:   "E_CHART: app/Chart.yaml name: the name of the chart must be at most 250 letters, digits, dots, dashes and underscores",
		},
		"library": {
			source: "-- app/Chart.yaml --\nname: app\nversion: 1.0.0\ntype: library\n",
			want:   "E_CHART: app/Chart.yaml:3: a library chart renders nothing by itself",
		},
		"kubeVersion": {
			source:  plainChart + "kubeVersion: '>=1.30-0'\n",
			options: Options{KubeVersion: "v1.29.4-gke.100"},
			want:    "E_CHART: app/Chart.yaml:4: the chart requires Kubernetes >=1.30-0, the destination has v1.29.4",
		},
		"not a version": {
			source: plainChart, options: Options{KubeVersion: "latest"},
			want: `E_PARAMETER: "latest" is not a Kubernetes version; fix: use a version such as 1.33 or v1.33.2`,
		},
		"release name": {
			source: plainChart, options: Options{ReleaseName: "My_App"},
			want: `E_CHART: helm-release-name: "My_App" cannot be a release name; fix: set helm-release-name to at most 53 lower case letters, digits, dashes and dots`,
		},
		"release name of 54 letters": {
			source: plainChart, options: Options{ReleaseName: strings.Repeat("a", 54)},
			want: `E_CHART: helm-release-name: "` + strings.Repeat("a", 54) + `" cannot be a release name; fix: set helm-release-name to at most 53 lower case letters, digits, dashes and dots`,
		},
		"helmignore takes the chart": {
			source: plainChart + "-- app/.helmignore --\n*.md\n!README.md\n",
			want:   "E_CHART: app/.helmignore: the file excludes Chart.yaml; fix: a pattern with ! excludes everything that it does not match: take it out",
		},
		"helmignore pattern": {
			source: plainChart + "-- app/.helmignore --\na/**/b\n",
			want:   "E_CHART: app/.helmignore: a pattern cannot be used: double-star (**) syntax is not supported",
		},
		"inline values": {
			source: plainChart, options: Options{Values: "a: 1\nb: [\n"},
			want: "E_CHART: helm-values: the YAML cannot be read: did not find expected node content in line 3",
		},
		"values file": {
			source: plainChart + "-- app/v.yaml --\na: 1\n b: 2\n", options: Options{ValuesFiles: []string{"v.yaml"}},
			want: "E_CHART: app/v.yaml:2: the YAML cannot be read: mapping values are not allowed in this context",
		},
		"parameter": {
			source: plainChart, options: Options{Parameters: map[string]string{"a[x]": "1"}},
			want: `E_PARAMETER: helm-parameters.a[x]: the parameter cannot be set: error parsing index: strconv.Atoi: parsing "x": invalid syntax; fix: names are paths such as image.tag or list[0].name; a dot within a name is written as \.`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.options.Dir, test.options.QuoteErrors = "app", true
			if test.options.ReleaseName == "" {
				test.options.ReleaseName = "web"
			}
			manifests, _, err := Template(treeOf(test.source), ".", test.options)
			if err == nil {
				t.Fatalf("rendered %d manifests, want %s", len(manifests), test.want)
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("wrong fault (-want +got):\n%s", diff)
			}
			var located *fault.Error
			if !errors.As(err, &located) {
				t.Errorf("%T is not a fault", err)
			}
		})
	}
}

// TestFaultsWithoutQuotes: a platform that switches quoting off gets places and
// codes, and nothing of the chart's own text.
func TestFaultsWithoutQuotes(t *testing.T) {
	tests := map[string]struct{ source, want string }{
		"fail":   {"-- app/templates/c.yaml --\n{{ fail \"CANARY\" }}\n", "E_TEMPLATE: app/templates/c.yaml:1:4: the template fails"},
		"tpl":    {"-- app/templates/c.yaml --\n{{ tpl \"CANARY {{ nope }}\" . }}\n", "E_TEMPLATE: app/templates/c.yaml:1:4: the template fails"},
		"schema": {"-- app/values.schema.json --\n{\"required\": [\"CANARY\"]}\n", "E_SCHEMA: app/values.schema.json: the value does not meet"},
		"yaml":   {"-- app/templates/c.yaml --\na: CANARY: b\n", "E_YAML: app/templates/c.yaml: line 1 of a rendered document"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, _, err := Template(treeOf(plainChart+test.source), ".", Options{Dir: "app", ReleaseName: "web"})
			if err == nil || strings.Contains(err.Error(), "CANARY") {
				t.Fatalf("the fault quotes the chart: %v", err)
			}
		})
	}
}

// TestAllFaultsOfTheRenderedDocuments: people see every broken document at once.
func TestAllFaultsOfTheRenderedDocuments(t *testing.T) {
	_, _, err := Template(treeOf(plainChart+`-- app/templates/a.yaml --
a: b: c
-- app/templates/b.yaml --
- not an object
---
kind: Job
metadata: {annotations: {helm.sh/hook: bogus}}
`), ".", Options{Dir: "app", ReleaseName: "web"})
	var codes []fault.Code
	for _, problem := range fault.Of(err) {
		codes = append(codes, problem.Code)
	}
	if diff := cmp.Diff([]fault.Code{fault.YAML, fault.ObjectShape, fault.Hook}, codes); diff != "" {
		t.Errorf("wrong faults (-want +got):\n%s", diff)
	}
}
