"""The options of a verify session: what makes no sense is refused, and no subject is executed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.judged import PASSING, Verify, verify

__all__ = ["verify"]
pytest_plugins = ["pytester"]
USAGE = int(pytest.ExitCode.USAGE_ERROR)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--tier=static,moon", "--tier: 'moon' is no tier; known: static, compose, cluster, drill"),
        ("--as-of=tomorrow", "--as-of: 'tomorrow' is no date; write it as 2026-01-31"),
        ("--images=steal", "invalid choice: 'steal'"),
        ("--environment=moon", "invalid choice: 'moon'"),
        ("--replay=nothing.jsonl", "nothing.jsonl: cannot be read as the evidence of a run"),
        ("--replay=tests_infra/static/test_sample.py", "test_sample.py:1: not JSON"),
        ("--out=tests_infra", "is not empty, and what is there is no run's"),
        ("--out=conftest.py", "conftest.py is not a folder"),
        ("--keep-cluster", "--keep-cluster: the worlds of this suite decide that"),
        ("--kubeconfig=x", "--kubeconfig: the worlds"),
        ("--kind-image=x", "--kind-image: the worlds"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(verify: Verify, argument: str, message: str) -> None:
    verify.proofs(PASSING)
    session = verify.run(argument)
    assert (session.status, message in session.text) == (USAGE, True), session.text


def test_exemptions_that_are_not_well_formed_are_refused(verify: Verify) -> None:
    verify.exempt(kind="never", clause="TST-001", reason="no")
    verify.proofs(PASSING)
    session = verify.run()
    assert (session.status, "exemptions.toml:1: unknown kind 'never'" in session.text) == (USAGE, True)


def test_no_file_of_an_older_run_is_taken_for_one_of_this(verify: Verify, monkeypatch: pytest.MonkeyPatch) -> None:
    verify.proofs(PASSING)
    out = verify.run().out
    (out / "failures" / "old").mkdir(parents=True)
    monkeypatch.delattr(sys.modules["reports.page"], "render")
    verify.proofs("def test_one(): pass")
    session = verify.run()
    assert session.status == USAGE
    ours = {"evidence.jsonl", "verdicts.json", "junit.xml", "details.html", "summary.md", "findings.sarif"}
    assert {path.name for path in out.iterdir()} <= ours
    assert not session.summary["green"]
    assert "test_one carries 0 proves marks" in session.summary["broken"][0]


def test_proofs_and_other_tests_are_two_sessions(verify: Verify) -> None:
    verify.proofs(PASSING)
    verify.pytester.makepyfile(test_other="def test_other(): pass")
    assert verify.run(paths=("tests_infra", "test_other.py")).status == USAGE
    assert verify.run(paths=(".",)).status == USAGE
    assert verify.run(paths=("test_other.py",)).status == 0
    assert not (verify.root / "out").exists()


def test_collecting_writes_nothing(verify: Verify) -> None:
    verify.proofs(PASSING)
    assert verify.run("--collect-only").status == 0
    assert not (verify.root / "out").exists()


def test_hypothesis_finds_the_same_examples_each_time(verify: Verify) -> None:
    verify.proofs("""
        from hypothesis import settings

        @pytest.mark.proves("TST-001")
        def test_one(recorder, conclude):
            recorder.look("thing", None, lambda: 1)
            assert settings.default.derandomize
            conclude(GOOD)
    """)
    from hypothesis import settings

    before = settings.get_current_profile_name()
    assert verify.run().verdict() == "pass"
    assert settings.get_current_profile_name() == before


BOOBY_TRAP = """
import pathlib
pathlib.Path(__file__).with_name("executed").touch()
"""


@pytest.mark.parametrize("spelling", ["equals", "space", "environment"])
def test_nothing_of_a_hostile_subject_is_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelling: str
) -> None:
    from provision.processes import run

    subject = tmp_path / "subject"
    for name in ("conftest.py", "tests_infra/conftest.py", "sitecustomize.py", "fixtures/options.py", "trap.py"):
        (subject / name).parent.mkdir(parents=True, exist_ok=True)
        (subject / name).write_text(BOOBY_TRAP)
    (subject / "pyproject.toml").write_text('[tool.pytest.ini_options]\naddopts = "-p trap"\npythonpath = ["."]\n')
    named = {"equals": [f"--subject={subject}"], "space": ["--subject", str(subject)], "environment": []}[spelling]
    if not named:
        monkeypatch.setenv("SOMA_SUBJECT", str(subject))
    root = Path(__file__).parent.parent
    # as the noxfile calls it
    pinned = (sys.executable, "-m", "pytest", "-c", "pyproject.toml", "--rootdir=.", "-p", "fixtures.options")
    done = run([*pinned, "--tier=static", f"--out={tmp_path}/out", "tests_infra", *named], cwd=root, check=False)
    document = json.loads((tmp_path / "out" / "verdicts.json").read_text())
    assert document["run"]["subject"] == str(subject), done.stdout
    assert document["summary"]["counts"]["fail"] > 0, done.stdout
    assert list(tmp_path.rglob("executed")) == []
