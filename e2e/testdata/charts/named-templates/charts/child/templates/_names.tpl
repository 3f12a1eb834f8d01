{{- define "shared.name" -}}
child-{{ .Release.Name }}
{{- end -}}
{{- define "child.only" -}}
from the child, chart {{ .Chart.Name }}
{{- end -}}
