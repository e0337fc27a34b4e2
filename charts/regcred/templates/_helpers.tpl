{{- define "regcred.name" -}}
{{ .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* As `helm create` has it: a release called regcred does not repeat itself. Names of Services have
     63 characters at most, and two of them end with -webhook and -metrics. */}}
{{- define "regcred.fullname" -}}
{{- $name := include "regcred.name" . }}
{{- $full := printf "%s-%s" .Release.Name $name }}
{{- if .Values.fullnameOverride }}
{{- $full = .Values.fullnameOverride }}
{{- else if contains $name .Release.Name }}
{{- $full = .Release.Name }}
{{- end -}}
{{ $full | trunc 55 | trimSuffix "-" }}
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

{{/* Who adds the entry before a Pod is there: Policy, Webhook or Off. */}}
{{- define "regcred.admission" -}}
{{- if ne .Values.admission.mode "Auto" -}}
{{ .Values.admission.mode }}
{{- else if .Capabilities.APIVersions.Has "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy" -}}
Policy
{{- else -}}
Webhook
{{- end }}
{{- end }}

{{/* The rest of a condition: the names. Only * is special in a glob; most have none, or nothing else. */}}
{{- define "regcred.admission.selected" -}}
&& params.spec.namespaces.?include.orValue(["*"]).exists(g, g == "*" || g == request.namespace
|| (g.contains("*") && request.namespace.matches("^" + g.replace("*", ".*") + "$")))
&& !params.spec.namespaces.?exclude.orValue([]).exists(g, g == "*" || g == request.namespace
|| (g.contains("*") && request.namespace.matches("^" + g.replace("*", ".*") + "$")))
&& params.spec.?serviceAccounts.?include.orValue(["default"]).exists(g, g == "*" || g == {{ . }}
|| (g.contains("*") && {{ . }}.matches("^" + g.replace(".", "[.]").replace("*", ".*") + "$")))
{{- end }}

{{/* namespaceObject is not known before: the labels. Lines stand flush: kustomize writes folded text
     with deeper lines in it otherwise than it reads it. */}}
{{- define "regcred.admission.variables" -}}
- name: labels
  expression: namespaceObject.metadata.?labels.orValue({})
- name: labelled
  expression: >-
    params.spec.namespaces.?matchLabels.orValue({}).all(k,
    variables.labels[?k] == optional.of(params.spec.namespaces.matchLabels[k]))
    && params.spec.namespaces.?matchExpressions.orValue([]).all(r,
    r.operator == "In" ? (r.key in variables.labels && variables.labels[r.key] in r.values)
    : r.operator == "NotIn" ? (!(r.key in variables.labels) || !(variables.labels[r.key] in r.values))
    : r.operator == "Exists" ? r.key in variables.labels
    : !(r.key in variables.labels))
{{- end }}

{{/* Where nothing is refused, nothing is exempt. */}}
{{- define "regcred.admission.exempt" -}}
{{- if eq .Values.admission.failurePolicy "Fail" -}}
# The operator's own is among them, or it could not come back.
namespaceSelector:
  matchExpressions:
  - key: kubernetes.io/metadata.name
    operator: NotIn
    values: {{ append .Values.admission.exemptNamespaces .Release.Namespace | uniq | toJson }}
{{- end }}
{{- end }}

{{/* What the webhooks have in common. */}}
{{- define "regcred.webhook" -}}
admissionReviewVersions: [v1]
clientConfig:
  service:
    name: {{ include "regcred.fullname" . }}-webhook
    namespace: {{ .Release.Namespace }}
    path: /mutate
    port: 443
failurePolicy: {{ .Values.admission.failurePolicy }}
sideEffects: None
reinvocationPolicy: IfNeeded
timeoutSeconds: {{ .Values.admission.webhook.timeoutSeconds }}
{{- with include "regcred.admission.exempt" . }}
{{ . }}
{{- end }}
{{- end }}
