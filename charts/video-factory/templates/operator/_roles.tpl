{{/* An object of manifests/ in this release: (list $ OBJECT COMPONENT). */}}
{{- define "videofactory.placed" -}}
{{- $root := index . 0 }}
{{- $object := index . 1 }}
{{- $metadata := $object.metadata }}
{{- if $metadata.namespace }}
{{- $_ := set $metadata "namespace" $root.Release.Namespace }}
{{- end }}
{{- $labels := fromYaml (include "videofactory.labels" (list $root (index . 2))) }}
{{- $_ := set $metadata "labels" (merge $labels ($metadata.labels | default dict)) }}
{{- range $object.subjects }}
{{- $_ := set . "namespace" $root.Release.Namespace }}
{{- end }}
{{- toYaml $object }}
{{- end }}

{{/* What a ClusterRole and its binding become where one namespace is watched: (list $ RULES NAME). What is of no namespace
stays with a ClusterRole, everything else is a Role there. */}}
{{- define "videofactory.splitRole" -}}
{{- $root := index . 0 }}
{{- $name := index . 2 }}
{{- $whole := list }}
{{- $inside := list }}
{{- range index . 1 }}
{{- $resources := .resources | default list }}
{{- if or .nonResourceURLs (ne (len $resources) (len (without $resources "namespaces" "tokenreviews" "subjectaccessreviews"))) }}
{{- $whole = append $whole . }}
{{- else }}
{{- $inside = append $inside . }}
{{- end }}
{{- end }}
{{- $labels := include "videofactory.labels" (list $root "operator") | fromYaml }}
{{- $subjects := list (dict "kind" "ServiceAccount" "name" $name "namespace" $root.Release.Namespace) }}
{{- $clusterName := include "videofactory.clusterName" (list $root $name) }}
{{- $there := dict "name" $clusterName "namespace" $root.Values.watchNamespace "labels" $labels }}
{{- $everywhere := dict "name" $clusterName "labels" $labels }}
{{- range $part := list (list "ClusterRole" $whole $everywhere) (list "Role" $inside $there) }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ index $part 0 }}
metadata: {{- toYaml (index $part 2) | nindent 2 }}
rules: {{- toYaml (index $part 1) | nindent 0 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ index $part 0 }}Binding
metadata: {{- toYaml (index $part 2) | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ index $part 0 }}
  name: {{ $clusterName }}
subjects: {{- toYaml $subjects | nindent 0 }}
{{- end }}
{{- end }}
