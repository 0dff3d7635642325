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
