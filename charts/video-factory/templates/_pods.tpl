{{/* Whether user ids are the cluster's matter: "true" or nothing. */}}
{{- define "videofactory.anyUser" -}}
{{- $found := .Capabilities.APIVersions.Has "security.openshift.io/v1" }}
{{- if or (eq .Values.openshift "always") (and (eq .Values.openshift "auto") $found) }}true{{ end }}
{{- end }}

{{- define "videofactory.podSecurity" -}}
runAsNonRoot: true
{{- if not (include "videofactory.anyUser" .) }}
runAsUser: 65532
runAsGroup: 65532
{{- end }}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "videofactory.confined" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Where a pod may run, and what it is pulled with. */}}
{{- define "videofactory.placement" -}}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
