"""From what the proofs found to one verdict per clause, tier and case. Pure: same input, same verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Any

from blueprint.catalogue import Catalogue, Clause, Level, Tier
from blueprint.evidence import PROVEN, RED, Finding, Findings, Verdict, worst
from blueprint.exemptions import Exemption, Exemptions, Kind
from blueprint.results import Result

FAILURES = RED - {Verdict.NO_PROOF}
"""What a proof that ran can come to, and be red."""
LONG_DRILLS = "nox -s drills"
"""What runs the long drills."""
WARN_DAYS = 14
"""How long before a waiver expires every run says so."""


@dataclass(frozen=True, slots=True)
class Scope:
    """How much was to be judged, where, and on which day.

    Attributes:
        tiers: those that were selected; what another would prove is not verified.
        environment: where the run looked, one of :data:`blueprint.exemptions.ENVIRONMENTS`.
        as_of: the date that the expiry of waivers is held against.
        narrowed: how less than everything was chosen, e.g. ``-k gateway``; what was then not run is not verified.
        deselected: obligations of which a proof was left out by that choice.
        withheld: obligations of which a proof may not run where the run looked, and why.
        long: whether long drills were selected too.
    """

    tiers: frozenset[Tier]
    environment: str
    as_of: date
    narrowed: str = ""
    deselected: frozenset[tuple[str, Tier, str]] = frozenset()
    long: bool = False
    withheld: Mapping[tuple[str, Tier, str], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on one clause in one tier for one case, and what it rests on."""

    clause: str
    tier: Tier
    case: str
    verdict: Verdict
    message: str = ""
    results: tuple[Result, ...] = ()
    exemption: Exemption | None = None

    @property
    def findings(self) -> Findings:
        """What all its proofs found together."""
        together = Findings.of((), ())
        for result in self.results:
            together |= result.findings or Findings.of((), ())
        return together

    def document(self) -> dict[str, Any]:
        """The judgement as it stands in verdicts.json."""
        findings = self.findings
        return {
            "verdict": self.verdict.value,
            "examined": len(findings.examined),
            "population": len(findings.population),
            "observed": findings.observed,
            "message": self.message,
            "findings": [_finding(finding) for finding in findings.found],
            "unexamined": sorted(findings.unexamined),
            "proofs": [result.proof for result in self.results],
            "evidence": list(dict.fromkeys(name for result in self.results for name in result.evidence)),
            "seconds": round(sum(result.seconds for result in self.results), 3),
            "exemption": _exemption(self.exemption) if self.exemption else None,
            "stand_ins": sorted({name for result in self.results for name in result.stand_ins}),
        }


def _finding(finding: Finding) -> dict[str, Any]:
    place = finding.place
    return {
        "what": finding.what,
        "file": place.file,
        "line": place.line,
        "key": place.key,
        "remedy": finding.remedy,
    }


def _exemption(row: Exemption) -> dict[str, Any]:
    until = row.until.isoformat() if row.until else None
    return {"kind": row.kind.value, "reason": row.reason, "owner": row.owner or None, "until": until}


@dataclass(frozen=True)
class Judgements:
    """Everything that was judged, and what it makes of the run.

    Attributes:
        cases: one judgement per obligation, in the order of the catalogue.
        warnings: exemptions that are not needed, and whatever else a reader should mend in time.
        broken: what makes the run red besides its verdicts, e.g. an expired waiver or a leaked secret.
        narrowed: how whoever ran it chose less than everything; empty where they did not.
    """

    catalogue: Catalogue
    cases: tuple[Judgement, ...]
    warnings: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    narrowed: str = ""
    _by_clause: dict[str, list[Judgement]] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        for case in self.cases:
            self._by_clause.setdefault(case.clause, []).append(case)

    def of(self, clause: str) -> tuple[Judgement, ...]:
        """The judgements on one clause; none where it is a roll-up."""
        return tuple(self._by_clause.get(clause, ()))

    def verdict(self, clause: str) -> Verdict:
        """The worst of a clause's cases, or of the clauses that it rolls up."""
        parts = self.catalogue.by_id[clause].rolls_up
        return worst(map(self.verdict, parts) if parts else (case.verdict for case in self.of(clause)))

    @cached_property
    def advised(self) -> tuple[str, ...]:
        """The ``should`` clauses with a finding: shown, never red."""
        failed = {case.clause for case in self.cases if case.verdict is Verdict.FAIL}
        return tuple(clause.id for clause in self.catalogue if clause.level is Level.SHOULD and clause.id in failed)

    @cached_property
    def red(self) -> tuple[Judgement, ...]:
        """The judgements that make the run red."""
        return tuple(case for case in self.cases if makes_red(self.catalogue.by_id[case.clause].level, case.verdict))

    @property
    def green(self) -> bool:
        """Whether nothing is red."""
        return not self.red and not self.broken

    @property
    def compliant(self) -> bool:
        """Whether every must case of every tier is ``pass``; a stand-in is not the named product."""
        must = (case for case in self.cases if self.catalogue.by_id[case.clause].level is Level.MUST)
        return self.green and all(case.verdict is Verdict.PASS for case in must)

    def breaking(self, *reasons: str) -> Judgements:
        """The same, with more that makes the run red."""
        return replace(self, broken=self.broken + reasons)

    def document(self, run: dict[str, Any]) -> dict[str, Any]:
        """All of verdicts.json; ``run`` says who looked, where, when and with what."""
        chapters = {clause.chapter.id: clause.chapter.title for clause in self.catalogue}
        clauses = {clause.id: self._clause(clause) for clause in self.catalogue}
        return {"run": run, "chapters": chapters, "clauses": clauses, "summary": self.summary()}

    def summary(self) -> dict[str, Any]:
        """What a reader wants to know first."""
        counts = Counter(case.verdict.value for case in self.cases)
        return {
            "compliant": self.compliant,
            "green": self.green,
            "counts": {verdict.value: counts[verdict.value] for verdict in Verdict},
            "proven": sum(case.verdict in PROVEN for case in self.cases),
            "obligations": len(self.cases),
            "advised": list(self.advised),
            "warnings": list(self.warnings),
            "broken": list(self.broken),
            "narrowed": self.narrowed,
        }

    def _clause(self, clause: Clause) -> dict[str, Any]:
        document: dict[str, Any] = {
            "chapter": clause.chapter.id,
            "section": clause.section,
            "statement": clause.statement,
            "level": clause.level.value,
            "why": clause.why,
            "remedy": clause.remedy,
            "verdict": self.verdict(clause.id).value,
        }
        if clause.rolls_up:
            document["rolls_up"] = {part: self.verdict(part).value for part in clause.rolls_up}
        for tier in clause.tiers:
            cases = [case for case in self.of(clause.id) if case.tier is tier]
            document[tier.value] = {
                "verdict": worst(case.verdict for case in cases).value,
                "cases": {case.case: case.document() for case in cases},
            }
        return document


