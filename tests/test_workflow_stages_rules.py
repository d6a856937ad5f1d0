"""The stages of a pipeline are recognised in many spellings, and what is missing or out of turn is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from blueprint.documents import NOT_THERE, Document
from blueprint.rules.workflow_stages import disordered_stages
from blueprint.workflows import CI, DOCS_QUALITY, Workflow, read_workflow

GOOD = (Path(__file__).parent / "samples" / "workflows" / "stages.yml").read_text(encoding="utf-8")
DOCS = """\
name: docs
on: workflow_call
jobs:
  docs:
    runs-on: ubuntu-24.04
    steps:
      - run: lychee docs
      - run: npx markdownlint-cli2 docs
      - run: mkdocs build --strict
"""
NOXFILE = '''
import nox
SUITE = {"all": ("static,cluster", "Judge all."), "cluster": ("cluster", "Judge it."), "static": ("static", "Judge.")}
FOLDER = "tests_infra"
@nox.session(name="checks")
def quality(session):
    """Runs pytest and mkdocs build, as it says and does not do."""
    session.install("pytest")
    for command in ("ruff check .", "mkdocs build"):
        session.run(*command.split())
    session.run("python", "-m", "mypy", ".")
@nox.session
def tests(session: nox.Session) -> None:
    pytest(session, "tests")
'''
TEXTS = {
    "noxfile.py": NOXFILE,
    "Makefile": "lint:\n\truff check .\n\ttest: x\ntest: lint\n\t@pytest tests\n\ndocs:\n\tmkdocs build\n",
    "package.json": "",
    "scripts/check.sh": "#!/bin/sh\nset -e\nruff check . && mypy .\n",
}


def workflow(text: str, path: str = CI) -> Workflow:
    return read_workflow(Document(path, text))


def told(ci: str = GOOD, docs: str = DOCS) -> list[str]:
    findings = disordered_stages([workflow(ci), workflow(docs, DOCS_QUALITY)], TEXTS, [CI, DOCS_QUALITY])
    assert not findings.unexamined
    return [f"{finding.place}: {finding.what}" for finding in findings.found]


def changed(find: str, put: str, text: str = GOOD) -> str:
    assert text.count(find) == 1, find
    return text.replace(find, put)


SUITE = """\
name: ci
on: [push, pull_request]
jobs:
  all:
    runs-on: ubuntu-24.04
    steps:
      - run: nox -s checks
      - run: .venv/bin/nox -s tests
      - run: nox -s all -- --images pull
      - run: gh release upload v1.0.0 report.zip
  docs:
    needs: all
    uses: ./.github/workflows/docs-quality.yml
