"""Every verdict has a session that produces it, and every red reason turns its session red."""

from __future__ import annotations

import pytest

from tests.judged import CLAUSE, FAILING, ONE, PASSING, Rows, Verify, verify

__all__ = ["verify"]
pytest_plugins = ["pytester"]


# verdicts


def test_pass_is_green_and_compliant(verify: Verify) -> None:
    verify.proofs(PASSING)
    session = verify.run()
    assert (session.status, session.verdict()) == (0, "pass"), session.text
    assert session.summary["compliant"]
    assert session.case() | {"seconds": 0} == {
        "verdict": "pass",
        "examined": 2,
        "population": 2,
        "observed": "2 of 2",
        "message": "2 of 2",
        "findings": [],
        "unexamined": [],
        "proofs": ["tests_infra/static/test_sample.py::test_one"],
        "evidence": ["o1"],
        "seconds": 0,
        "exemption": None,
        "stand_ins": [],
    }


def test_pass_on_a_stand_in_is_green_and_not_compliant(verify: Verify) -> None:
    verify.proofs("""
        @pytest.mark.proves("TST-001")
        def test_one(recorder, conclude):
            recorder.look("thing", None, lambda: 1)
            recorder.touch({"name": "qdrant", "same_software": False}, {"name": "redis", "same_software": True})
            conclude(GOOD)
    """)
    session = verify.run()
    assert (session.status, session.verdict()) == (0, "pass_stand_in"), session.text
    assert session.case()["stand_ins"] == ["qdrant"]
    assert session.case()["message"] == "2 of 2 (on stand-ins: qdrant)"
    assert "1 pass_stand_in in" in session.text
    assert [image["name"] for image in session.document["run"]["images"]] == ["qdrant", "redis"]
    assert not session.summary["compliant"]


def test_a_finding_is_red_and_the_first_line_tells_it(verify: Verify) -> None:
    verify.proofs(FAILING)
    session = verify.run()
    assert (session.status, session.verdict()) == (1, "fail")
    assert session.case()["findings"] == [
        {"what": "it is wrong", "file": "file.yaml", "line": 3, "key": "", "remedy": "mend it"}
    ]
    assert "fail: TST-001 static whole: file.yaml:3: it is wrong (mend it)" in session.text


