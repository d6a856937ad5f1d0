"""The findings that were there when a tree took the suite up: kept in a file, so that a gate minds new ones alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from blueprint.catalogue import Catalogue, Tier
from blueprint.evidence import Verdict
from blueprint.fingerprints import case_of, fingerprints, unexamined
from blueprint.judgement import Judgement, Judgements
from blueprint.results import NOTHING_THERE
from blueprint.trouble import Trouble

VERSION = 1
_WRITE = "the same with --baseline write"
_UNSEEN = frozenset({Verdict.NOT_VERIFIED, Verdict.NO_PROOF, Verdict.ERROR})
_DOUBTS = frozenset({Verdict.INCONCLUSIVE, Verdict.NO_PROOF})
KNOWABLE = frozenset({Verdict.FAIL, Verdict.INCONCLUSIVE})
"""Verdicts that a tree may have when it takes the suite up; of the second kind only what had nothing to examine."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a tree had when it took the suite up.

    Attributes:
        tiers: those that it was judged in.
        known: its findings by fingerprint, as a reader is told them.
    """

    tiers: frozenset[str]
    known: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Gate:
    """A run beside its baseline.

    Attributes:
        held: fingerprints of findings that the baseline knows.
        new: findings that it does not know and that make the run red, by fingerprint.
        gone: what the baseline holds and the run does not find any more, likewise.
        shut: what is red without being a finding, and therefore in no baseline.
    """

    held: frozenset[str]
    new: Mapping[str, str]
    gone: Mapping[str, str]
    shut: tuple[str, ...]

    @property
    def is_open(self) -> bool:
        """Whether nothing is red but what the baseline knows."""
        return not self.new and not self.shut


def baseline_of(verdicts: Mapping[str, Any]) -> str:
    """The text of a baseline that holds the findings of verdicts.json, sorted, so that its changes are few.

    Where a tree has nothing that a clause speaks of, that is held like a finding. What stands under an exemption is
    not in it: when the exemption ends, it is red.
    """
    rows = [row for row in _rows(verdicts) if case_of(verdicts, row[1])["verdict"] in KNOWABLE]
    known = dict(sorted((name, _told(obligation, finding)) for name, obligation, finding in rows))
    document = {"version": VERSION, "tiers": sorted(verdicts["run"]["tiers"]), "findings": known}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def read_baseline(path: Path, catalogue: Catalogue, tiers: frozenset[Tier]) -> Baseline:
    """The baseline in a file, for a run over these tiers.

    Raises:
        Trouble: it is not there, is no baseline, is of another version, or no longer fits what is to be judged.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Trouble(f"cannot be read as a baseline: {reason}", where=str(path), next_command=_WRITE) from None
    baseline = _baseline(document, path)
    if more := sorted(tiers - baseline.tiers):
        told = f"was written over {', '.join(sorted(baseline.tiers))}, and {', '.join(more)} is to be judged too"
        raise Trouble(f"the baseline is stale: it {told}", where=str(path), next_command=_WRITE)
    heads = tuple(f"{clause} {tier} {case}: " for clause, tier, case in catalogue.obligations())
    if lost := [told for told in baseline.known.values() if not told.startswith(heads)]:
        told = f"{len(lost)} of its findings are of nothing that is judged, first {lost[0]!r}"
        raise Trouble(f"the baseline is stale: {told}", where=str(path), next_command=_WRITE)
    return baseline


def _baseline(document: object, path: Path) -> Baseline:
    table = document if isinstance(document, dict) else {}
    version, tiers, known = (table.get(name) for name in ("version", "tiers", "findings"))
    if "version" in table and (type(version) is not int or version != VERSION):
        what = f"is a baseline of version {version!r}, and this suite reads version {VERSION}"
        raise Trouble(what, where=str(path), next_command=_WRITE)
    texts = [*tiers, *known.values()] if isinstance(tiers, list) and isinstance(known, dict) else [None]
    if version is None or not all(isinstance(text, str) for text in texts):
        what = "is no baseline: that has `version`, a list `tiers` and a table `findings`"
        raise Trouble(what, where=str(path), next_command=_WRITE)
    return Baseline(frozenset(tiers or ()), known or {})


def gate(judged: Judgements, verdicts: Mapping[str, Any], baseline: Baseline) -> Gate:
    """Hold a run against its baseline. Only what makes the run red can be new; what was not looked at is not gone."""
    found = {name: (obligation, finding) for name, obligation, finding in _rows(verdicts)}
    red = {f"{case.clause} {case.tier} {case.case}": case for case in judged.red}
    new = {name: _told(*row) for name, row in found.items() if row[0] in red and name not in baseline.known}
    unseen = tuple(f"{case.clause} {case.tier} {case.case}: " for case in judged.cases if case.verdict in _UNSEEN)
    missed = {name: told for name, told in baseline.known.items() if name not in found}
    gone = {name: told for name, told in missed.items() if not told.startswith(unseen)}
    shut = (*judged.broken, *(reason for case in judged.red for reason in _without_finding(case)))
    return Gate(frozenset(found.keys() & baseline.known.keys()), new, gone, shut)


def new_of(gate: Gate, verdicts: Mapping[str, Any]) -> frozenset[str]:
    """Obligations with a finding that the gate calls new."""
    return frozenset(obligation for name, obligation, _ in _rows(verdicts) if name in gate.new)


def _rows(verdicts: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    return chain(fingerprints(verdicts), unexamined(verdicts))


def _without_finding(case: Judgement) -> Iterator[str]:
    """What makes a case red besides what can be held; a proof beside one that found something may have seen nothing."""
    told = f"{case.clause} {case.tier} {case.case}"
    if case.verdict is not Verdict.FAIL and case.message != NOTHING_THERE:
        yield f"{told}: {case.verdict}: {case.message.partition(chr(10))[0]}"
        return
    for result in case.results:
        verdict, message = result.verdict()
        if verdict in _DOUBTS and not (message == NOTHING_THERE == case.message):
            yield f"{told}: {verdict}: {message}"


def _told(obligation: str, finding: Mapping[str, Any]) -> str:
    place = " ".join(part for part in (finding["file"], finding["key"]) if part)
    return f"{obligation}: {place}: {finding['what']}" if place else f"{obligation}: {finding['what']}"
