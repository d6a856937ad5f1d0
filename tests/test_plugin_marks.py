"""The proves mark: what is refused by file and line, and in which order proofs run."""

from __future__ import annotations

import json

import pytest

from tests.judged import FAILING, HEAD, ONE, PASSING, Verify, verify

__all__ = ["verify"]
pytest_plugins = ["pytester"]
USAGE = int(pytest.ExitCode.USAGE_ERROR)
TWO = ONE | {"TST-002": ("must", ("static",), ())}
LINE = len(HEAD.splitlines()) + 1
"""Where a proof begins in a module of one proof."""


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        ("", "test_one carries 0 proves marks; a proof proves one clause"),
        ('@pytest.mark.proves("TST-009")', "test_one proves 'TST-009', which is no clause"),
        ("@pytest.mark.proves()", "test_one proves 'nothing', which is no clause"),
        ('@pytest.mark.proves("TST-001", case="x")', "'x' is no case of TST-001; known: whole"),
        ('@pytest.mark.proves("TST-001", effect="x")', "'x' is no effect of any proof; known: read, write, disrupt"),
        ('@pytest.mark.proves("TST-001", tier="static")', "test_one: the mark is proves(clause, *, case='whole'"),
        ('@pytest.mark.proves("TST-001", case="{x}")', "test_one has no parameter 'x', which its case names"),
        ('@pytest.mark.proves("TST-001")\n@pytest.mark.proves("TST-001")', "test_one carries 2 proves marks"),
    ],
)
def test_a_wrong_mark_is_refused_by_file_and_line(verify: Verify, mark: str, message: str) -> None:
    verify.proofs(f"{mark}\ndef test_one(): pass\n".lstrip())
    session = verify.run()
    assert session.status == USAGE
    assert f"tests_infra/static/test_sample.py:{LINE}: {message}" in session.text


def test_a_proof_in_the_folder_of_another_tier_is_refused(verify: Verify) -> None:
    verify.proofs(PASSING, tier="cluster")
    session = verify.run()
    assert session.status == USAGE
    assert "'cluster' is no tier of TST-001; known: static" in session.text


def test_a_proof_outside_of_the_tiers_is_refused(verify: Verify) -> None:
    verify.proofs(PASSING, tier=".")
    session = verify.run()
    assert (session.status, "'test_sample.py' is no tier of TST-001" in session.text) == (USAGE, True)


def test_all_wrong_marks_are_told_at_once(verify: Verify) -> None:
    verify.proofs("def test_one(): pass\ndef test_two(): pass")
    text = verify.run().text
    assert "test_one carries 0" in text
    assert "test_two carries 0" in text


def test_two_proofs_of_the_same_are_refused_unless_each_is_a_part(verify: Verify) -> None:
    verify.proofs(PASSING + PASSING.replace("one(", "two("))
    session = verify.run()
    assert (session.status, "TST-001 static whole is proven by" in session.text) == (USAGE, True)
    verify.proofs(
        PASSING.replace('"TST-001"', '"TST-001", part="up"')
        + FAILING.replace("one(", "two(").replace('"TST-001"', '"TST-001", part="down"')
    )
    session = verify.run()
    assert (session.status, session.verdict()) == (1, "fail")
    assert [proof.rpartition("::")[2] for proof in session.case()["proofs"]] == ["test_one", "test_two"]


def test_a_parameter_names_the_case(verify: Verify) -> None:
    verify.clauses({"TST-001": ("must", ("static",), ("default", "default+kafka"))})
    verify.proofs("""
        @pytest.mark.proves("TST-001", case="{selection}")
        @pytest.mark.parametrize("selection", [pytest.param(1, id="default"), pytest.param(2, id="default+kafka")])
        def test_one(selection, recorder, conclude):
            recorder.look("thing", selection, lambda: 1)
            conclude(GOOD if selection == 1 else BAD)
    """)
    session = verify.run()
    assert (session.verdict(case="default"), session.verdict(case="default+kafka")) == ("pass", "fail"), session.text


def test_a_mark_may_stand_on_a_parameter_set(verify: Verify) -> None:
    verify.clauses(TWO)
    verify.proofs("""
        @pytest.mark.parametrize("clause", [
            pytest.param("1", marks=pytest.mark.proves("TST-001")),
            pytest.param("2", marks=pytest.mark.proves("TST-002")),
        ])
        def test_one(clause, recorder, conclude):
            recorder.look("thing", clause, lambda: 1)
            conclude(GOOD)
    """)
    assert verify.run().summary["compliant"]


def test_proofs_run_by_tier_and_then_by_effect(verify: Verify) -> None:
    effects = ("destroy", "disrupt", "write", "read")
    tiers = ("static", "compose", "cluster", "drill")
    verify.clauses({"TST-001": ("must", tiers, effects)})
    for tier in tiers:
        source = "".join(
            PASSING.replace("one(", f"{effect}(").replace('"TST-001"', f'"TST-001", case="{effect}", effect="{effect}"')
            for effect in effects
        )
        verify.proofs(source, tier=tier, name=f"test_{tier}")
    verify.run()
    lines = map(json.loads, (verify.root / "out" / "evidence.jsonl").read_text().splitlines())
    ran = [line["proof"] for line in lines if line["kind"] == "proof"]
    expected = [f"tests_infra/{t}/test_{t}.py::test_{e}" for t in tiers for e in reversed(effects)]
    assert ran == expected
