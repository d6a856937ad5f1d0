"""Workflows that do not run, let a failure pass or trust too much are found by line; those in order are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from blueprint.documents import NOT_THERE, Document
from blueprint.rules.links import Tree
from blueprint.rules.workflow_gates import ignored_failures
from blueprint.rules.workflow_names import Surroundings, missing_names, what_is_runnable
from blueprint.rules.workflows import idle_workflows, loose_trust
from blueprint.workflows import CI, DOCS_QUALITY, Workflow, read_workflow

GOOD = (Path(__file__).parent / "samples" / "workflows" / "good.yml").read_text(encoding="utf-8")
CALLED = GOOD.replace("  push:\n    branches: [main]\n  pull_request:\n", "  workflow_call:\n")
NOWHERE = Surroundings(Tree(frozenset(), lambda _: ""), what_is_runnable({}), frozenset(), {})
CALLING = GOOD + f"  docs:\n    uses: ./{DOCS_QUALITY}\n"


def workflow(text: str, path: str = CI) -> Workflow:
    return read_workflow(Document(path, text))


def changed(find: str, put: str, text: str = GOOD) -> str:
    assert text.count(find) == 1, find
    return text.replace(find, put)


def idle(ci: str, docs: str = GOOD, branch: str = "main") -> list[str]:
    workflows = [workflow(ci), workflow(docs, DOCS_QUALITY)]
    findings = idle_workflows(workflows, branch, [CI, DOCS_QUALITY])
    assert not findings.unexamined
    return [f"{finding.place}: {finding.what}" for finding in findings.found]


def lax(text: str) -> list[str]:
    return [f"{finding.place.line}: {finding.what}" for finding in ignored_failures([workflow(text)], [CI]).found]


def loose(text: str) -> list[str]:
    return [f"{finding.place.line}: {finding.what}" for finding in loose_trust([workflow(text)], [CI]).found]


def test_a_workflow_in_order_is_left_in_peace() -> None:
    assert idle(GOOD) == []
    assert idle(CALLING, CALLED) == []
    assert lax(GOOD) == []
    assert loose(GOOD) == []


@pytest.mark.parametrize("jobs", ["{}", "{empty: {runs-on: x}}", "{empty: {runs-on: x, steps: []}}"])
def test_where_nothing_runs_nothing_is_judged(jobs: str) -> None:
    idler = workflow(f"name: ci\non: [push]\njobs: {jobs}\n")
    assert ignored_failures([idler], [CI]).unexamined == {CI}
    assert loose_trust([idler], [CI]).unexamined == {CI}
    assert missing_names([idler], NOWHERE, [CI]).unexamined == {CI}


@pytest.mark.parametrize(
    "on",
    [
        "on: [push, pull_request]\n",
        "'on': {push: , pull_request: {branches: ['**']}}\n",
        "on:\n  push:\n    branches-ignore: [dependabot/**]\n  pull_request: {types: [opened]}\n",
        "on:\n  push: {branches: ['*', '!release'], tags: [v1]}\n  pull_request:\n",
    ],
)
def test_other_ways_to_run_are_as_good(on: str) -> None:
    assert idle(GOOD.replace("on:\n  push:\n    branches: [main]\n  pull_request:\n", on)) == []


@pytest.mark.parametrize(
    ("find", "put", "expected"),
    [
        ("[main]", "[master]", f"{CI}:2 on: no push to the default branch main runs it"),
        ("    branches: [main]\n", "    tags: [v1]\n", f"{CI}:2 on: no push to the default branch main runs it"),
        ("[main]", "['*', '!main']", f"{CI}:2 on: no push to the default branch main runs it"),
        ("  pull_request:\n", "", f"{CI}:2 on: no pull request to main runs it"),
        ("  pull_request:\n", "  pull_request: {branches: [next]}\n", f"{CI}:2 on: no pull request to main runs it"),
        ("name: Test\n", "name: Test: all\n", f"{CI}:16: is not YAML: mapping values are not allowed in this context"),
        ("  gate:\n", "gate:\n", f"{CI}:27 gate: 'gate' is no key that a workflow has here"),
        ("    needs: test\n", "    need: test\n", f"{CI}:28 jobs.gate.need: 'need' is no key that a workflow has here"),
        (
            "name: good\n",
            "name: good\n---\n",
            f"{CI}:3: holds more than one document: workflows were joined into one file",
        ),
        ("name: good\n", "name: good\nname: again\n", f"{CI}:2"),
    ],
)
def test_a_workflow_that_does_not_run_is_told(find: str, put: str, expected: str) -> None:
    found = idle(changed(find, put))
    assert len(found) == 1
    assert found[0].startswith(expected)


@pytest.mark.parametrize(
    "text", ["", "jobs: {}\n", GOOD.partition("jobs:")[0], GOOD.partition("jobs:")[0] + "jobs: {}\n"]
)
def test_a_workflow_without_jobs_is_none(text: str) -> None:
    assert idle(text)


def test_what_is_absent_is_told_beside_the_rest() -> None:
    absent = read_workflow(Document(CI, absent=NOT_THERE, nearest=".github/workflows/build.yml"))
    findings = idle_workflows([absent, workflow(CALLED, DOCS_QUALITY)], "main", [CI, DOCS_QUALITY])
    assert [finding.place.file for finding in findings.found] == [CI, DOCS_QUALITY, DOCS_QUALITY]
    assert "the nearest is .github/workflows/build.yml" in findings.found[0].what
    assert ignored_failures([absent], [CI]).found
    assert loose_trust([absent], [CI]).found


@pytest.mark.parametrize(
    ("find", "put", "expected"),
    [
        ("  test:\n", "  test:\n    continue-on-error: true\n", "13: the job goes on after an error"),
        (
            "      - name: Test\n",
            "      - name: Test\n        continue-on-error: ${{ true }}\n",
            "17: the step goes on",
        ),
        ("pytest tests |", "pytest tests || true |", "19: `|| true` makes a failure a success"),
        ("pytest tests |", "pytest tests || : |", "19: `|| :` makes a failure a success"),
        ("pytest tests |", "pytest tests || echo failed |", "19: `|| echo failed` makes a failure a success"),
        ("set -eu\n", "set +e\n", "18: `set +e` lets the script go on after an error"),
        ("pytest tests", "pytest --collect-only tests", "19: `pytest --collect-only` runs no test"),
        ("pytest tests", "python -m ruff check --exit-zero", "19: `ruff --exit-zero` exits 0 whatever it finds"),
        ("          fi\n", "          fi\n          exit 0\n", "24: `exit 0` ends the script as a success"),
        ("    shell: bash\n", "    shell: bash {0}\n", "16: the shell 'bash {0}' goes on after an error"),
        ("defaults:\n  run:\n    shell: bash\n", "", "16: the exit code of `pytest` is lost in a pipe"),
        ('test "${{ needs.test.result }}" = success', "echo done", "29: the job runs whatever became of test"),
        ("    needs: test\n    if: always()\n", "    needs: test\n    if: ${{ false }}\n", "29: the job never runs"),
        ("      - name: Test\n", "      - name: Test\n        if: false\n", "17: the step never runs"),
        ("pytest tests |", "x=$(pytest tests || true) |", "19: `|| true` makes a failure a success"),
        (
            '        run: cat report.txt >> "$GITHUB_STEP_SUMMARY"\n',
            "        run: cat x\n      - name: Run the tests\n        run: |\n          set -e\n          echo done\n",
            "28: 'Run the tests' is promised, and the commands only print words",
        ),
        (
            "      - name: Show\n",
            "      - name: Deploy\n        run: 'true'\n      - name: Show\n",
            "25: 'Deploy' is promised",
        ),
    ],
)
def test_a_way_to_pass_that_has_failed_is_told(find: str, put: str, expected: str) -> None:
    found = lax(changed(find, put))
    assert any(each.startswith(expected) for each in found), found


@pytest.mark.parametrize(
    "run",
    [
        "a || { echo failed; exit 1; }",
        "a || exit 1",
        "echo 'a || true'",
        "if ! a; then b; fi",
        "echo x | tee y",
        "a # || true",
        'echo "version=$(make version)" >> "$GITHUB_OUTPUT"',
        "echo token | docker login",
    ],
)
def test_what_only_looks_like_one_is_left_in_peace(run: str) -> None:
    text = changed("defaults:\n  run:\n    shell: bash\n", "").replace(
        "run: |\n          set -eu\n", "run: |\n          set -euo pipefail\n"
    )
    assert lax(text.replace("pytest tests | tee report.txt", run)) == []


@pytest.mark.parametrize("with_pipefail", ["set -o pipefail", "set -euo pipefail"])
def test_a_pipe_is_safe_where_the_script_says_so(with_pipefail: str) -> None:
    text = changed("defaults:\n  run:\n    shell: bash\n", "").replace("set -eu\n", f"{with_pipefail}\n")
    assert lax(text) == []


@pytest.mark.parametrize(
    ("find", "put", "expected"),
    [
        ("0123456789012345678901234567890123456789", "v4", ["15: actions/checkout@v4 is not pinned to a commit"]),
        ("0123456789012345678901234567890123456789", "main", ["15: actions/checkout@main is not pinned to a commit"]),
        ("@0123456789012345678901234567890123456789", "", ["15: actions/checkout is not pinned to a commit"]),
        (
            "actions/checkout@0123456789012345678901234567890123456789",
            "docker://alpine:3",
            ["15: docker://alpine:3 is not"],
        ),
        ("actions/checkout@0123456789012345678901234567890123456789", "./.github/actions/x", []),
        ("permissions:\n  contents: read\n", "", ["1: the token of test, gate has whatever the repository grants"]),
        ("permissions:\n  contents: read\n", "permissions: write-all\n", ["6: every job may write"]),
        ("  contents: read\n", "  contents: write\n", ["6: every job may write"]),
        ("permissions:\n  contents: read\n", "permissions: {}\n", []),
        ("  gate:\n", "  gate:\n    permissions: {contents: write}\n", []),
        ("  gate:\n", "  gate:\n    permissions: write-all\n", ["28: the job may write everything"]),
    ],
)
def test_loose_trust_is_told(find: str, put: str, expected: list[str]) -> None:
    found = loose(changed(find, put))
    assert len(found) == len(expected)
    assert all(each.startswith(start) for each, start in zip(found, expected, strict=True)), found
