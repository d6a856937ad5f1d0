{{/* Who a pod runs as: what the image of every service expects. */}}
{{- define "soma-stack.podSecurity" -}}
enableServiceLinks: false
automountServiceAccountToken: {{ . }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* What a container may do. */}}
{{- define "soma-stack.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/* What restarts a pod, and what takes it out of its Service. Takes the port. */}}
{{- define "soma-stack.probes" -}}
startupProbe:
  httpGet: {path: /live, port: {{ . }}}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 60
readinessProbe:
  httpGet: {path: /ready, port: {{ . }}}
  periodSeconds: 3
  timeoutSeconds: 5
livenessProbe:
  httpGet: {path: /live, port: {{ . }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- end }}

{{/* The template of a pod's metadata. Takes root, name, and a dict: uses (names of
peers), secret (its secret in Vault, or "") and the key in it, files (its ConfigMaps besides configmap.yaml). */}}
{{- define "soma-stack.podMetadata" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $more := index . 2 -}}
labels:
  {{- include "soma-stack.labels" (list $root $name) | nindent 2 }}
  {{- range $more.uses }}
  soma.local/uses-{{ . }}: "true"
  {{- end }}
  {{- if $more.secret }}
  soma.local/uses-vault: "true"
  soma.local/secrets: vault
  {{- end }}
annotations:
  prometheus.io/scrape: "true"
  prometheus.io/port: "9301"
  prometheus.io/path: /metrics
  {{- $read := list }}
  {{- range $file := prepend ($more.files | default list) "configmap.yaml" }}
  {{- $read = append $read (include (print $root.Template.BasePath "/" $name "/" $file) $root) }}
  {{- end }}
  soma.local/configHash: {{ join "" $read | sha256sum }}
  {{- if $more.secret }}
  vault.hashicorp.com/agent-inject: "true"
  vault.hashicorp.com/agent-run-as-user: "10001" # as the image of every service has it
  vault.hashicorp.com/agent-run-as-group: "10001"
  vault.hashicorp.com/role: {{ $name }}
  vault.hashicorp.com/template-static-secret-render-interval: 20s # a rotated secret arrives within it
  vault.hashicorp.com/agent-inject-secret-{{ $more.secret }}: secret/data/soma/{{ $more.secret }}
  vault.hashicorp.com/agent-inject-template-{{ $more.secret }}: |
    {{ printf "{{- with secret \"secret/data/soma/%s\" -}}{{ .Data.data.%s }}{{- end -}}" $more.secret $more.key }}
  {{- end }}
{{- end }}

{{/* The settings that every service has; a peer stands where it is used. Takes the root and the service's own values. */}}
{{- define "soma-stack.settings" -}}
{{- $root := index . 0 -}}
{{- $peers := $root.Values.stack.peers -}}
SA01_ENVIRONMENT: {{ upper $root.Values.global.environment }}
SA01_PROFILES: {{ join "," $root.Values.stack.profiles | quote }}
SA01_LOG_LEVEL: {{ $root.Values.stack.logLevel }}
SA01_METRICS_PORT: "9301"
SA01_GATEWAY_URL: http://gateway:8010
SA01_UI_URL: http://ui:8080
SA01_WORKER_URL: http://conversation-worker:8019
SA01_MEMORY_URL: http://memory-service:8017
SA01_TOOL_URL: http://tool-executor:8018
SA01_POSTGRES_DSN: {{ $peers.postgres | quote }}
SA01_QDRANT_URL: {{ $peers.qdrant | quote }}
SA01_REDIS_URL: {{ $peers.redis | quote }}
SA01_KAFKA_BOOTSTRAP_SERVERS: {{ $peers.kafka | quote }}
SA01_SCHEMA_REGISTRY_URL: {{ $peers.schemaRegistry | quote }}
SA01_LOKI_URL: {{ $peers.loki | quote }}
SA01_AUTH_URL: {{ $peers.auth | quote }}
SA01_OPA_URL: {{ (index . 2) | default $peers.opa | quote }}
SA01_VAULT_ADDR: {{ $peers.vault | quote }}
SA01_FEATURE_FLAG_ENDPOINT: {{ $peers.etcd | quote }}
{{- with (index . 1).settings }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The container of a service. Takes root, name, name of its image, its values, port, and mounts besides /tmp. */}}
{{- define "soma-stack.container" -}}
{{- $root := index . 0 -}}
- name: {{ index . 1 }}
  {{- include "soma-stack.image" (list $root (index . 2) (index . 3).image) | nindent 2 }}
  {{- include "soma-stack.containerSecurity" . | nindent 2 }}
  envFrom:
    - configMapRef: {name: {{ index . 1 }}-settings}
  ports:
    - {name: http, containerPort: {{ index . 4 }}}
    - {name: metrics, containerPort: 9301}
  {{- include "soma-stack.probes" (index . 4) | nindent 2 }}
  lifecycle: # no new request comes once the pod is out of its Service; that takes a moment to be known everywhere
    preStop: {exec: {command: [sleep, "5"]}}
  resources: {{- toYaml (index . 3).resources | nindent 4 }}
  volumeMounts:
    - {name: tmp, mountPath: /tmp}
    {{- with (index . 5) }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{/* Pods of one service stand on different nodes where there are any. Takes the root and the name. */}}
{{- define "soma-stack.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "soma-stack.selector" . | nindent 8 }}
{{- end }}

{{/* No pod goes before another is ready in its place. */}}
{{- define "soma-stack.rolling" -}}
strategy:
  type: RollingUpdate
  rollingUpdate: {maxUnavailable: 0, maxSurge: 1}
{{- end }}