def makes_red(level: Level, verdict: Verdict) -> bool:
    """Whether a verdict makes the run red: a finding on a ``should`` clause is advice."""
    return verdict in RED and not (level is Level.SHOULD and verdict is Verdict.FAIL)


def judge(catalogue: Catalogue, exemptions: Exemptions, results: Iterable[Result], scope: Scope) -> Judgements:
    """One judgement per obligation of the catalogue, whatever was looked at."""
    by_obligation: dict[tuple[str, Tier, str], list[Result]] = {}
    for result in results:
        by_obligation.setdefault((result.clause, result.tier, result.case), []).append(result)
    cases = []
    for obligation in catalogue.obligations():
        found = by_obligation.get(obligation, [])
        row = exemptions.of(*obligation, scope.environment)
        is_long = obligation[2] in catalogue.by_id[obligation[0]].long
        own = _unselected(obligation, scope, is_long=is_long) or _own_verdict(obligation, found, scope)
        verdict, message = excused(*own, row, scope.as_of)
        cases.append(Judgement(*obligation, verdict, message, tuple(found), row))
    expired = (row for row in exemptions if row.expired(scope.as_of))
    broken = tuple(f"expired on {row.until}: {row}, owner {row.owner}" for row in expired)
    warnings = _unneeded(exemptions, cases) + _expiring(exemptions, scope.as_of)
    return Judgements(catalogue, tuple(cases), warnings, broken, scope.narrowed)


def _unselected(obligation: tuple[str, Tier, str], scope: Scope, *, is_long: bool) -> tuple[Verdict, str] | None:
    """The verdict on what this run was not to judge; None where it was."""
    tier = obligation[1]
    if tier not in scope.tiers:
        return Verdict.NOT_VERIFIED, f"tier {tier} was not selected"
    if is_long and not scope.long:
        return Verdict.NOT_VERIFIED, f"a long drill, and those were not selected: {LONG_DRILLS}"
    return None


def _own_verdict(obligation: tuple[str, Tier, str], results: Sequence[Result], scope: Scope) -> tuple[Verdict, str]:
    verdicts = [result.verdict() for result in results]
    may_run = obligation not in scope.withheld
    left_out = not may_run or obligation in scope.deselected or (bool(scope.narrowed) and not results)
    if left_out and not any(verdict in FAILURES for verdict, _ in verdicts):
        return Verdict.NOT_VERIFIED, f"left out: {scope.narrowed}" if may_run else scope.withheld[obligation]
    if not verdicts:
        return Verdict.NO_PROOF, "no proof is there"
    decisive = worst(verdict for verdict, _ in verdicts)
    return decisive, "; ".join(message for verdict, message in verdicts if verdict is decisive and message)


def excused(verdict: Verdict, message: str, row: Exemption | None, as_of: date) -> tuple[Verdict, str]:
    """What an exemption makes of a verdict.

    ``not_yet`` covers whatever is not proven. A waiver covers a finding, nothing else: what is waived really fails.
    ``unavailable`` covers what could not be looked at; a finding shows that it could.
    """
    if row is None or verdict in PROVEN:
        return verdict, message
    if row.kind is Kind.NOT_YET:
        return Verdict.NOT_YET, row.reason
    if row.kind is Kind.WAIVER and verdict is Verdict.FAIL and not row.expired(as_of):
        return Verdict.WAIVED, f"{row.reason} (until {row.until}, {row.owner}): {message}"
    if row.kind is Kind.UNAVAILABLE and verdict is not Verdict.FAIL:
        return Verdict.NOT_VERIFIED, f"unavailable: {row.reason}"
    return verdict, message


def _expiring(exemptions: Exemptions, as_of: date) -> tuple[str, ...]:
    """Waivers that will make a run red soon."""
    left = [(row, (row.until - as_of).days) for row in exemptions if row.until is not None]
    return tuple(f"{days} days left: {row}, owner {row.owner}" for row, days in left if 0 <= days <= WARN_DAYS)


def _unneeded(exemptions: Exemptions, cases: Iterable[Judgement]) -> tuple[str, ...]:
    """Exemptions under which something stands that is proven all the same."""
    covered: dict[Exemption, list[Judgement]] = {}
    for case in cases:
        if case.exemption:
            covered.setdefault(case.exemption, []).append(case)
    warnings = []
    for row in exemptions:
        proven = [f"{case.tier} {case.case}" for case in covered.get(row, ()) if case.verdict in PROVEN]
        if proven:
            warnings.append(f"not needed: {row}; proven are {', '.join(proven)}")
    return tuple(warnings)