def test_a_finding_that_a_proof_swallows_is_red(verify: Verify) -> None:
    verify.proofs("""
        @pytest.mark.proves("TST-001")
        def test_one(recorder, conclude):
            recorder.look("thing", None, lambda: 1)
            try:
                conclude(BAD)
            except AssertionError:
                pass
    """)
    session = verify.run()
    assert (session.status, session.verdict()) == (1, "fail")
    assert "1 failed" in session.text


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('raise Trouble("no engine", next_command="nox -s host")', "no engine\n  next: nox -s host"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("assert 1 == 2", "AssertionError: assert 1 == 2"),
        ("conclude(GOOD); conclude(GOOD)", "tests_infra/static/test_sample.py::test_one concluded twice; a proof"),
        ("conclude(GOOD); 1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_what_breaks_a_proof_is_an_error(verify: Verify, body: str, message: str) -> None:
    verify.proofs(f"""
        @pytest.mark.proves("TST-001")
        def test_one(recorder, conclude):
            recorder.look("thing", None, lambda: 1)
            {body}
    """)
    session = verify.run()
    assert (session.status, session.verdict()) == (1, "error")
    assert session.case()["message"].startswith(message)


def test_trouble_is_shown_without_a_traceback(verify: Verify) -> None:
    verify.proofs("""
        @pytest.mark.proves("TST-001")
        def test_one(recorder, conclude):
            raise Trouble("no engine", next_command="nox -s host")
    """)
    text = verify.run().text
    assert "no engine\n  next: nox -s host" in text
    assert "def test_one" not in text


@pytest.mark.parametrize("phase", ["set-up", "tear-down"])
def test_an_error_around_a_proof_is_an_error(verify: Verify, phase: str) -> None:
    before, after = ("1 / 0", "pass") if phase == "set-up" else ("pass", "1 / 0")
    verify.proofs(f"""
        @pytest.fixture
        def world():
            {before}
            yield
            {after}

        @pytest.mark.proves("TST-001")
        def test_one(world, recorder, conclude):
            recorder.look("thing", None, lambda: 1)
            conclude(GOOD)
    """)
    session = verify.run()
    assert (session.status, session.verdict()) == (1, "error")
    assert session.case()["message"] == "ZeroDivisionError: division by zero"


@pytest.mark.parametrize(
    ("look", "conclusion", "message"),
    [
        (True, "pass", "its proof never concluded"),
        (False, "conclude(GOOD)", "its proof looked at nothing: no observation was made or cited"),
        (True, "conclude(Findings.of((), ()))", "there is nothing to examine: the population is empty"),
        (True, "conclude(Findings.of(('a',), ALL))", "1 of 2 not examined: b"),
        (True, "conclude(Findings.of((), ALL))", "nothing was examined of 2"),
    ],
)
def test_what_concludes_from_too_little_is_inconclusive(
    verify: Verify, look: bool, conclusion: str, message: str
) -> None:
    verify.proofs(f"""
        @pytest.mark.proves("TST-001")
        def test_one(recorder, conclude):
            {'recorder.look("thing", None, lambda: 1)' if look else ""}
            {conclusion}
    """)
    session = verify.run()
    assert (session.status, session.verdict()) == (1, "inconclusive")
    assert session.case()["message"] == message
    assert "1 failed" in session.text


def test_a_citation_is_evidence(verify: Verify) -> None:
    verify.clauses(ONE | {"TST-002": ("must", ("static",), ())})
    verify.proofs("""
        @pytest.fixture(scope="session")
        def listing(recorder):
            return recorder.look("cluster", "list", lambda: 1)

        @pytest.mark.proves("TST-001")
        def test_one(listing, recorder, conclude):
            recorder.cite(listing.id)
            conclude(GOOD)

        @pytest.mark.proves("TST-002")
        def test_two(listing, conclude):
            conclude(GOOD)
    """)
    session = verify.run()
    assert session.verdict("TST-001") == "pass", session.text
    assert session.verdict("TST-002") == "inconclusive"
    assert session.case("TST-001")["evidence"] == ["o1"]


def test_an_obligation_without_a_proof_is_red(verify: Verify) -> None:
    verify.clauses({"TST-001": ("must", ("static",), ("one", "two"))})
    verify.proofs(PASSING.replace('"TST-001"', '"TST-001", case="one"'))
    session = verify.run()
    assert (session.status, session.verdict(case="one"), session.verdict(case="two")) == (1, "pass", "no_proof")


def test_a_tier_that_was_not_selected_is_not_verified(verify: Verify) -> None:
    verify.clauses({"TST-001": ("must", ("static", "compose"), ())})
    verify.proofs(PASSING)
    verify.proofs("1 / 0", tier="compose", name="test_live")
    session = verify.run("--tier=static")
    assert (session.status, session.verdict(), session.verdict(tier="compose")) == (0, "pass", "not_verified")
    assert not session.summary["compliant"]
    assert session.document["clauses"]["TST-001"]["verdict"] == "not_verified"


def test_a_finding_on_a_should_clause_is_advice(verify: Verify) -> None:
    verify.clauses({"TST-001": ("should", ("static",), ()), "TST-002": ("must", ("static",), ())})
    verify.proofs(FAILING + PASSING.replace("001", "002").replace("one(", "two("))
    session = verify.run("-x")
    assert (session.status, session.verdict()) == (0, "fail"), session.text
    assert session.summary["advised"] == ["TST-001"]
    assert session.summary["compliant"]
    assert "1 passed, 1 advised" in session.text
    assert "advised: TST-001 static whole: file.yaml:3: it is wrong" in session.text


def test_an_error_on_a_should_clause_is_red(verify: Verify) -> None:
    verify.clauses({"TST-001": ("should", ("static",), ())})
    verify.proofs("""
        @pytest.mark.proves("TST-001")
        def test_one(conclude):
            1 / 0
    """)
    assert verify.run().status == 1


def test_a_clause_is_its_worst_case_and_a_roll_up_its_worst_part(verify: Verify) -> None:
    rows: Rows = {"TST-001": ("must", ("static",), ("one", "two")), "TST-002": ("must", ("static",), ())}
    verify.clauses(rows, CLAUSE.format(id="TST-003", level="must", tiers='rolls_up = ["TST-001", "TST-002"]', cases=""))
    verify.proofs(
        PASSING.replace('"TST-001"', '"TST-001", case="one"')
        + FAILING.replace("one(", "two(").replace('"TST-001"', '"TST-001", case="two"')
        + PASSING.replace("one(", "three(").replace("001", "002")
    )
    clauses = verify.run().document["clauses"]
    assert [clauses[name]["verdict"] for name in ("TST-001", "TST-002", "TST-003")] == ["fail", "pass", "fail"]
    assert clauses["TST-003"]["rolls_up"] == {"TST-001": "fail", "TST-002": "pass"}
