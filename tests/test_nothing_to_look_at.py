"""Where there is nothing to look at, no clause of the static tier passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from blueprint.catalogue import read_catalogue
from blueprint.charts import CHARTS, ENVIRONMENTS, FOLDER, values_file
from tests.verifying import verify

COMPOSE = "infra/docker-compose.somaagent01.yaml"
THERE = frozenset({"CFG-004", "CFG-009", "CHG-004", "DOC-003", "DOC-004", "DOC-005", "HLM-001"})
"""What the thin tree does have: clean YAML without a credential, pages, and two Chart.yaml that agree with all else."""
HISTORY = "CHG-"
"""The chapter that reads the history, which neither tree has: an error that says so."""


def thin() -> dict[str, str]:
    """A tree with each file that a clause looks for, and nothing in any."""
    texts = {COMPOSE: "---\nservices: {}\n", "infra/policy/soma.rego": "", "common/config/settings.py": ""}
    for chart, own in CHARTS.items():
        head = f"---\napiVersion: v2\nname: {chart}\nversion: 0.1.0\nappVersion: 0.1.0\n"
        texts |= {f"{FOLDER}/{chart}/Chart.yaml": head, f"{FOLDER}/{chart}/values.yaml": f"---\n{own}: {{}}\n"}
        texts[f"{FOLDER}/{chart}/values.schema.json"] = "{}"
    texts |= {values_file(each): "---\ninfra: {}\nstack: {}\n" for each in ENVIRONMENTS}
    for name in ("ci", "docs-quality", "release"):
        texts[f".github/workflows/{name}.yml"] = f"---\nname: {name}\n'on': [push]\njobs: {{}}\n"
    pages = ("technical-manual/infrastructure", "development-manual/runbooks", "changelog", "index")
    texts |= {f"docs/{page}.md": f"# {page}\n" for page in pages}
    return texts | {"mkdocs.yml": "", "scripts/smoke_test.py": ""}


@pytest.mark.parametrize(("texts", "there"), [({}, frozenset()), (thin(), THERE)], ids=["empty", "thin"])
def test_nothing_passes_where_there_is_nothing(texts: dict[str, str], there: frozenset[str], tmp_path: Path) -> None:
    subject = tmp_path / "subject"
    subject.mkdir()
    for name, text in texts.items():
        (subject / name).parent.mkdir(parents=True, exist_ok=True)
        (subject / name).write_text(text, encoding="utf-8")
    verified = verify(tmp_path / "out", "--tier=static", f"--subject={subject}")
    verdicts = verified.verdicts("static")
    static = {clause.id for clause in read_catalogue() if "static" in clause.tiers}
    assert {clause for clause, _ in verdicts} == static
    passed = {clause for (clause, _), verdict in verdicts.items() if verdict in {"pass", "pass_stand_in"}}
    assert passed <= there, verified.output[-3000:]
    errors = {clause for (clause, _), verdict in verdicts.items() if verdict == "error"}
    crashed = {clause for clause in errors if not clause.startswith(HISTORY)}
    assert not crashed, verified.output[-3000:]
    assert verified.exit_code == 1
