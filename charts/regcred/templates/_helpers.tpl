{{- define "regcred.name" -}}
{{ .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* As `helm create` has it: a release called regcred does not repeat itself. */}}
{{- define "regcred.fullname" -}}
{{- $name := include "regcred.name" . }}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains $name .Release.Name -}}
{{ .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "regcred.serviceAccountName" -}}
{{ .Values.serviceAccount.name | default (include "regcred.fullname" .) }}
{{- end }}

{{- define "regcred.selectorLabels" -}}
app.kubernetes.io/name: {{ include "regcred.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{/* Without helm.sh/chart and managed-by, so that deploy/ is the same; Helm adds its own mark. */}}
{{- define "regcred.labels" -}}
{{ include "regcred.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: regcred
{{- end }}

{{- define "regcred.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* The guard speaks of one user only, whose name is given. */}}
{{- define "regcred.guard.condition" -}}
matchConditions:
- name: the-operator
  expression: request.userInfo.username == {{ . | quote }}
{{- end }}
