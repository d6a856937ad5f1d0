"""Files that multiply, that are no text, or that are in odd encodings end as findings, in whatever file they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from blueprint.charts import CHARTS, ENVIRONMENTS, FOLDER, STACK, values_file
from tests.real_faults import CI, COMPOSE, DOCS
from tests.verifying import verify

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 12)
)
"""Nine to the power of twelve values in a few hundred characters."""
BESIDE = {
    f"{FOLDER}/{STACK}/templates/a.yaml": b"kind: ConfigMap\napiVersion: v1\nmetadata: {name: a}\n",
    f"{FOLDER}/{STACK}/templates/_a.tpl": b"{{ define",
    "docs/technical-manual/infrastructure.md": b"---\ntitle: a\n---\n",
    "common/config/settings.py": b"class A: pass\n",
}
WHERE = (
    *(COMPOSE, CI, DOCS, ".github/workflows/release.yml", "mkdocs.yml", "infra/policy/a.yaml"),
    *(f"{FOLDER}/{chart}/{name}" for chart in CHARTS for name in ("Chart.yaml", "values.yaml", "Chart.lock")),
    *map(values_file, ENVIRONMENTS),
)


@pytest.mark.parametrize(
    ("content", "everywhere"),
    [
        (LAUGHS.encode(), False),
        (bytes(range(256)) * 64, True),
        ("a: 1\nname: é\n".encode("utf-16"), True),
        (b"a: \xe9\xff\n", True),
        (b"[" * 20_000, False),
        (b"", True),
    ],
    ids=["aliases that multiply", "bytes", "UTF-16", "Latin", "brackets", "nothing"],
)
def test_the_static_tier_ends_with_findings(content: bytes, everywhere: bool, tmp_path: Path) -> None:
    for name in (*WHERE, *(BESIDE if everywhere else ())):
        path = tmp_path / "subject" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for name, text in BESIDE.items() if not everywhere else ():
        (tmp_path / "subject" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "subject" / name).write_bytes(text)
    verified = verify(tmp_path / "out", "--tier=static", f"--subject={tmp_path / 'subject'}")
    assert verified.exit_code == 1
    cases = verified.cases("static")
    crashed = {key: case["message"] for key, case in cases.items() if case["verdict"] == "error"}
    assert not {key: said for key, said in crashed.items() if not key[0].startswith("CHG-")}, verified.output[-3000:]
    assert cases["CMP-001", "whole"]["findings"][0]["file"] == COMPOSE
    assert "Traceback" not in verified.output
