package helm

import (
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// warmupChart uses what most charts use.
var warmupChart = map[string]string{
	"Chart.yaml":  "apiVersion: v2\nname: warmup\nversion: 1.0.0\n",
	"values.yaml": "labels: {a: b}\n",
	"values.schema.json": `{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object",
		"properties": {"labels": {"type": "object"}}}`,
	"templates/_helpers.tpl": `{{ define "warmup.name" }}{{ .Release.Name | trunc 63 | trimSuffix "-" }}{{ end }}`,
	"templates/configmap.yaml": `apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "warmup.name" . | quote }}
  labels: {{- toYaml .Values.labels | nindent 4 }}
data:
  version: {{ tpl "{{ .Chart.Version }}" . | quote }}
  {{- if semverCompare ">=1.0.0" .Capabilities.KubeVersion.Version }}
  known: {{ default dict .Values.known | toJson | quote }}
  {{- end }}
`,
}

// Warmup renders a small chart, so that the first chart of a waiting worker
// meets initialised packages and a grown heap. It returns an error only if
// rendering does not work at all.
func Warmup() error {
	tree := source.NewTree()
	for name, content := range warmupChart {
		tree.Add(name, []byte(content))
	}
	_, _, err := Template(tree, ".", Options{Dir: ".", ReleaseName: "warmup"})
	return err
}
