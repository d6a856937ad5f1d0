"""Taking the suite up on a tree with findings: the exit status minds new ones alone, and no verdict changes."""

from __future__ import annotations

import json

import pytest

from tests.judged import CLAUSE, FAILING, ONE, PASSING, Verify, verify

__all__ = ["verify"]
pytest_plugins = ["pytester"]
USAGE = int(pytest.ExitCode.USAGE_ERROR)
WORSE = FAILING.replace("conclude(BAD)", 'conclude(BAD | Findings.of((), (), [Finding("it is worse")]))')
ERROR = FAILING.replace("conclude(BAD)", 'raise Trouble("no route")')


def adopt(verify: Verify) -> None:
    """Write the baseline of a tree that fails, and keep it."""
    verify.proofs(FAILING)
    session = verify.run("--baseline=write")
    assert (session.status, session.verdict()) == (0, "fail"), session.text
    assert "gate: open; 0 new, 1 in the baseline; verdicts are as they are" in session.text
    (session.out / "baseline.json").rename(verify.root / "known.json")


def test_what_was_there_does_not_shut_the_gate_and_stays_red(verify: Verify) -> None:
    adopt(verify)
    verify.proofs(FAILING.replace("BAD", 'Findings.of(ALL, ALL, [Finding("it is wrong", Place("file.yaml", 70))])'))
    session = verify.run("--baseline", "known.json")
    assert (session.status, session.verdict(), session.summary["green"]) == (0, "fail", False), session.text
    assert "fail (in the baseline): TST-001 static whole" in session.text
    assert verify.run().status == 1


@pytest.mark.parametrize(
    ("proofs", "told"),
    [
        (WORSE, "new: TST-001 static whole: it is worse"),
        (ERROR, "in no baseline: TST-001 static whole: error: no route"),
        (FAILING.replace("conclude(BAD)", "pass"), "in no baseline: TST-001 static whole: inconclusive: "),
        ("", "in no baseline: no proof ran"),
        (FAILING + "\n1 / 0\n", "in no baseline: tests_infra/static/test_sample.py cannot be collected"),
    ],
)
def test_the_gate_is_shut_by_what_the_baseline_does_not_hold(verify: Verify, proofs: str, told: str) -> None:
    adopt(verify)
    verify.proofs(proofs)
    session = verify.run("--baseline=known.json")
    assert session.status != 0, session.text
    assert told in session.text
    assert "gate: shut" in session.text


def test_an_obligation_without_a_proof_shuts_the_gate(verify: Verify) -> None:
    adopt(verify)
    verify.clauses(ONE | {"TST-002": ("must", ("static",), ())})
    session = verify.run("--baseline=known.json")
    assert (session.status, session.verdict("TST-002")) == (1, "no_proof")
    assert "in no baseline: TST-002 static whole: no_proof: no proof is there" in session.text


def test_what_is_mended_is_told_as_gone(verify: Verify) -> None:
    adopt(verify)
    verify.proofs(PASSING)
    session = verify.run("--baseline=known.json")
    assert session.status == 0
    assert "baseline: 1 of its findings are gone; write it anew" in session.text


def test_no_baseline_is_written_of_a_run_that_chose_less_than_everything(verify: Verify) -> None:
    verify.proofs(FAILING)
    session = verify.run("--baseline=write", "-k", "test_one")
    assert session.status == 1
    assert "none is written of a run that was narrowed or broken" in session.text
    assert not (session.out / "baseline.json").exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (None, "cannot be read as a baseline: No such file or directory"),
        ({"version": 7}, "is a baseline of version 7"),
        ({"tiers": ["static"]}, "the baseline is stale: it was written over static"),
        ({"findings": {"a": "TST-404 static whole: x"}}, "the baseline is stale: 1 of its findings are of nothing"),
    ],
)
def test_a_baseline_that_does_not_fit_is_refused_before_anything_is_touched(
    verify: Verify, change: dict[str, object] | None, told: str
) -> None:
    adopt(verify)
    path = verify.root / "known.json"
    if change is None:
        path.unlink()
    else:
        path.write_text(json.dumps(json.loads(path.read_text()) | change))
    before = (verify.root / "out" / "verdicts.json").read_bytes()
    session = verify.run("--baseline=known.json")
    assert (session.status, told in session.text) == (USAGE, True), session.text
    assert "--baseline write" in session.text
    assert (session.out / "verdicts.json").read_bytes() == before


def test_sarif_stands_beside_the_other_evidence(verify: Verify) -> None:
    adopt(verify)
    verify.proofs(WORSE)
    session = verify.run("--baseline=known.json")
    (run,) = json.loads((session.out / "findings.sarif").read_text())["runs"]
    told = {result["message"]["text"]: result["baselineState"] for result in run["results"]}
    assert told == {"it is worse": "new", "it is wrong (mend it)": "unchanged"}


@pytest.mark.parametrize("says_so", ["true", ""])
def test_findings_are_annotated_where_ci_says_that_it_is_ci(
    verify: Verify, monkeypatch: pytest.MonkeyPatch, says_so: str
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", says_so)
    verify.clauses(ONE, CLAUSE.format(id="TST-002", level="should", tiers='tiers = ["static"]', cases=""))
    verify.proofs(FAILING + FAILING.replace("one(", "two(").replace("001", "002"))
    lines = verify.run().text.splitlines()
    commands = [line for line in lines if line.startswith("::")]
    assert commands == (
        [
            "::error file=file.yaml,line=3,title=TST-001::it is wrong (mend it)",
            "::warning file=file.yaml,line=3,title=TST-002::it is wrong (mend it)",
        ]
        if says_so
        else []
    )
