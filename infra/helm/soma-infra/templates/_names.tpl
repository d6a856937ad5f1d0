{{/* What pods are selected by; it never changes under an upgrade. Takes the root and the component's name. */}}
{{- define "soma-infra.selector" -}}
app.kubernetes.io/name: {{ index . 1 }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
{{- end }}

{{/* The same and what it belongs to; on pods too, so nothing that changes with a release may stand here. */}}
{{- define "soma-infra.labels" -}}
{{ include "soma-infra.selector" . }}
app.kubernetes.io/part-of: soma-infra
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
{{- end }}

{{/* The image of that name in the catalogue: as the overlay has it, else as the component's values do. */}}
{{- define "soma-infra.image" -}}
{{- $root := index . 0 -}}
image: {{ get $root.Values.global.images (index . 1) | default (index . 2) | quote }}
imagePullPolicy: {{ $root.Values.global.imagePullPolicy }}
{{- end }}

{{/* A name for what is not of one namespace, so that two releases can live side by side. */}}
{{- define "soma-infra.clusterWide" -}}
{{ (index . 0).Release.Namespace }}-{{ index . 1 }}
{{- end }}
