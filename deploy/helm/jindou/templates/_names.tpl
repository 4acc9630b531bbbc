{{- define "jindou.name" -}}
{{- if contains "jindou" .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-jindou" .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{- define "jindou.selector" -}}
app.kubernetes.io/name: jindou
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "jindou.labels" -}}
{{ include "jindou.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* The port of an address below config; nothing, where it is not set. The server takes any case. */}}
{{- define "jindou.port" -}}
{{- $wanted := index . 1 -}}
{{- range $key, $value := index . 0 -}}
{{- if eq (lower $key) (lower $wanted) -}}
{{- regexFind "[0-9]+$" (toString $value) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "jindou.secret" -}}
{{- .Values.existingSecret | default (include "jindou.name" .) -}}
{{- end }}
