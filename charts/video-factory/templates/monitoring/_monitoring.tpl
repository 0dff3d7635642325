{{/* Whether an object of the Prometheus operator is rendered: (list $ KIND ENABLED) gives "true" or nothing. */}}
{{- define "videofactory.renders" -}}
{{- $root := index . 0 }}
{{- $mode := $root.Values.monitoring.renderMode }}
{{- if index . 2 }}
{{- if or (eq $mode "alwaysRender") ($root.Capabilities.APIVersions.Has (printf "monitoring.coreos.com/v1/%s" (index . 1))) -}}
true
{{- else if eq $mode "failIfMissing" }}
{{- fail (printf "the cluster has no %s (monitoring.coreos.com/v1): install the Prometheus operator first, or set monitoring.renderMode to skipIfMissing" (index . 1)) }}
{{- end }}
{{- end }}
{{- end }}
