{{/* What makes an object a part of `helm test`, in the order of these numbers. Helm deletes it after the test, the last
first where all went well: the film needs its policy for the deletion of its files. */}}
{{- define "videofactory.testHook" -}}
helm.sh/hook: test
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}
