"""A foreign tree of the size of real ones, for the bench: 1,600 files, 100 YAML files, 60 templates."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

from blueprint.charts import CHARTS, FOLDER

FILES, YAML_FILES, TEMPLATES, PAGES, WORKFLOWS = 1600, 100, 60, 120, 12
COMPOSE = "infra/docker-compose.somaagent01.yaml"
VALUES = {
    "dev": f"{FOLDER}/values.development.yaml",
    "staging": f"{FOLDER}/values_stage.yml",
    "prod": f"{FOLDER}/environments/production/values.yaml",
}
"""The values of each environment, each named in another dialect."""
_TEMPLATE = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec:
      containers:
      - name: NAME
        image: '{{ .Values.image.repository }}:latest'
        ports: [{containerPort: {{ .Values.NAME.port }}}]
---
apiVersion: v1
kind: Service
metadata: {name: NAME}
spec: {selector: {app: NAME}, ports: [{port: 8000}]}
"""
_WORKFLOW = """\
name: NAME
on: push
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
    - run: python scripts/NAME.py
    - uses: actions/checkout@v4
"""
_PAGE = """\
# Page NAME

See [other](../pNEXT/page.md) and `python services/mNAME/gone.py`.

```bash
docker compose up svcNAME
make x
```
"""


def build(root: Path, compose: str) -> Path:
    """Write the tree, with a Compose file of ours or of whomever, and return its root."""
    written = dict(_texts(compose))
    rest = (f"services/m{number % 40}/f{number}.py" for number in count())
    while len(written) < FILES:
        written[next(rest)] = "x = 1\n" * 80
    for name, text in written.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def _texts(compose: str) -> Iterator[tuple[str, str]]:
    yield COMPOSE, compose
    each = TEMPLATES // len(CHARTS)
    for chart in CHARTS:
        yield f"{FOLDER}/{chart}/Chart.yaml", f"apiVersion: v2\nname: {chart}\nversion: 0.3.1\n"
        ports = "".join(f"svc{number}: {{port: {8000 + number}}}\n" for number in range(each))
        yield f"{FOLDER}/{chart}/values.yaml", f"replicas: 1\nimage: {{repository: soma/x}}\n{ports}"
        for number in range(each):
            yield f"{FOLDER}/{chart}/templates/svc{number}.yaml", _TEMPLATE.replace("NAME", f"svc{number}")
    yield from ((path, "replicas: 2\n") for path in VALUES.values())
    for number in range(WORKFLOWS):
        yield f".github/workflows/w{number}.yml", _WORKFLOW.replace("NAME", f"w{number}")
    yield ".github/workflows/broken.yml", "name: a: b: c\njobs:\n"
    settings = "a: 1\n" + "".join(f"k{number}: {{x: {number}, y: [1, 2, 3]}}\n" for number in range(60))
    others = 1 + 2 * len(CHARTS) + len(VALUES) + WORKFLOWS + 1
    yield from ((f"infra/config/c{number}.yaml", settings) for number in range(YAML_FILES - others))
    for number in range(PAGES):
        page = _PAGE.replace("NAME", str(number)).replace("NEXT", str((number + 1) % PAGES))
        yield f"docs/p{number}/page.md", page * 6
