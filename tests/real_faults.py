"""Small trees with the kinds of faults that people really made, as many at once as do not hide each other."""

from __future__ import annotations

from blueprint.charts import FOLDER, INFRA, STACK

COMPOSE = "infra/docker-compose.somaagent01.yaml"
STRAY = "docker-compose.yaml"
CI, DOCS = ".github/workflows/ci.yml", ".github/workflows/docs-quality.yml"
RELEASE = ".github/workflows/release.yml"
RUNBOOKS = "docs/development-manual/runbooks.md"
LATER = f"{FOLDER}/{STACK}/templates/left-over.yaml"
FIRST, NEWER = "0.1.0", "0.2.0"
"""What came after the first commit, and the versions of charts before and after it, where they were raised."""
_COMPOSE = """\
---
x-waits: &waits {depends_on: [qdrant]}
services:
  gateway:
    image: example/gateway:latest
    profiles: [default]
    depends_on: [kafka]
    container_name: gateway
    ports: ["127.0.0.1:8010:8010"]
    environment: {REDIS_URL: "redis://redis:6379/0"}
    volumes: ["./nowhere.yaml:/a:ro"]
    env_file: [gone.env, private.env]
    healthcheck: {test: "true"}
  ui: {image: "example/ui:1.0", profiles: [default]}
  worker: {<<: *waits, image: "example/worker:1.0", profiles: [default]}
  helper: {image: "example/helper:1.0", depends_on: [qdrant]}
  qdrant: {image: "example/qdrant:1.0", profiles: [vectorstore], networks: [elsewhere]}
  kafka:
    image: example/kafka:1.0
    profiles: [kafka]
    environment:
      KAFKA_NODE_ID: "1"
      KAFKA_LISTENERS: "A://:9092"
      KAFKA_MESSAGE_MAX_BYTES: 3000000000
      API_KEY: "${API_KEY:-sk-0123456789abcdef01}"
  ui: {image: "example/ui:2.0"}
volumes:
  cache: {image: "example/cache:1.0"}
networks:
  elsewhere: {external: true}
"""
_STRAY = """\
---
services:
  gateway: {image: "example/gateway:1.0", container_name: gateway, ports: ["8010:8010"]}
"""
_ETCD = """\
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: etcd}
spec:
  serviceName: etcd
  selector: {matchLabels: {app.kubernetes.io/name: etcd}}
  template:
    metadata: {labels: {app.kubernetes.io/name: etcd}}
    spec:
      containers:
        - name: etcd
          image: example/etcd:1.0
          args: [--listen-client-urls=http://127.0.0.1:2379]
          ports: [{containerPort: 2379}]
      volumes: [{name: data, emptyDir: {}}]
---
apiVersion: v1
kind: Service
metadata: {name: etcd}
spec: {selector: {app.kubernetes.io/name: etcd}, ports: [{port: 2379}]}
"""
_TWO = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
apiVersion: v1
kind: ConfigMap
metadata: {name: b}
"""
_VALUES = """\
---
infra:
  kafka: {replicas: 3}
stack:
  password: hunter2hunter2
  key: |
    -----BEGIN PRIVATE KEY-----
    MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7
    -----END PRIVATE KEY-----
"""
_CI = """\
---
name: ci
'on': {push: {branches: [develop]}}
jobs:
  lint:
    runs-on: ubuntu-24.04
    steps:
      - name: Run the tests with pytest
        run: echo done
      - run: helm lint infra/helm/gone
"""
_RUNBOOKS = """\
# Runbooks

See [the plan](plan.md), and type:

```bash
python scripts/gone.py
```
"""
_KAFKA = """\
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: kafka}
spec:
  replicas: 1
  serviceName: kafka
  selector: {matchLabels: {app.kubernetes.io/name: kafka}}
  template:
    metadata: {labels: {app.kubernetes.io/name: kafka}}
    spec:
      containers: [{name: kafka, image: "example/kafka:1.0"}]
"""
_SWITCHED = "dependencies:\n  - {name: jobs, version: 1.0.0, condition: jobs.enabled}\n"
_DEPENDENCIES = "dependencies:\n  - {name: redis, version: 1.0.0, repository: 'https://example.invalid'}\n"
_DOCS = """\
---
name: docs
'on': push
jobs:
  a: {runs-on: x, steps: [{run: x}]}
