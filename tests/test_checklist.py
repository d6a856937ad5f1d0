"""A box of the blueprint's checklist is ticked when each clause that it rolls up is proven, and by nothing less."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from blueprint.catalogue import Clause, Tier, read_catalogue
from blueprint.evidence import Finding, Findings, Verdict
from blueprint.exemptions import Exemption, Exemptions, Kind
from blueprint.judgement import Judgements, Scope, judge
from blueprint.results import Result

CATALOGUE = read_catalogue()
BOXES = tuple(clause for clause in CATALOGUE if clause.chapter.id == "CHK")
PAGE = (Path(__file__).parents[1] / "docs" / "technical-manual" / "infrastructure.md").read_text(encoding="utf-8")
ROLLED_UP = {
    "CHK-001": [f"CMP-{number:03}" for number in range(11, 17)],
    "CHK-002": ["HLM-009", "HLM-010", "HLM-011", "HLM-016", "HLM-018"],
    "CHK-003": ["CFG-005", "CFG-006"],
    "CHK-004": ["HLM-012"],
    "CHK-005": [*(f"DOC-{number:03}" for number in range(1, 6)), "CHG-002"],
}
PARTS = [pytest.param(box, part, id=f"{box.id}-{part}") for box in BOXES for part in box.rolls_up]


def judged(without: str, findings: Findings | None, tiers: frozenset[Tier] = frozenset(Tier)) -> Judgements:
    """All is proven, except that one clause is as its findings are; without findings it has no proof."""
    good = Findings.of("a", "a", (), "1 of 1")
    results = [
        Result(clause, tier, case, "t::p", findings=findings if clause == without else good, evidence=("o1",))
        for clause, tier, case in CATALOGUE.obligations()
        if clause != without or findings
    ]
    return judge(CATALOGUE, Exemptions(()), results, Scope(tiers, "local", date(2026, 1, 31)))


def ticked(judgements: Judgements) -> set[str]:
    return {box.id for box in BOXES if judgements.verdict(box.id) is Verdict.PASS}


def test_every_box_of_the_page_is_a_clause_that_rolls_up() -> None:
    boxes = re.findall(r"^- \[ \] .*\((CHK-\d{3})\)\.$", PAGE, re.MULTILINE)
    assert boxes == [box.id for box in BOXES]
    assert {box.id: list(box.rolls_up) for box in BOXES} == ROLLED_UP


def test_all_boxes_are_ticked_when_all_is_proven() -> None:
    assert ticked(judged("", None)) == {box.id for box in BOXES}


@pytest.mark.parametrize(("box", "part"), PARTS)
def test_a_box_is_not_ticked_while_a_part_of_it_fails_or_is_not_proven(box: Clause, part: str) -> None:
    others = {other.id for other in BOXES if part not in other.rolls_up}
    failed = judged(part, Findings.of("a", "a", [Finding("it is wrong")]))
    assert (failed.verdict(box.id), ticked(failed)) == (Verdict.FAIL, others)
    unproven = judged(part, None)
    assert (unproven.verdict(box.id), ticked(unproven)) == (Verdict.NO_PROOF, others)
    too_little = judged(part, Findings.of("a", "ab"))
    assert (too_little.verdict(box.id), ticked(too_little)) == (Verdict.INCONCLUSIVE, others)


@pytest.mark.parametrize("box", BOXES, ids=lambda box: box.id)
def test_a_box_is_not_ticked_by_a_session_that_left_a_tier_of_it_out(box: Clause) -> None:
    tiers = {tier for part in box.rolls_up for tier in CATALOGUE.by_id[part].tiers}
    for tier in tiers:
        judgements = judged("", None, frozenset(Tier) - {tier})
        assert judgements.verdict(box.id) is Verdict.NOT_VERIFIED, f"{tier} was not selected"


def test_what_is_exempt_ticks_no_box() -> None:
    row = Exemption(Kind.NOT_YET, "HLM-012", "not built", "x:1")
    left = [each for each in CATALOGUE.obligations() if each[0] != "HLM-012"]
    good = Findings.of("a", "a", (), "1 of 1")
    results = [Result(*each, "t::p", findings=good, evidence=("o1",)) for each in left]
    scope = Scope(frozenset(Tier), "local", date(2026, 1, 31))
    assert judge(CATALOGUE, Exemptions((row,)), results, scope).verdict("CHK-004") is Verdict.NOT_YET
