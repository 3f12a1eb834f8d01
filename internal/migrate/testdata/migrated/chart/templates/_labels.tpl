{{ define "chart.labels" -}}
app: {{ .Chart.Name }}
{{- end }}
