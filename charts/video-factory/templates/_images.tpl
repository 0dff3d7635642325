{{/* An image: (list $ NAME), of operator, worker, s3. A release's images are of one tag; without a registry they are on
the nodes, where they are called dev. */}}
{{- define "videofactory.image" -}}
{{- $root := first . }}
{{- $image := get $root.Values.image (last .) }}
{{- $registry := $root.Values.image.registry | trimSuffix "/" }}
{{- $name := printf "%s/%s" ($registry | default "localhost") $image.repository }}
{{- if $image.digest -}}
{{ $name }}@{{ $image.digest }}
{{- else -}}
{{ $name }}:{{ include "videofactory.tag" $root }}
{{- end }}
{{- end }}

{{- define "videofactory.tag" -}}
{{- $tag := .Values.image.tag | default (empty .Values.image.registry | ternary "dev" (printf "v%s" .Chart.AppVersion)) }}
{{- if regexMatch "^v?[0-9]+\\.[0-9]+\\.[0-9]+" $tag }}
{{- if not (semverCompare (printf ">=%s-0" .Chart.AppVersion) $tag) }}
{{- fail (printf "image.tag %s is older than this chart's definitions (%s), whose fields it does not know: take the chart of that release, or a newer tag" $tag .Chart.AppVersion) }}
{{- end }}
{{- end }}
{{- $tag }}
{{- end }}
