{{- define "plain" -}}
data:
  key: from-tpl
{{- end -}}
