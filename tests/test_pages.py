"""What stands in the repository about itself: the pages that are made, and the ones that quote it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from blueprint.catalogue import read_catalogue
from blueprint.exemptions import EXEMPTIONS, read_exemptions
from reports import clauses, explain
from tests.sample_run import write

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
CATALOGUE = read_catalogue()


# docs/clauses.md


def test_the_page_of_clauses_is_the_catalogue() -> None:
    page = (ROOT / "docs" / "clauses.md").read_text("utf-8")
    assert page == clauses.page(CATALOGUE), "stale: python3 -m reports.clauses > docs/clauses.md"


def test_the_page_of_clauses_holds_every_clause() -> None:
    page = clauses.page(CATALOGUE)
    assert re.findall(r"^### (\w{3}-\d{3})$", page, re.MULTILINE) == [clause.id for clause in CATALOGUE]
    assert f"and {len(CATALOGUE.obligations())} obligations" in page


# the catalogue and its exemptions


def test_the_exemptions_are_of_the_catalogue() -> None:
    assert list(read_exemptions(EXEMPTIONS, CATALOGUE))


def test_a_clause_says_why_and_what_to_do_in_sentences() -> None:
    short = [
        f"{clause.id}: {text}"
        for clause in CATALOGUE
        for text in (clause.statement, clause.why, clause.remedy)
        if len(text) < 20 or not text.endswith(".") or "  " in text or text.count("`") % 2
    ]
    assert not short


# README.md


def test_the_readme_has_two_commands_of_one_line_whose_sessions_exist() -> None:
    commands = [line for line in README.splitlines() if line.startswith("python3 -m venv ")]
    sessions = [re.search(r"/nox -s ([\w -]+?)(?: -- .*)?$", command) for command in commands]
    known = (ROOT / "noxfile.py").read_text("utf-8")
    named = [name for found in sessions if found for name in found[1].split()]
    assert named == ["host", "verify-local", "tests"]
    assert all(f'"{name}"' in known or f"def {name}(" in known for name in named)
    assert all("--require-hashes -r requirements/nox.txt" in command for command in commands)


def test_the_readme_names_the_gpl_libraries_and_each_is_imported_in_one_module_at_most() -> None:
    assert re.search(r"GPL-3\.0: pytest-kind\s+and yamllint", README)
    for library in ("yamllint", "pytest_kind"):
        imports = re.compile(rf"^\s*(?:from|import) {library}\b", re.MULTILINE)
        rooms = ("blueprint", "common", "fixtures", "provision", "reports", "services", "tests_infra", "worlds")
        modules = [path for room in rooms for path in (ROOT / room).rglob("*.py")]
        importers = [str(path.relative_to(ROOT)) for path in modules if imports.search(path.read_text("utf-8"))]
        assert len(importers) <= 1, importers


def test_what_the_readme_links_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", README)
    assert len(links) > 5
    assert [link for link in links if not (ROOT / link).exists()] == []


# explain


def test_a_clause_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = write(tmp_path / "out")
    assert explain.main(["cmp-012", "--out", str(out)]) == 0
    text = " ".join(capsys.readouterr().out.split())
    clause = CATALOGUE.by_id["CMP-012"]
    for part in (clause.statement, clause.why, clause.remedy, ", ".join(clause.cases), clause.place):
        assert " ".join(part.split()) in text
    assert re.search(r"proven by tests_infra/compose/test_local_environment\.py:\d+ test_\w+", text)
    assert "last run error in run 20260302T091407Z-4c1e07aa" in text
    assert "compose healthy: pass — 200" in text


def test_a_roll_up_is_explained_by_its_parts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain.main(["CHK-003", "--out", str(write(tmp_path / "out"))]) == 0
    text = capsys.readouterr().out
    assert "rolls up  CFG-005, CFG-006" in text
    assert "CFG-006: not yet" in text
    assert "proven by" not in text


def test_without_a_run_the_clause_is_explained_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    exempt = tmp_path / "exemptions.toml"
    exempt.write_text('[[exemption]]\nkind = "not_yet"\nclause = "HLM-009"\nreason = "so far"\n', encoding="utf-8")
    monkeypatch.setattr(explain, "EXEMPTIONS", exempt)
    assert explain.main(["HLM-009", "--out", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert f"last run  none in {tmp_path}" in text
    assert "exempt    not_yet: so far" in text


@pytest.mark.parametrize(
    ("name", "close"),
    [("CMP-0012", "CMP-012"), ("CMP012", "CMP-012"), ("digest", "CMP-020"), ("feature flag", "CFG-007")],
)
def test_what_comes_close_to_an_unknown_clause_is_named(
    name: str, close: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain.main([name]) == 2
    told = capsys.readouterr().err
    assert f"'{name}' is no clause; close are " in told
    assert close in told
    assert "next: nox -s explain -- " in told


def test_a_run_that_cannot_be_read_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "verdicts.json").write_text("{", encoding="utf-8")
    assert explain.main(["CMP-001", "--out", str(tmp_path)]) == 2
    assert "verdicts.json:1: is not JSON" in capsys.readouterr().err


def test_a_proof_is_found_under_its_marks(tmp_path: Path) -> None:
    folder = tmp_path / "tests_infra" / "static"
    folder.mkdir(parents=True)
    lines = ['@pytest.mark.parametrize("x", [1])', '@pytest.mark.proves("CMP-001", case="{x}")', "def test_one(x):"]
    other = ['@pytest.mark.proves("CMP-002")', "def test_two():", "    pass"]
    (folder / "test_a.py").write_text("\n".join([*lines, "    pass", *other]) + "\n", encoding="utf-8")
    assert list(explain.proofs_of("CMP-001", folder.parent)) == ["tests_infra/static/test_a.py:3 test_one"]
    shutil.rmtree(folder)
    assert list(explain.proofs_of("CMP-001", folder.parent)) == []
