"""What actionlint says of the workflows: nothing of ours, and of broken ones as much as our rules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from blueprint.documents import Document
from blueprint.rules.workflows import PATTERNS, idle_workflows
from blueprint.workflows import CI, read_workflow
from provision.processes import run
from provision.tools import tool
from tests.breakages import ROOT

GOOD = (Path(__file__).parents[1] / "samples" / "workflows" / "good.yml").read_text(encoding="utf-8")


def complaints(*paths: Path) -> list[str]:
    """Line and words of each complaint; of shell and Python texts actionlint is not asked."""
    options = ("-no-color", "-shellcheck=", "-pyflakes=", "-format", "{{json .}}")
    told = json.loads(run([tool("actionlint").path, *options, *paths], cwd=ROOT, check=False).stdout)
    return [f"{each['filepath']}:{each['line']}: {each['message']}" for each in told]


def test_actionlint_has_nothing_to_say_of_our_workflows() -> None:
    paths = [path for pattern in PATTERNS for path in sorted(ROOT.glob(pattern))]
    assert len(paths) >= 3
    assert complaints(*paths) == []


@pytest.mark.parametrize(
    ("find", "put"),
    [
        ("name: Test\n", "name: Test: all\n"),
        ("  gate:\n", "gate:\n"),
        ("    needs: test\n", "    need: test\n"),
        ("  pull_request:\n", "  pull_requests:\n"),
        ("name: good\n", "name: good\nname: again\n"),
        ("    runs-on: ubuntu-24.04\n    steps:\n      - run: test", "    steps:\n      - run: test"),
    ],
)
def test_what_is_no_workflow_to_us_is_none_to_actionlint(tmp_path: Path, find: str, put: str) -> None:
    assert GOOD.count(find) == 1
    broken = GOOD.replace(find, put)
    (tmp_path / "ci.yml").write_text(broken)
    assert complaints(tmp_path / "ci.yml")
    assert idle_workflows([read_workflow(Document(CI, broken))], "main", [CI]).found
