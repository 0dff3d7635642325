{{/* Names are those of manifests/, because the plugin and the documentation go by them. */}}

{{- define "videofactory.selector" -}}
app.kubernetes.io/name: videofactory
app.kubernetes.io/component: {{ . }}
{{- end }}

{{/* Labels of an object: (list $ COMPONENT). */}}
{{- define "videofactory.labels" -}}
{{- $root := first . -}}
{{ include "videofactory.selector" (last .) }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
helm.sh/chart: {{ $root.Chart.Name }}-{{ $root.Chart.Version }}
{{- end }}

{{/* The name of what is one of its kind in the cluster: (list $ NAME). Operators of some namespaces have one each. */}}
{{- define "videofactory.clusterName" -}}
{{- $root := first . -}}
{{ last . }}{{ if $root.Values.watchNamespaces }}-{{ $root.Release.Namespace }}{{ end }}
{{- end }}

{{- define "videofactory.testNamespace" -}}
{{ .Values.test.namespace | default (first .Values.watchNamespaces) | default .Release.Namespace }}
{{- end }}
