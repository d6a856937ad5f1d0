{{/* Who a pod runs as. Takes user and group. */}}
{{- define "soma-infra.podSecurity" -}}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ index . 0 }}
  runAsGroup: {{ index . 1 }}
  fsGroup: {{ index . 1 }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* What a container may do. */}}
{{- define "soma-infra.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/* Members of a cluster stand on different nodes where there are any. Takes the root and the name. */}}
{{- define "soma-infra.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "soma-infra.selector" . | nindent 8 }}
{{- end }}

{{/* A volume per member. Takes the root, the size, and the name. */}}
{{- define "soma-infra.claim" -}}
{{- $root := index . 0 -}}
volumeClaimTemplates:
  - metadata:
      name: data
      labels: {{- include "soma-infra.selector" (list $root (index . 2)) | nindent 8 }}
    spec:
      accessModes: [ReadWriteOnce]
      {{- with $root.Values.global.storageClass }}
      storageClassName: {{ . | quote }}
      {{- end }}
      resources:
        requests: {storage: {{ index . 1 | quote }}}
{{- end }}

{{/* Where Prometheus finds a pod's metrics. Takes port and path. */}}
{{- define "soma-infra.scraped" -}}
prometheus.io/scrape: "true"
prometheus.io/port: {{ index . 0 | quote }}
prometheus.io/path: {{ index . 1 | quote }}
{{- end }}

{{/* Probes that ask over HTTP. Takes port, path of readiness, path of liveness, and how many seconds a start may take. */}}
{{- define "soma-infra.httpProbes" -}}
startupProbe:
  httpGet: {path: {{ index . 1 | quote }}, port: {{ index . 0 }}}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: {{ div (index . 3) 2 }}
readinessProbe:
  httpGet: {path: {{ index . 1 | quote }}, port: {{ index . 0 }}}
  periodSeconds: 5
  timeoutSeconds: 5
livenessProbe:
  httpGet: {path: {{ index . 2 | quote }}, port: {{ index . 0 }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- end }}

{{/* Probes that run a program. Takes the command as a list, and how many seconds a start may take. */}}
{{- define "soma-infra.execProbes" -}}
startupProbe:
  exec: {command: {{ index . 0 | toJson }}}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: {{ div (index . 1) 2 }}
readinessProbe:
  exec: {command: {{ index . 0 | toJson }}}
  periodSeconds: 5
  timeoutSeconds: 5
livenessProbe:
  exec: {command: {{ index . 0 | toJson }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- end }}
