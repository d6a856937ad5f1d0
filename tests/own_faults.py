"""Kinds of faults that people really made, seeded in a copy of our own tree, many at once.

Where a row of breakages.toml seeds a kind, it is not repeated here.
"""

from __future__ import annotations

import json
from pathlib import Path

from blueprint.charts import FOLDER, INFRA, STACK
from tests.breakages import edited_copy, tree
from tests.real_faults import CI, COMPOSE, DOCS, RELEASE, RUNBOOKS, STRAY, asking, backup, budget

NIGHTLY = ".github/workflows/nightly.yml"
EXTRA = f"{FOLDER}/values-local.yaml"
WEB, BACKUP = f"{FOLDER}/{STACK}/templates/web.yaml", f"{FOLDER}/{INFRA}/templates/hourly.yaml"
_SERVICES = """\

services:
  stray:
    image: example/stray:1.0
    container_name: stray
    depends_on: [qdrant]
    environment: {CACHE_URL: "redis://cache:6379/0"}
    env_file: [private.env]
    networks: [elsewhere]
  broker:
    image: example/kafka:1.0
    profiles: [kafka]
    environment: {KAFKA_NODE_ID: "1", KAFKA_LISTENERS: "A://:9092", KAFKA_MESSAGE_MAX_BYTES: 3000000000}
  tool_executor: {image: "example/tools:1.0"}
"""
_WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app.kubernetes.io/name: web}}
  template:
    metadata: {labels: {app.kubernetes.io/name: web}}
    spec:
      containers: [{name: web, image: "example/web:1.0", command: [python, -m, services.web.main]}]
"""
_VALUES = """\
---
token: {password: correct-horse-battery}
key: |
  -----BEGIN PRIVATE KEY-----
  MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7
  -----END PRIVATE KEY-----
"""
_DEPENDENCY = "dependencies:\n  - {name: jobs, version: 1.0.0, condition: stack.ui.enabled}\n"
_STEP = """\
      - name: Run the tests
        run: echo done
      - name: Prove the prover
"""
_PREFIX = ("SA01_LOG_LEVEL:", "SA01_SA01_LOG_LEVEL:")
_CHART = "apiVersion: v2\nname: jobs\nversion: 1.0.0\nappVersion: 1.0.0\n"

WRITTEN = {
    STRAY: "---\nservices:\n  other: {image: 'example/other:1.0', container_name: stray}\n",
    "infra/private.env": "A=1\n",
    WEB: "---\n".join((_WEB, budget("gone"), asking("http://gone:8010/health", "gone-test"))),
    BACKUP: backup("0 * * * *", "redis-backup-hourly"),
    EXTRA: _VALUES,
    f"{FOLDER}/{STACK}/charts/jobs/Chart.yaml": _CHART,
    NIGHTLY: "---\nname: a\n'on': push\njobs: {}\nb: {runs-on: x, steps: [{run: x}]}\n",
}
CHANGED = {
    COMPOSE: (
        ("\nservices:\n", _SERVICES),
        ("\nvolumes:\n", "\nnetworks:\n  elsewhere: {external: true}\n\nvolumes:\n"),
    ),
    f"{FOLDER}/{STACK}/templates/_pods.tpl": (_PREFIX,),
    CI: (("      - name: Prove the prover\n", _STEP),),
}
APPENDED = {
    ".gitignore": "infra/private.env\n",
    f"{FOLDER}/{STACK}/Chart.yaml": _DEPENDENCY,
    DOCS: "---\nname: other\n'on': push\njobs: {}\n",
    RUNBOOKS: "\n```bash\npython scripts/gone.py\n```\n",
}


def copy_of_ours(folder: Path) -> Path:
    """This checkout, linked into a folder, with none of its history."""
    edited_copy(tree(), (), folder)
    (folder / ".git").unlink()
    return folder


def seed(folder: Path) -> None:
    """Put the faults into such a copy; what is changed is no longer a link to our file."""
    (folder / RELEASE).unlink()
    for name, text in WRITTEN.items():
        _write(folder / name, text)
    for name, edits in CHANGED.items():
        text = (folder / name).read_text(encoding="utf-8")
        for find, put in edits:
            assert text.count(find) == 1, (name, find)
            text = text.replace(find, put)
        _write(folder / name, text)
    schema = folder / FOLDER / STACK / "values.schema.json"
    allowing = json.loads(schema.read_text(encoding="utf-8"))
    allowing["properties"]["jobs"] = {"type": "object"}  # else helm gives the chart no dependency of that name
    _write(schema, json.dumps(allowing))
    for name, more in APPENDED.items():
        _write(folder / name, (folder / name).read_text(encoding="utf-8") + more)


def _write(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
