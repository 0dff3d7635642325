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

{{/* What a ClusterRole and its binding become where some namespaces are watched: (list $ ROLE ACCOUNT). What belongs to
the whole cluster stays with a ClusterRole, everything else is a Role in each of them. The namespace by whose UID the
cluster is known is the operator's own then. */}}
{{- define "videofactory.splitRole" -}}
{{- $root := index . 0 }}
{{- $role := index . 1 }}
{{- $whole := list }}
{{- $inside := list }}
{{- range $role.rules }}
{{- if or .nonResourceURLs (has "tokenreviews" .resources) (has "subjectaccessreviews" .resources) }}
{{- $whole = append $whole . }}
{{- else if not (has "namespaces" .resources) }}
{{- $inside = append $inside . }}
{{- end }}
{{- end }}
{{- $parts := list }}
{{- if $whole }}
{{- $parts = append $parts (dict "kind" "ClusterRole" "rules" $whole "where" dict) }}
{{- end }}
{{- range empty $inside | ternary list $root.Values.watchNamespaces }}
{{- $parts = append $parts (dict "kind" "Role" "rules" $inside "where" (dict "namespace" .)) }}
{{- end }}
{{- $name := include "videofactory.clusterName" (list $root $role.metadata.name) }}
{{- $labels := include "videofactory.labels" (list $root "operator") | fromYaml }}
{{- $account := index . 2 }}
{{- range $parts }}
{{- $metadata := merge (dict "name" $name "labels" $labels) .where }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .kind }}
metadata: {{- toYaml $metadata | nindent 2 }}
rules: {{- toYaml .rules | nindent 0 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .kind }}Binding
metadata: {{- toYaml $metadata | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ .kind }}
  name: {{ $name }}
subjects:
- kind: ServiceAccount
  name: {{ $account }}
  namespace: {{ $root.Release.Namespace }}
{{- end }}
{{- end }}
