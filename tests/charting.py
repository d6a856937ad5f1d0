"""Charts as rules are given them, made of rendered text, with one thing wrong where a test wants it."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import dedent, indent

from blueprint.charts import CHARTS, ENVIRONMENTS, FOLDER, INFRA, NONE, STACK, Charts, Render
from blueprint.documents import Document

ALL = (*ENVIRONMENTS, NONE)
CONTAINER = """\
name: {name}
image: example/{name}:1.0
ports: [{{containerPort: {port}}}]
securityContext: {{allowPrivilegeEscalation: false, readOnlyRootFilesystem: true}}
readinessProbe: {{httpGet: {{path: /ready, port: {port}}}}}
livenessProbe: {{httpGet: {{path: /live, port: {port}}}}}
resources: {{requests: {{cpu: 1m, memory: 1Mi}}, limits: {{cpu: 1m, memory: 1Mi}}}}
"""


def component(name: str, port: int, *, more: str = "", spec: str = "", kind: str = "Deployment") -> str:
    """A workload and its Service, as a chart would render them.

    Args:
        name: of both.
        port: of both.
        more: YAML that is added to the container.
        spec: YAML that is added to the pod's spec.
        kind: of the workload.
    """
    container = indent(CONTAINER.format(name=name, port=port) + dedent(more), " " * 10).strip()
    head = dedent(f"""\
        ---
        # Source: chart/templates/{name}/workload.yaml
        apiVersion: apps/v1
        kind: {kind}
        metadata:
          name: {name}
        spec:
          replicas: 1
          selector: {{matchLabels: {{app.kubernetes.io/name: {name}}}}}
          template:
            metadata:
              labels: {{app.kubernetes.io/name: {name}}}
              annotations: {{hash: none}}
            spec:
              securityContext: {{runAsNonRoot: true, runAsUser: 1000}}
        """)
    tail = dedent(f"""\
        ---
        # Source: chart/templates/{name}/service.yaml
        apiVersion: v1
        kind: Service
        metadata:
          name: {name}
        spec:
          selector: {{app.kubernetes.io/name: {name}}}
          ports: [{{port: {port}}}]
        """)
    return f"{head}{indent(dedent(spec), ' ' * 6)}      containers:\n        - {container}\n{tail}"


def charts(
    infra: str | Mapping[str, str] = "",
    stack: str | Mapping[str, str] = "",
    texts: Mapping[str, str] | None = None,
    nudged: Mapping[str, str] | None = None,
) -> Charts:
    """Both charts, rendered alike with all values where a text is given, or with each its own."""
    given = {INFRA: infra, STACK: stack}
    renders = tuple(
        Render(chart, values, 0, text if isinstance(text := given[chart], str) else text[values], "")
        for chart in CHARTS
        for values in ALL
    )
    files = {f"{FOLDER}/{chart}/Chart.yaml": f"name: {chart}\n" for chart in CHARTS} | dict(texts or {})
    documents = {path: Document(path, text) for path, text in files.items()}
    lints = {(chart, values): (0, "") for chart in CHARTS for values in ALL}
    changed = {chart: Render(chart, NONE, 0, text, "") for chart, text in (nudged or {}).items()}
    return Charts(documents, renders, lints, nudged=changed)
