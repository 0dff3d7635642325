{{/* What makes an object a part of `helm test`, in the order of these numbers; it is gone after a test that went well. */}}
{{- define "videofactory.testHook" -}}
helm.sh/hook: test
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}
