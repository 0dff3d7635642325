{{/* All variables of the operator. The API server refuses a list that has one of them twice. */}}
{{- define "videofactory.environment" -}}
{{- $own := include "videofactory.own" . }}
{{- $set := dict }}
{{- range fromYamlArray $own }}
{{- $_ := set $set .name true }}
{{- end }}
{{- $values := include "videofactory.valueOf" . | fromYaml }}
{{- range .Values.extraEnv }}
{{- if hasKey $set .name }}
{{- fail (printf "extraEnv sets %s, which %s sets already" .name (get $values .name)) }}
{{- end }}
{{- end }}
{{- $own }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The value that sets each variable. */}}
{{- define "videofactory.valueOf" -}}
POD_NAME: the chart
POD_NAMESPACE: the chart
POD_IP: the chart
RUST_LOG: logLevel
VIDEOFACTORY_ALLOWED_DESTINATIONS: settings.allowedDestinations
VIDEOFACTORY_CA_FILE: caBundle
VIDEOFACTORY_CLUSTER_DOMAIN: settings.clusterDomain
VIDEOFACTORY_CONCURRENCY: settings.concurrency
VIDEOFACTORY_JOB_TOLERATIONS: worker.jobTolerations
VIDEOFACTORY_PROGRESS_URL: settings.progressUrl
VIDEOFACTORY_PROPAGATE_LABELS: worker.propagateLabels
VIDEOFACTORY_SIDE_EFFECTS: settings.sideEffects
VIDEOFACTORY_WATCH_NAMESPACES: watchNamespaces
VIDEOFACTORY_WORKER_ANNOTATIONS: worker.annotations
VIDEOFACTORY_WORKER_IMAGE: image
VIDEOFACTORY_WORKER_IMAGE_PULL_POLICY: image.pullPolicy
VIDEOFACTORY_WORKER_LABELS: worker.labels
VIDEOFACTORY_WORKER_NODE_SELECTOR: worker.nodeSelector
VIDEOFACTORY_WORKER_SERVICE_ACCOUNT: worker.serviceAccount
VIDEOFACTORY_WORKER_TOLERATIONS: worker.tolerations
HTTPS_PROXY: proxy.https
HTTP_PROXY: proxy.http
ALL_PROXY: proxy.all
NO_PROXY: proxy.none
OTEL_EXPORTER_OTLP_ENDPOINT: traces.endpoint
OTEL_EXPORTER_OTLP_HEADERS: traces.headersSecret
OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: traces.tracesEndpoint
OTEL_RESOURCE_ATTRIBUTES: traces.resourceAttributes
{{- end }}

{{/* The variables that the chart and its values set. */}}
{{- define "videofactory.own" -}}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: POD_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
- name: POD_IP
  valueFrom: {fieldRef: {fieldPath: status.podIP}}
- name: VIDEOFACTORY_WORKER_IMAGE
  value: {{ include "videofactory.image" (list . "worker") }}
{{- $service := printf "http://videofactory-operator.%s.svc:8000" .Release.Namespace }}
{{- with .Values.settings.progressUrl | default (ternary $service "" .Values.roles.callers) }}
- name: VIDEOFACTORY_PROGRESS_URL
  value: {{ . }}
{{- end }}
- name: RUST_LOG
  value: {{ .Values.logLevel | quote }}
{{- include "videofactory.settings" . }}
{{- end }}

{{/* The operator's settings, as docs/operating.md names them. What is empty is left to the operator's own defaults. */}}
{{- define "videofactory.settings" -}}
{{- $own := dict
  "VIDEOFACTORY_WATCH_NAMESPACES" (join "," .Values.watchNamespaces)
  "VIDEOFACTORY_CONCURRENCY" (.Values.settings.concurrency | default "" | toString)
  "VIDEOFACTORY_SIDE_EFFECTS" (eq .Values.settings.sideEffects "Allow" | ternary "" .Values.settings.sideEffects)
  "VIDEOFACTORY_ALLOWED_DESTINATIONS" (join "," .Values.settings.allowedDestinations)
  "VIDEOFACTORY_CLUSTER_DOMAIN" .Values.settings.clusterDomain
  "VIDEOFACTORY_CA_FILE" (include "videofactory.caName" . | empty | ternary "" "/etc/videofactory/ca.crt")
}}
{{- $steps := dict
  "VIDEOFACTORY_WORKER_IMAGE_PULL_POLICY" (eq .Values.image.pullPolicy "IfNotPresent" | ternary "" .Values.image.pullPolicy)
  "VIDEOFACTORY_WORKER_SERVICE_ACCOUNT" .Values.worker.serviceAccount
  "VIDEOFACTORY_WORKER_LABELS" (include "videofactory.pairs" .Values.worker.labels)
  "VIDEOFACTORY_WORKER_ANNOTATIONS" (empty .Values.worker.annotations | ternary "" (toJson .Values.worker.annotations))
  "VIDEOFACTORY_WORKER_NODE_SELECTOR" (include "videofactory.pairs" .Values.worker.nodeSelector)
  "VIDEOFACTORY_WORKER_TOLERATIONS" (empty .Values.worker.tolerations | ternary "" (toJson .Values.worker.tolerations))
  "VIDEOFACTORY_PROPAGATE_LABELS" (join "," .Values.worker.propagateLabels)
  "VIDEOFACTORY_JOB_TOLERATIONS" (join "," .Values.worker.jobTolerations)
}}
{{- $outside := dict
  "HTTPS_PROXY" .Values.proxy.https
  "HTTP_PROXY" .Values.proxy.http
  "ALL_PROXY" .Values.proxy.all
  "NO_PROXY" (join "," .Values.proxy.none)
  "OTEL_EXPORTER_OTLP_ENDPOINT" .Values.traces.endpoint
  "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" .Values.traces.tracesEndpoint
  "OTEL_RESOURCE_ATTRIBUTES" (include "videofactory.pairs" .Values.traces.resourceAttributes)
}}
{{- range $name, $value := merge $own $steps $outside }}
{{- if $value }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}
{{- with .Values.traces.headersSecret }}
{{- if .name }}
- name: OTEL_EXPORTER_OTLP_HEADERS
  valueFrom: {secretKeyRef: {name: {{ .name | quote }}, key: {{ .key | quote }}}}
{{- end }}
{{- end }}
{{- end }}

{{/* A map as key=value,key=value. */}}
{{- define "videofactory.pairs" -}}
{{- $pairs := list }}
{{- range $key, $value := . }}
{{- $pairs = append $pairs (printf "%s=%s" $key $value) }}
{{- end }}
{{- join "," $pairs }}
{{- end }}

{{/* The ConfigMap with certificates, if there is one. */}}
{{- define "videofactory.caName" -}}
{{- if .Values.caBundle.pem }}videofactory-ca{{ else }}{{ .Values.caBundle.configMap.name }}{{ end }}
{{- end }}