b: {runs-on: x, steps: [{run: x}]}
"""


def chart(name: str, version: str = FIRST) -> str:
    """The Chart.yaml of one of them."""
    return f"apiVersion: v2\nname: {name}\nversion: {version}\nappVersion: {version}\n"


def workload(module: str, *env: tuple[str, str]) -> str:
    """The gateway's Deployment, which runs a module under an environment."""
    rows = "".join(f"            - {{name: {name}, value: {value}}}\n" for name, value in env)
    return f"""\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: gateway}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app.kubernetes.io/name: gateway}}}}
  template:
    metadata: {{labels: {{app.kubernetes.io/name: gateway}}}}
    spec:
      containers:
        - name: gateway
          image: example/gateway:1.0
          command: [python, -m, {module}]
          env:
{rows}"""


def scaler(name: str) -> str:
    """What scales a Deployment."""
    return f"""\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{name: {name}}}
spec: {{maxReplicas: 3, scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: {name}}}}}
"""


def budget(name: str) -> str:
    """What keeps pods from being disrupted all at once."""
    return f"""\
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{name: {name}}}
spec: {{maxUnavailable: 1, selector: {{matchLabels: {{app.kubernetes.io/name: {name}}}}}}}
"""


def asking(url: str, name: str = "test") -> str:
    """A test pod of a chart, which asks for an address."""
    return f"""\
apiVersion: v1
kind: Pod
metadata: {{name: {name}, annotations: {{helm.sh/hook: test}}}}
spec: {{containers: [{{name: test, image: "example/test:1.0", command: [wget, "{url}"]}}]}}
"""


def backup(schedule: str, name: str = "redis-backup") -> str:
    """A job that backs a store up."""
    return f"""\
apiVersion: batch/v1
kind: CronJob
metadata: {{name: {name}}}
spec:
  schedule: "{schedule}"
  jobTemplate:
    spec:
      activeDeadlineSeconds: 60
      template: {{spec: {{restartPolicy: Never, containers: [{{name: backup, image: "example/backup:1.0"}}]}}}}
"""


READ = {
    ".gitignore": "infra/private.env\n",
    "infra/private.env": "A=1\n",
    "services/gateway/main.py": "app = None\n",
    COMPOSE: _COMPOSE,
    STRAY: _STRAY,
    f"{FOLDER}/{INFRA}/Chart.yaml": chart(INFRA),
    f"{FOLDER}/{INFRA}/values.yaml": "infra: {}\n",
    f"{FOLDER}/{INFRA}/templates/etcd.yaml": _ETCD,
    f"{FOLDER}/{INFRA}/templates/kafka.yaml": _KAFKA,
    f"{FOLDER}/{INFRA}/templates/backup.yaml": backup("0 * * * *"),
    f"{FOLDER}/{STACK}/Chart.yaml": chart(STACK) + _SWITCHED,
    f"{FOLDER}/{STACK}/charts/jobs/Chart.yaml": chart("jobs"),
    f"{FOLDER}/{STACK}/values.yaml": "stack: {}\njobs: {enabled: true}\n",
    f"{FOLDER}/{STACK}/templates/test.yaml": asking("http://gone:8010/health"),
    f"{FOLDER}/{STACK}/templates/gateway.yaml": workload(
        "services.nowhere.main", ("SA01_SA01_ENVIRONMENT", "dev"), ("REDIS_URL", '"redis://cache:6379/0"')
    ),
    LATER: f"{scaler('gone')}---\n{budget('gone')}",
    f"{FOLDER}/{STACK}/templates/two.yaml": _TWO,
    f"{FOLDER}/values-prod.yaml": _VALUES,
    f"{FOLDER}/values-dev.yaml": "---\nstack: {}\n",
    f"{FOLDER}/values-staging.yaml": "---\nstack: {}\n",
    CI: _CI,
    DOCS: "---\nname: docs: quality\n'on': push\n",
    RUNBOOKS: _RUNBOOKS,
}
"""A tree whose files can be read, most of them."""
UNREAD = {
    COMPOSE: "services:\n\ta: {image: x}\n",
    f"{FOLDER}/{INFRA}/Chart.yaml": chart(INFRA),
    f"{FOLDER}/{INFRA}/templates/a.yaml": '{{ include "infra.nowhere" . }}\n',
    f"{FOLDER}/{STACK}/Chart.yaml": chart(STACK) + _DEPENDENCIES,
    f"{FOLDER}/{STACK}/Chart.lock": "dependencies:\n  - {name: kafka, version: 2.0.0}\n",
    f"{FOLDER}/{STACK}/charts/jobs/Chart.yaml": chart("jobs"),
    RELEASE: "---\nname: ci\n'on': push\njobs: {}\n---\nname: other\n'on': push\njobs: {}\n",
    DOCS: _DOCS,
}
"""A tree in which much cannot be read, and the pipeline is gone."""
