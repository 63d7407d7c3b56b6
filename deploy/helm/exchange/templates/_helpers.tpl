{{- define "exchange.name" -}}
{{- printf "%s-exchange" .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{- define "exchange.labels" -}}
app.kubernetes.io/name: exchange
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: ai-transparency-exchange
{{- end }}

{{- define "exchange.selector" -}}
app.kubernetes.io/name: exchange
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "exchange.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* What workers and the set-up job have in common: who they are, what they may do. */}}
{{- define "exchange.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "exchange.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "exchange.env" -}}
envFrom:
  - configMapRef: {name: {{ include "exchange.name" . }}}
env:
  {{- if .Values.kafka.existingSecret }}
  - name: EXCHANGE_SASL_PLAIN_PASSWORD
    valueFrom: {secretKeyRef: {name: {{ .Values.kafka.existingSecret }}, key: {{ .Values.kafka.passwordKey }}}}
  {{- end }}
  {{- if .Values.registry.existingSecret }}
  - name: EXCHANGE_REGISTRY_PASSWORD
    valueFrom: {secretKeyRef: {name: {{ .Values.registry.existingSecret }}, key: {{ .Values.registry.passwordKey }}}}
  {{- end }}
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  - {name: EXCHANGE_HOME, value: /var/lib/exchange}
volumeMounts:
  - {name: home, mountPath: /var/lib/exchange}
  - {name: tmp, mountPath: /tmp}
  {{- if .Values.kafka.caSecret }}
  - {name: ca, mountPath: /etc/exchange/ca, readOnly: true}
  {{- end }}
{{- end }}

{{- define "exchange.volumes" -}}
volumes:
  - {name: home, emptyDir: {}}
  - {name: tmp, emptyDir: {}}
  {{- if .Values.kafka.caSecret }}
  - name: ca
    secret: {secretName: {{ .Values.kafka.caSecret }}, items: [{key: {{ .Values.kafka.caKey }}, path: ca.pem}]}
  {{- end }}
{{- end }}

{{- define "exchange.placing" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "exchange.config" -}}
EXCHANGE_BOOTSTRAP_SERVERS: {{ .Values.kafka.bootstrapServers | quote }}
EXCHANGE_SECURITY_PROTOCOL: {{ .Values.kafka.securityProtocol }}
{{- if hasPrefix "SASL" .Values.kafka.securityProtocol }}
EXCHANGE_SASL_MECHANISM: {{ .Values.kafka.saslMechanism }}
EXCHANGE_SASL_PLAIN_USERNAME: {{ .Values.kafka.username | quote }}
{{- end }}
{{- if .Values.kafka.caSecret }}
EXCHANGE_SSL_CAFILE: /etc/exchange/ca/ca.pem
{{- end }}
EXCHANGE_DEPLOYMENT: {{ .Values.deployment | quote }}
EXCHANGE_PARTITIONS: {{ .Values.partitions | quote }}
EXCHANGE_REPLICATION: {{ .Values.replication | quote }}
EXCHANGE_GENERATION: {{ .Values.generation | quote }}
EXCHANGE_AUTHORITIES: {{ .Values.authorities | quote }}
EXCHANGE_PROFILES: {{ .Values.profiles | quote }}
{{- with .Values.registry.url }}
EXCHANGE_REGISTRY_URL: {{ . | quote }}
EXCHANGE_FRAMING: {{ $.Values.registry.framing }}
{{- with $.Values.registry.username }}
EXCHANGE_REGISTRY_USERNAME: {{ . | quote }}
{{- end }}
{{- end }}
EXCHANGE_LOG_FORMAT: json
EXCHANGE_LOG_LEVEL: {{ .Values.logLevel }}
{{- if .Values.tracing.enabled }}
EXCHANGE_TRACING: otlp
OTEL_EXPORTER_OTLP_ENDPOINT: {{ .Values.tracing.endpoint | quote }}
{{- end }}
EXCHANGE_METRICS_PORT: "9101"
EXCHANGE_METRICS_HOST: 0.0.0.0
{{- end }}
