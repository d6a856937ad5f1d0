"""Small trees with a catalogue, exemptions and proofs, and verify sessions over them."""

# ruff: noqa: D102 - what these short methods do is what they are named

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import hypothesis  # noqa: F401 - imported once out here, not again in each inner session
import pytest

from blueprint import catalogue, exemptions

CLAUSE = """
[[clause]]
id = "{id}"
section = "1"
statement = "A thing holds."
level = "{level}"
{tiers}
{cases}
why = "Else it does not."
remedy = "Make it hold."
"""
HEAD = """
from __future__ import annotations
import pytest
from blueprint.evidence import Finding, Findings, Place
from blueprint.trouble import Trouble
from worlds.lost import WorldLost

ALL = ("a", "b")
GOOD = Findings.of(ALL, ALL, (), "2 of 2")
BAD = Findings.of(ALL, ALL, [Finding("it is wrong", Place("file.yaml", 3), "mend it")])
"""
PASSING = """
@pytest.mark.proves("TST-001")
def test_one(recorder, conclude):
    recorder.look("thing", None, lambda: 1)
    conclude(GOOD)
"""
FAILING = PASSING.replace("GOOD", "BAD")
Rows = Mapping[str, tuple[str, tuple[str, ...], tuple[str, ...]]]
ONE: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {"TST-001": ("must", ("static",), ())}


CONFTEST = """
from pathlib import Path
from blueprint import catalogue, exemptions

catalogue.CHAPTERS = Path(__file__).parent / "chapters"
exemptions.EXEMPTIONS = Path(__file__).parent / "exemptions.toml"
pytest_plugins = ["fixtures.options", "fixtures.judging"]
"""


@dataclass
class Session:
    """What a session left."""

    status: int
    text: str
    out: Path

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.out / "verdicts.json").read_text())
        return document

    @property
    def summary(self) -> dict[str, Any]:
        summary: dict[str, Any] = self.document["summary"]
        return summary

    def case(self, clause: str = "TST-001", tier: str = "static", case: str = "whole") -> dict[str, Any]:
        found: dict[str, Any] = self.document["clauses"][clause][tier]["cases"][case]
        return found

    def verdict(self, clause: str = "TST-001", tier: str = "static", case: str = "whole") -> str:
        return str(self.case(clause, tier, case)["verdict"])


class Verify:
    """A small tree with a catalogue, exemptions and proofs, and sessions over it."""

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pytester = pytester
        self.root = pytester.path
        (self.root / "chapters").mkdir()
        for module, name in ((catalogue, "CHAPTERS"), (exemptions, "EXEMPTIONS")):
            monkeypatch.setattr(module, name, getattr(module, name))  # the inner conftest sets them, this puts back
        page = ModuleType("reports.page")
        vars(page)["render"] = render_nothing
        monkeypatch.setitem(sys.modules, "reports.page", page)
        monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
        pytester.makeconftest(CONFTEST)
        self.clauses(ONE)

    def clauses(self, rows: Rows, more: str = "") -> None:
        text = '[chapter]\nid = "TST"\ntitle = "Test"\norder = 1\n'
        for name, (level, tiers, cases) in rows.items():
            text += CLAUSE.format(
                id=name,
                level=level,
                tiers=f"tiers = {list(tiers)}" if tiers else "",
                cases=f"cases = {list(cases)}" if cases else "",
            )
        (self.root / "chapters" / "tst.toml").write_text(text + more)

    def exempt(self, **fields: str) -> None:
        lines = [f"{name} = {value if name == 'until' else json.dumps(value)}" for name, value in fields.items()]
        with (self.root / "exemptions.toml").open("a") as file:
            file.write("\n".join(["[[exemption]]", *lines, ""]))

    def proofs(self, source: str, name: str = "test_sample", tier: str = "static") -> None:
        path = self.root / "tests_infra" / tier / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HEAD + textwrap.dedent(source))

    def run(self, *arguments: str, paths: tuple[str, ...] = ("tests_infra",), process: bool = False) -> Session:
        given = ["-W", "error", "-p", "no:cacheprovider", "--out=out", "--continue-on-collection-errors", *arguments]
        run: Callable[..., pytest.RunResult] = (
            self.pytester.runpytest_subprocess if process else self.pytester.runpytest_inprocess
        )
        result = run(*given, *paths)
        return Session(int(result.ret), result.stdout.str() + result.stderr.str(), self.root / "out")


def render_nothing(out: Path) -> Path:
    """Stands for the report page, which has tests of its own."""
    (out / "index.html").write_text("page")
    return out / "index.html"


@pytest.fixture
def verify(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Verify:
    return Verify(pytester, monkeypatch)
