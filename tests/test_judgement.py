"""The judge: same input, same verdicts; precedence, roll-ups and what makes a run red."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from blueprint.catalogue import WHOLE, Catalogue, Chapter, Clause, Level, Tier
from blueprint.evidence import PROVEN, RED, Finding, Findings, Verdict, worst
from blueprint.exemptions import Exemption, Exemptions, Kind
from blueprint.judgement import Judgements, Scope, excused, judge, makes_red
from blueprint.results import Result

CHAPTER = Chapter("TST", "Test", 1)
TODAY = date(2026, 1, 31)
GOOD = Findings.of("ab", "ab", (), "2 of 2")
BAD = Findings.of("ab", "ab", [Finding("wrong")])
SCOPE = Scope(frozenset(Tier), "local", TODAY)
WAIVER = Exemption(Kind.WAIVER, "TST-001", "wait", "x:1", owner="ops", until=TODAY)


def clause(
    number: int, *, level: Level = Level.MUST, rolls_up: tuple[str, ...] = (), cases: tuple[str, ...] = (WHOLE,)
) -> Clause:
    tiers = () if rolls_up else (Tier.STATIC,)
    return Clause(f"TST-{number:03}", CHAPTER, "1", "It holds.", level, tiers, cases, rolls_up, "why", "remedy", "x:1")


def result(**given: object) -> Result:
    fields: dict[str, object] = {"findings": GOOD, "evidence": ("o1",), "case": WHOLE, "clause": "TST-001"} | given
    return Result(tier=Tier.STATIC, proof="t::p", **fields)  # type: ignore[arg-type] # the fields of a Result


RESULTS = {
    Verdict.ERROR: result(trouble="no engine"),
    Verdict.FAIL: result(findings=BAD),
    Verdict.INCONCLUSIVE: result(findings=None),
    Verdict.NO_PROOF: result(ran=False),
    Verdict.PASS_STAND_IN: result(stand_ins=("qdrant",)),
    Verdict.PASS: result(),
}


def judged(*results: Result, level: Level = Level.MUST, rows: tuple[Exemption, ...] = ()) -> Judgements:
    return judge(Catalogue((clause(1, level=level),)), Exemptions(rows), results, SCOPE)


@pytest.mark.parametrize(("verdict", "given"), list(RESULTS.items()))
def test_a_result_has_the_verdict(verdict: Verdict, given: Result) -> None:
    judgements = judged(given)
    assert judgements.cases[0].verdict is verdict
    assert judgements.green is (verdict in PROVEN)
    assert judgements.compliant is (verdict is Verdict.PASS)


@pytest.mark.parametrize(
    "given",
    [
        result(evidence=()),
        result(findings=Findings.of("", "")),
        result(findings=Findings.of("a", "ab")),
        result(findings=Findings.of("c", "ab")),
        result(findings=Findings.of("", "ab")),
        result(findings=Findings.of("a", "")),
    ],
)
def test_too_little_is_inconclusive(given: Result) -> None:
    assert judged(given).cases[0].verdict is Verdict.INCONCLUSIVE


def test_trouble_outweighs_a_finding_and_a_finding_what_was_not_examined() -> None:
    assert judged(result(findings=BAD, trouble="tear-down")).cases[0].verdict is Verdict.ERROR
    assert judged(result(findings=Findings.of("a", "ab", [Finding("x")]))).cases[0].verdict is Verdict.FAIL


@settings(deadline=None)
@given(some.lists(some.sampled_from(sorted(RESULTS)), min_size=1))
def test_parts_of_an_obligation_come_to_their_worst(verdicts: list[Verdict]) -> None:
    judgement = judged(*(RESULTS[verdict] for verdict in verdicts)).cases[0]
    assert judgement.verdict is worst(verdicts)
    assert len(judgement.document()["proofs"]) == len(verdicts)


def exemptions() -> Iterator[Exemption]:
    yield WAIVER
    yield Exemption(Kind.NOT_YET, "TST-001", "later", "x:1")
    yield Exemption(Kind.UNAVAILABLE, "TST-001", "no image", "x:1")


@pytest.mark.parametrize(("row", "verdict"), list(product(exemptions(), RESULTS)))
def test_an_exemption_makes_of_a_verdict_what_the_design_says(row: Exemption, verdict: Verdict) -> None:
    covers = {
        Kind.WAIVER: ({Verdict.FAIL}, Verdict.WAIVED),
        Kind.NOT_YET: (set(RED), Verdict.NOT_YET),
        Kind.UNAVAILABLE: (set(RED) - {Verdict.FAIL}, Verdict.NOT_VERIFIED),
    }
    covered, instead = covers[row.kind]
    assert excused(verdict, "message", row, TODAY)[0] is (instead if verdict in covered else verdict)


def test_an_expired_waiver_is_red_wherever_it_is_scoped() -> None:
    row = Exemption(Kind.WAIVER, "TST-001", "wait", "x:1", environment="prod", owner="ops", until=date(2026, 1, 30))
    judgements = judged(result(), rows=(row,))
    assert judgements.cases[0].verdict is Verdict.PASS
    assert judgements.broken == ("expired on 2026-01-30: waiver of TST-001 prod (x:1), owner ops",)
    assert not judgements.green
    assert not judgements.compliant


@pytest.mark.parametrize(("until", "warned"), [(31, "0 days left"), (45, "14 days left"), (46, ""), (30, "")])
def test_a_waiver_warns_a_fortnight_before_it_expires(until: int, warned: str) -> None:
    row = replace(WAIVER, until=date(2026, 1, 1) + timedelta(days=until - 1))
    expected = (f"{warned}: waiver of TST-001 (x:1), owner ops",) if warned else ()
    assert judged(result(findings=BAD), rows=(row,)).warnings == expected


@pytest.mark.parametrize(("level", "verdict"), list(product(Level, Verdict)))
def test_only_a_finding_on_a_should_clause_is_forgiven(level: Level, verdict: Verdict) -> None:
    assert makes_red(level, verdict) is (verdict in RED and (level, verdict) != (Level.SHOULD, Verdict.FAIL))


def test_a_roll_up_is_its_worst_part_and_adds_no_red_of_its_own() -> None:
    catalogue = Catalogue((clause(1, level=Level.SHOULD), clause(2), clause(3, rolls_up=("TST-001", "TST-002"))))
    judgements = judge(catalogue, Exemptions(), [result(findings=BAD), result(clause="TST-002")], SCOPE)
    assert judgements.verdict("TST-003") is Verdict.FAIL
    assert judgements.advised == ("TST-001",)
    assert judgements.green
    assert judgements.summary()["obligations"] == 2


def test_a_tier_that_was_not_selected_is_not_verified_and_not_yet_stays() -> None:
    scope = Scope(frozenset({Tier.COMPOSE}), "local", TODAY)
    rows = Exemptions((Exemption(Kind.NOT_YET, "TST-002", "later", "x:1"),))
    judgements = judge(Catalogue((clause(1), clause(2))), rows, (), scope)
    assert [case.verdict for case in judgements.cases] == [Verdict.NOT_VERIFIED, Verdict.NOT_YET]


def test_a_waiver_hides_no_missing_proof() -> None:
    assert judged(rows=(WAIVER,)).cases[0].verdict is Verdict.NO_PROOF


def test_what_was_left_out_is_not_verified_and_what_failed_stays_failed() -> None:
    left_out = Scope(frozenset(Tier), "local", TODAY, "only -k a ran", frozenset({("TST-001", Tier.STATIC, WHOLE)}))
    catalogue = Catalogue((clause(1), clause(2)))
    for came_to, verdict in ((result(), Verdict.NOT_VERIFIED), (result(findings=BAD), Verdict.FAIL)):
        cases = judge(catalogue, Exemptions(), [came_to], left_out).cases
        assert [case.verdict for case in cases] == [verdict, Verdict.NOT_VERIFIED]


def test_the_document_is_json_and_counts_every_obligation() -> None:
    cases = ("a", "b", "c")
    results = [result(case="a"), result(case="b", findings=BAD)]
    judgements = judge(Catalogue((clause(1, cases=cases),)), Exemptions(), results, SCOPE)
    document = json.loads(json.dumps(judgements.document({"id": "r1"})))
    static = document["clauses"]["TST-001"]["static"]
    assert (static["verdict"], [static["cases"][case]["verdict"] for case in cases]) == (
        "fail",
        ["pass", "fail", "no_proof"],
    )
    assert document["run"] == {"id": "r1"}
    assert document["summary"] == {
        "compliant": False,
        "green": False,
        "counts": {verdict.value: int(verdict.value in {"pass", "fail", "no_proof"}) for verdict in Verdict},
        "proven": 1,
        "obligations": 3,
        "advised": [],
        "warnings": [],
        "broken": [],
        "narrowed": "",
    }
