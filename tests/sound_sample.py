"""A small tree in which whatever is wrong in those of tests/real_faults.py is right."""

from __future__ import annotations

from blueprint.charts import ENVIRONMENTS, FOLDER, INFRA, STACK, values_file
from tests.real_faults import (
    CI,
    COMPOSE,
    DOCS,
    NEWER,
    RELEASE,
    RUNBOOKS,
    STRAY,
    asking,
    backup,
    budget,
    chart,
    scaler,
    workload,
)

_COMPOSE = """\
---
x-checked: &checked {test: [CMD, wget, "-q", "http://127.0.0.1:8010/health"]}
x-waits: &waits {depends_on: {qdrant: {condition: service_started, required: false}}}
services:
  gateway:
    image: example/gateway:1.0
    profiles: [default]
    depends_on: {kafka: {condition: service_started, required: false}}
    ports: ["127.0.0.1:8010:8010"]
    environment: {UI_URL: "http://ui:80"}
    volumes: ["./there.yaml:/a:ro"]
    env_file: [there.env]
    healthcheck: *checked
  ui: {image: "example/ui:1.0", profiles: [default], healthcheck: *checked}
  worker: {<<: *waits, image: "example/worker:1.0", profiles: [default], healthcheck: *checked}
  helper: {<<: *waits, image: "example/helper:1.0", healthcheck: *checked}
  qdrant: {image: "example/qdrant:1.0", profiles: [vectorstore], networks: [inside], healthcheck: *checked}
  kafka:
    image: example/kafka:1.0
    profiles: [kafka]
    healthcheck: *checked
    environment:
      KAFKA_NODE_ID: "1"
      KAFKA_LISTENERS: "A://:9092"
      KAFKA_MESSAGE_MAX_BYTES: 1000000
      KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: "1"
      KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: "1"
      KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: "1"
      API_KEY: "${API_KEY:?}"
volumes:
  cache: {}
networks:
  inside: {}
"""
_STORE = """\
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  serviceName: {name}
  selector: {{matchLabels: {{app.kubernetes.io/name: {name}}}}}
  template:
    metadata: {{labels: {{app.kubernetes.io/name: {name}}}}}
    spec:
      containers:
        - name: {name}
          image: example/{name}:1.0
          args: ["--listen-client-urls=http://0.0.0.0:{port}"]
          ports: [{{containerPort: {port}}}]
          volumeMounts: [{{name: data, mountPath: /data}}]
      volumes: [{{name: data, emptyDir: {{}}}}]
---
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec: {{selector: {{app.kubernetes.io/name: {name}}}, ports: [{{port: {port}}}]}}
"""
_NAMED = """\
{{ define "infra.there" }}there{{ end -}}
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ include "infra.there" . }}}
"""
_TWO = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: b}
"""
_CI = """\
---
name: ci
'on': {push: {branches: [main]}, pull_request: null}
jobs:
  lint:
    runs-on: ubuntu-24.04
    steps:
      - name: Run the tests with pytest
        run: pytest services
      - run: helm lint infra/helm/soma-infra
"""
_OTHER = """\
---
name: docs
'on': {push: {branches: [main]}, pull_request: null}
jobs:
  a: {runs-on: ubuntu-24.04, steps: [{run: make}]}
  b: {runs-on: ubuntu-24.04, steps: [{run: make}]}
"""
_RUNBOOKS = """\
# Runbooks

See [the plan](plan.md), and type:

```bash
python services/gateway/main.py
```
"""
_SETTINGS = """\
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="SA01_")
    environment: str = "dev"
    redis_url: str = ""
"""
_JOBS = (
    "dependencies:\n  - {name: jobs, version: 0.1.0, repository: 'https://example.invalid', condition: jobs.enabled}\n"
)
_VALUES = "---\ninfra:\n  kafka: {replicas: 1}\nstack:\n  password: {existingSecret: gateway}\n"
_ASKS = "{{ .Values.stack.password.existingSecret | quote }}"

SOUND = {
    "infra/there.env": "A=1\n",
    "infra/there.yaml": "---\na: 1\n",
    "services/gateway/main.py": "app = None\n",
    "common/config/settings.py": _SETTINGS,
    "docs/development-manual/plan.md": "# Plan\n",
    "Makefile": "make:\n\ttrue\n",
    COMPOSE: _COMPOSE,
    STRAY: "---\nservices:\n  other: {image: 'example/other:1.0', container_name: other, ports: ['8011:8011']}\n",
    f"{FOLDER}/{INFRA}/Chart.yaml": chart(INFRA),
    f"{FOLDER}/{INFRA}/values.yaml": "infra: {kafka: {replicas: 1}}\n",
    f"{FOLDER}/{INFRA}/templates/a.yaml": _NAMED,
    f"{FOLDER}/{INFRA}/templates/etcd.yaml": _STORE.format(name="etcd", port=2379, replicas=1),
    f"{FOLDER}/{INFRA}/templates/redis.yaml": _STORE.format(name="redis", port=6379, replicas=1),
    f"{FOLDER}/{INFRA}/templates/kafka.yaml": _STORE.format(
        name="kafka", port=9092, replicas="{{ .Values.infra.kafka.replicas }}"
    ),
    f"{FOLDER}/{INFRA}/templates/backup.yaml": backup("*/5 * * * *"),
    f"{FOLDER}/{STACK}/Chart.yaml": chart(STACK, NEWER) + _JOBS,
    f"{FOLDER}/{STACK}/Chart.lock": "dependencies:\n  - {name: jobs, version: 0.1.0}\n",
    f"{FOLDER}/{STACK}/charts/jobs/Chart.yaml": chart("jobs"),
    f"{FOLDER}/{STACK}/charts/jobs/templates/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n",
    f"{FOLDER}/{STACK}/values.yaml": "stack: {password: {existingSecret: ''}}\njobs: {enabled: true}\n",
    f"{FOLDER}/{STACK}/templates/gateway.yaml": workload(
        "services.gateway.main", ("SA01_ENVIRONMENT", "dev"), ("SA01_REDIS_URL", '"redis://redis:6379/0"')
    ),
    f"{FOLDER}/{STACK}/templates/test.yaml": asking("http://redis:6379/health"),
    f"{FOLDER}/{STACK}/templates/left-over.yaml": f"{scaler('gateway')}---\n{budget('gateway')}",
    f"{FOLDER}/{STACK}/templates/two.yaml": f"{_TWO}data: {{secret: {_ASKS}}}\n",
    **dict.fromkeys(map(values_file, ENVIRONMENTS), _VALUES),
    CI: _CI,
    DOCS: _OTHER,
    RELEASE: _OTHER.replace("docs", "release"),
    RUNBOOKS: _RUNBOOKS,
}
