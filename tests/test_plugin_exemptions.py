"""Exemptions in a session: each kind covers what it says, is shown, and is told where it is not needed."""

from __future__ import annotations

import pytest

from tests.judged import FAILING, ONE, PASSING, Verify, verify

__all__ = ["verify"]
pytest_plugins = ["pytester"]


def test_a_waived_finding_is_green_and_shown(verify: Verify) -> None:
    verify.exempt(kind="waiver", clause="TST-001", reason="wait for it", owner="ops", until="2026-01-31")
    verify.proofs(FAILING)
    session = verify.run("--as-of=2026-01-31")
    assert (session.status, session.verdict()) == (0, "waived"), session.text
    assert session.case()["exemption"] == {
        "kind": "waiver",
        "reason": "wait for it",
        "owner": "ops",
        "until": "2026-01-31",
    }
    assert "waived: TST-001 static whole: wait for it (until 2026-01-31, ops): file.yaml:3" in session.text
    assert "1 waived in" in session.text


@pytest.mark.parametrize(("proof", "verdict"), [(FAILING, "fail"), (PASSING, "pass")])
def test_an_expired_waiver_is_red(verify: Verify, proof: str, verdict: str) -> None:
    verify.exempt(kind="waiver", clause="TST-001", reason="wait for it", owner="ops", until="2026-01-31")
    verify.proofs(proof)
    session = verify.run("--as-of=2026-02-01")
    assert (session.status, session.verdict()) == (1, verdict)
    assert session.summary["broken"] == [
        "expired on 2026-01-31: waiver of TST-001 (exemptions.toml:1), owner ops",
    ]


@pytest.mark.parametrize("kind", ["waiver", "not_yet", "unavailable"])
def test_an_exemption_that_is_not_needed_warns(verify: Verify, kind: str) -> None:
    more = {"owner": "ops", "until": "2026-01-31"} if kind == "waiver" else {}
    verify.exempt(kind=kind, clause="TST-001", reason="wait for it", **more)
    verify.proofs(PASSING)
    session = verify.run("--as-of=2026-01-01")
    assert (session.status, session.verdict()) == (0, "pass")
    assert session.summary["warnings"] == [
        f"not needed: {kind} of TST-001 (exemptions.toml:1); proven are static whole"
    ]
    assert "warning: not needed" in session.text


@pytest.mark.parametrize("body", ["1 / 0", "pass"])
def test_a_waiver_covers_a_finding_and_nothing_else(verify: Verify, body: str) -> None:
    verify.exempt(kind="waiver", clause="TST-001", reason="wait for it", owner="ops", until="2026-01-31")
    verify.proofs(f"""
        @pytest.mark.proves("TST-001")
        def test_one(recorder, conclude):
            {body}
    """)
    assert verify.run("--as-of=2026-01-01").status == 1


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        ({"tier": "static", "case": "one"}, 0),
        ({"case": "two"}, 1),
        ({"environment": "local", "case": "one"}, 0),
        ({"environment": "prod"}, 1),
    ],
)
def test_a_waiver_is_scoped(verify: Verify, scope: dict[str, str], status: int) -> None:
    verify.clauses({"TST-001": ("must", ("static",), ("one", "two"))})
    verify.exempt(kind="waiver", clause="TST-001", reason="wait", owner="ops", until="2026-01-31", **scope)
    verify.proofs(
        FAILING.replace('"TST-001"', '"TST-001", case="one"')
        + PASSING.replace("one(", "two(").replace('"TST-001"', '"TST-001", case="two"')
    )
    assert verify.run("--as-of=2026-01-01").status == status


@pytest.mark.parametrize("body", ["conclude(BAD)", "pass", "1 / 0"])
def test_not_yet_is_green_whatever_becomes_of_it(verify: Verify, body: str) -> None:
    verify.clauses(ONE | {"TST-002": ("must", ("static",), ())})
    verify.exempt(kind="not_yet", clause="TST-001", reason="a later slice")
    verify.proofs(f"""
        @pytest.mark.proves("TST-001")
        def test_one(recorder, conclude):
            {body}
    """)
    verify.proofs(PASSING.replace("001", "002"), name="test_other")
    session = verify.run()
    assert (session.status, session.verdict()) == (0, "not_yet"), session.text
    assert not session.summary["compliant"]
    assert "1 not_yet" in session.text


def test_not_yet_needs_no_proof(verify: Verify) -> None:
    verify.clauses(ONE | {"TST-002": ("must", ("static",), ())})
    verify.exempt(kind="not_yet", clause="TST-002", reason="a later slice")
    verify.proofs(PASSING)
    session = verify.run()
    assert (session.status, session.verdict("TST-002")) == (0, "not_yet")


@pytest.mark.parametrize("phase", ["world", "conclude"])
def test_what_is_unavailable_here_is_not_verified(verify: Verify, phase: str) -> None:
    verify.exempt(kind="unavailable", clause="TST-001", reason="cannot be pulled")
    verify.proofs(f"""
        @pytest.fixture
        def world():
            if {phase == "world"}:
                raise Trouble("no image")

        @pytest.mark.proves("TST-001")
        def test_one(world, recorder, conclude):
            raise Trouble("no image")
    """)
    session = verify.run("-x")
    assert (session.status, session.verdict()) == (0, "not_verified"), session.text
    assert session.case()["message"] == "unavailable: cannot be pulled"


def test_a_proof_whose_set_up_is_excused_does_not_run(verify: Verify) -> None:
    verify.exempt(kind="unavailable", clause="TST-001", reason="cannot be pulled")
    verify.proofs("""
        @pytest.fixture
        def world():
            raise Trouble("no image")

        @pytest.mark.usefixtures("world")
        @pytest.mark.proves("TST-001")
        def test_one():
            open("ran", "w").close()
    """)
    session = verify.run()
    assert (session.status, session.verdict()) == (0, "not_verified")
    assert not (verify.root / "ran").exists()


def test_a_finding_on_what_was_declared_unavailable_is_red(verify: Verify) -> None:
    verify.exempt(kind="unavailable", clause="TST-001", reason="cannot be pulled")
    verify.proofs(FAILING)
    assert verify.run().status == 1
