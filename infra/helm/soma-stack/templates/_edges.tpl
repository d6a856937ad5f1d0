{{/*
Edges are declared on the pod that uses them: a pod labelled soma.local/uses-memory-service may reach it, and is let in.
Both halves take the root, the name of the service, its port, and whether anybody may come in: from outside the namespace too.
*/}}
{{- define "soma-stack.ingress" -}}
{{- $root := index . 0 -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ index . 1 }}
  labels: {{- include "soma-stack.labels" (list $root (index . 1)) | nindent 4 }}
spec:
  podSelector:
    matchLabels: {{- include "soma-stack.selector" (list $root (index . 1)) | nindent 6 }}
  policyTypes: [Ingress]
  ingress:
    - ports:
        - {port: {{ index . 2 }}, protocol: TCP}
      {{- if not (index . 3) }}
      from:
        - podSelector: {matchLabels: {soma.local/uses-{{ index . 1 }}: "true"}}
      {{- end }}
    - ports:
        - {port: 9301, protocol: TCP}
      from:
        - podSelector: {matchLabels: {app.kubernetes.io/name: prometheus}}
{{- end }}

{{- define "soma-stack.egress" -}}
{{- $root := index . 0 -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: to-{{ index . 1 }}
  labels: {{- include "soma-stack.labels" (list $root (index . 1)) | nindent 4 }}
spec:
  podSelector:
    matchLabels: {soma.local/uses-{{ index . 1 }}: "true"}
  policyTypes: [Egress]
  egress:
    - to:
        - podSelector:
            matchLabels: {{- include "soma-stack.selector" (list $root (index . 1)) | nindent 14 }}
      ports:
        - {port: {{ index . 2 }}, protocol: TCP}
{{- end }}