"""


@pytest.mark.parametrize(
    "ci",
    [
        GOOD,
        SUITE,
        changed("- run: nox -s all -- --images pull", '- run: nox -s cluster -- -k "HLM-009 or HLM-012"', SUITE),
        changed("      - run: make test\n", "      - run: python3 -m pytest -q\n"),
        changed("          ruff check .\n          poetry run mypy .\n", "          ./scripts/check.sh\n"),
        changed("helm/kind-action@0123456789012345678901234567890123456789 # v1.0.0\n", "x/y@v1\n").replace(
            "          for chart", "          kind create cluster --name soma\n          for chart"
        ),
        changed(
            "    uses: ./.github/workflows/docs-quality.yml\n",
            "    runs-on: ubuntu-24.04\n    steps:\n      - run: gh workflow run docs-quality.yml\n",
        ),
        GOOD.replace("needs: lint", "needs: [lint, other]") + "  other:\n    runs-on: x\n    steps: [{run: 'true'}]\n",
    ],
)
def test_stages_in_order_are_left_in_peace(ci: str) -> None:
    assert told(ci) == []


def test_a_documentation_workflow_that_follows_the_pipeline_is_its_last_stage() -> None:
    alone = GOOD.partition("  docs:\n")[0]
    after = DOCS.replace("on: workflow_call", "on: {workflow_run: {workflows: [ci], types: [completed]}}")
    assert told(alone, after) == []
    assert told(alone) == [f"{CI}:3 jobs: stage 5, documentation: there is no step for the documentation workflow"]


@pytest.mark.parametrize(
    ("find", "put", "expected"),
    [
        ("          ruff check .\n", "", ":3 jobs: stage 1, lint: there is no step for ruff"),
        ("          poetry run mypy .\n", "", ":3 jobs: stage 1, lint: there is no step for mypy"),
        ("make test", "make lint", ":3 jobs: stage 2, tests: there is no step for pytest"),
        (
            "    needs: lint\n",
            "",
            ":14 jobs.test.steps[0].run: stage 2, tests: the step for pytest does not wait for ruff",
        ),
        ("for chart in soma-infra soma-stack", "for chart in soma-infra", ": there is no step for soma-stack"),
        (
            "    needs: [test]\n",
            "",
            ":19 jobs.cluster.steps[0].uses: stage 3, cluster: the step for Kind does not wait for pytest",
        ),
        ("      - run: ./scripts/smoke.sh\n", "", ": stage 4, smoke tests: there is no step for smoke tests"),
        (
            "actions/upload-artifact",
            "actions/cache",
            ": stage 4, smoke tests: there is no step for published artefacts",
        ),
        ("    needs: cluster\n", "    needs: test\n", ":30 jobs.docs.uses: stage 5, documentation: the step for the"),
    ],
)
def test_a_stage_that_is_missing_or_out_of_turn_is_told(find: str, put: str, expected: str) -> None:
    found = told(changed(find, put))
    assert found, "nothing is told"
    assert expected in found[0]


def test_smoke_tests_before_the_charts_are_out_of_turn() -> None:
    step = "      - run: ./scripts/smoke.sh\n"
    early = changed(step, "").replace("      - uses: helm/kind-action", f"{step}      - uses: helm/kind-action")
    assert told(early) == [
        f"{CI}:20 jobs.cluster.steps[0].run: stage 4, smoke tests: the step for smoke tests does not wait for Kind"
    ]


@pytest.mark.parametrize(
    ("find", "put"),
    [("lychee docs", "ls docs"), ("npx markdownlint-cli2 docs", "ls docs"), ("mkdocs build --strict", "ls docs")],
)
def test_what_the_documentation_workflow_leaves_out_is_told(find: str, put: str) -> None:
    found = told(docs=changed(find, put, DOCS))
    assert len(found) == 1
    assert found[0].startswith(f"{DOCS_QUALITY}:3 jobs: no step does ")


def test_a_narrowed_run_does_what_it_names() -> None:
    found = told(changed("nox -s all -- --images pull", "nox -s all -- -k HLM-012", SUITE))
    where, why = (
        f"{CI}:9 jobs.all.steps[2].run: stage 3, cluster: there is no step for",
        "is narrowed, and leaves it out",
    )
    assert [each.startswith(where) and each.endswith(why) for each in found] == [True] * 3
    assert [each.removeprefix(f"{where} ").partition(":")[0] for each in found] == ["Kind", "soma-infra", "soma-stack"]
    assert "smoke tests" in told(changed("nox -s all -- --images pull", "nox -s static", SUITE))[3]


def test_what_only_names_a_stage_does_nothing() -> None:
    assert "there is no step for pytest" in told(changed("nox -s tests", "echo pytest", SUITE))[0]
    assert "there is no step for ruff" in told(changed("nox -s checks", "pip install ruff mypy", SUITE))[0]


def test_absent_and_broken_workflows_are_told() -> None:
    absent = [read_workflow(Document(path, absent=NOT_THERE)) for path in (CI, DOCS_QUALITY)]
    findings = disordered_stages(absent, TEXTS, [CI, DOCS_QUALITY])
    assert [finding.place.file for finding in findings.found] == [CI, DOCS_QUALITY]
    idle = workflow("name: ci\non: push\njobs: {}\n")
    assert disordered_stages([idle, absent[1]], {}, [CI, DOCS_QUALITY]).unexamined == {CI}
    assert told("a: b: c\n")[0].startswith(f"{CI}:1")
