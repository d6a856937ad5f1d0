"""Each job of a pipeline is of one stage, however the jobs are cut, and each stage has the jobs that do it."""

from __future__ import annotations

import pytest

from blueprint.documents import Document
from blueprint.stage_plan import runs, stages
from blueprint.workflows import CI, DOCS_QUALITY, read_workflow

TEXTS = {"Makefile": "all:\n\truff check .\n\tmypy\n\tpytest\n"}
CLUSTER = "kind create cluster; helm install a soma-infra; helm install b soma-stack"
UPLOAD = "actions/upload-artifact@v4"


def pipeline(*jobs: tuple[str, str, str]) -> str:
    """Jobs of a name, of what they wait for, and of one step, which is an action where it has an ``@``."""
    text = "name: ci\non: push\njobs:\n"
    for name, needs, step in jobs:
        key = "uses" if "@" in step else "run"
        text += f"  {name}:\n    needs: [{needs}]\n    runs-on: ubuntu-24.04\n    steps:\n      - {key}: {step}\n"
    return text


def planned(ci: str, docs: str = "") -> dict[str, list[str]]:
    found = [read_workflow(Document(path, text)) for path, text in ((CI, ci), (DOCS_QUALITY, docs)) if text]
    return {stage: [job.job.id for job in jobs] for stage, jobs in stages(found, TEXTS).items() if jobs}


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        (
            [("a", "", "ruff check"), ("b", "a", "pytest"), ("c", "b", CLUSTER), ("d", "c", UPLOAD)],
            {"lint": ["a"], "tests": ["b"], "cluster": ["c"], "smoke": ["d"]},
        ),
        (
            [
                ("d", "c", "bash smoke.sh"),
                ("c", "b, e", CLUSTER),
                ("e", "a", "pytest"),
                ("b", "a", "pytest"),
                ("a", "", "mypy"),
            ],
            {"lint": ["a"], "tests": ["e", "b"], "cluster": ["c"], "smoke": ["d"]},
        ),
        ([("a", "", "make all")], {"lint": ["a"], "tests": ["a"]}),
        ([("a", "", "pytest"), ("b", "a", "echo hello")], {"tests": ["a", "b"]}),
        ([("a", "", "ruff check"), ("b", "a", CLUSTER)], {"lint": ["a"], "cluster": ["b"]}),
        ([("a", "", "ruff check"), ("b", "", "mypy"), ("c", "", UPLOAD)], {"lint": ["a", "b"], "smoke": ["c"]}),
        ([], {}),
    ],
)
def test_jobs_are_of_the_stages_that_they_do(jobs: list[tuple[str, str, str]], expected: dict[str, list[str]]) -> None:
    assert planned(pipeline(*jobs)) == expected


def test_the_documentation_workflow_is_followed_where_it_is_called_and_where_it_follows() -> None:
    first = ("a", "", "ruff check")
    pages = pipeline(("pages", "links", "mkdocs build"), ("links", "", "lychee docs"))
    called = pipeline(first) + "  docs:\n    needs: a\n    uses: ./.github/workflows/docs-quality.yml\n"
    assert planned(called, pages.replace("on: push", "on: workflow_call")) == {
        "lint": ["a"],
        "docs": ["links", "pages"],
    }
    after = pages.replace("on: push", "on:\n  workflow_run:\n    workflows: [ci]\n    types: [completed]")
    assert planned(pipeline(first), after) == {"lint": ["a"], "docs": ["links", "pages"]}
    assert planned(pipeline(first), pages) == {"lint": ["a"]}


def test_without_a_readable_pipeline_there_is_no_stage() -> None:
    assert planned("") == planned("jobs: [") == {}


@pytest.mark.parametrize(
    ("condition", "green", "red"),
    [
        *(("", True, False), ("success()", True, False), ("${{ always() }}", True, True), ("!cancelled()", True, True)),
        *(("failure()", False, True), ("cancelled()", False, False), ("github.ref == 'x'", None, None)),
    ],
)
def test_whether_a_step_runs(condition: str, green: bool | None, red: bool | None) -> None:
    assert (runs(condition, failed=False), runs(condition, failed=True)) == (green, red)
