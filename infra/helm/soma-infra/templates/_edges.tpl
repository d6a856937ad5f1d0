{{/*
Edges are declared on the pod that uses them: a pod labelled soma.local/uses-kafka may reach kafka, and kafka lets it in.
Both halves take a dict: root, name, ports (for those who use it), own (between its members), metrics (for Prometheus).
*/}}
{{- define "soma-infra.ingress" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ .name }}
  labels: {{- include "soma-infra.labels" (list .root .name) | nindent 4 }}
spec:
  podSelector:
    matchLabels: {{- include "soma-infra.selector" (list .root .name) | nindent 6 }}
  policyTypes: [Ingress]
  ingress:
    - from:
        - podSelector: {matchLabels: {soma.local/uses-{{ .name }}: "true"}}
      ports: {{- include "soma-infra.ports" .ports | nindent 8 }}
    {{- with .own }}
    - from:
        - podSelector:
            matchLabels: {{- include "soma-infra.selector" (list $.root $.name) | nindent 14 }}
      ports: {{- include "soma-infra.ports" . | nindent 8 }}
    {{- end }}
    {{- with .metrics }}
    - from:
        - podSelector: {matchLabels: {app.kubernetes.io/name: prometheus}}
      ports: {{- include "soma-infra.ports" (list .) | nindent 8 }}
    {{- end }}
{{- end }}

{{- define "soma-infra.egress" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: to-{{ .name }}
  labels: {{- include "soma-infra.labels" (list .root .name) | nindent 4 }}
spec:
  podSelector:
    matchLabels: {soma.local/uses-{{ .name }}: "true"}
  policyTypes: [Egress]
  egress:
    - to:
        - podSelector:
            matchLabels: {{- include "soma-infra.selector" (list .root .name) | nindent 14 }}
      ports: {{- include "soma-infra.ports" .ports | nindent 8 }}
{{- end }}

{{/* What members of a cluster may send each other. */}}
{{- define "soma-infra.among" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ .name }}-members
  labels: {{- include "soma-infra.labels" (list .root .name) | nindent 4 }}
spec:
  podSelector:
    matchLabels: {{- include "soma-infra.selector" (list .root .name) | nindent 6 }}
  policyTypes: [Egress]
  egress:
    - to:
        - podSelector:
            matchLabels: {{- include "soma-infra.selector" (list .root .name) | nindent 14 }}
      ports: {{- include "soma-infra.ports" .own | nindent 8 }}
{{- end }}

{{- define "soma-infra.ports" -}}
{{- range . }}
- {port: {{ . }}, protocol: TCP}
{{- end }}
{{- end }}
