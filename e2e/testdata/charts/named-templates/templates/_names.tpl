{{- define "shared.name" -}}
parent-{{ .Release.Name }}
{{- end -}}
{{- define "parent.only" -}}
{{ .text }} by {{ .root.Chart.Name }}
{{- end -}}
