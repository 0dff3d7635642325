{{/* A NetworkPolicy of manifests/, for whoever may come in: (list $ FILE COMPONENT). */}}
{{- define "videofactory.networkPolicy" -}}
{{- $root := index . 0 }}
{{- $policy := $root.Files.Get (index . 1) | fromYaml }}
{{- $_ := set $policy.metadata "namespace" $root.Release.Namespace }}
{{- with $root.Values.networkPolicy.from }}
{{- $_ := set (first $policy.spec.ingress) "from" . }}
{{- end }}
{{- include "videofactory.placed" (list $root $policy (index . 2)) }}
{{- end }}
