"""A name for each finding that survives lines that move; a sentence that counts changes with its count."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from blueprint.evidence import Verdict
from blueprint.results import NOTHING_THERE

DIGITS = 20
"""Hexadecimal digits of a fingerprint; 80 bits tell any two findings of a tree apart."""
_HIDDEN = re.compile(r"hmac:[0-9a-f]{24}")
"""How a secret stands in what a run writes; under another key in each run."""


def fingerprints(verdicts: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Each finding of verdicts.json with its fingerprint and the obligation that it is of.

    A finding is named by clause, tier, case, file, key and sentence; never by its line. Findings that agree in all
    of these are numbered in their order, so that one more of them is a new one.
    """
    yield from _named((*head, finding) for *head, judged in cases(verdicts) for finding in judged["findings"])


def unexamined(verdicts: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """What a proof that found something did not examine, and where there was nothing, in the form of findings."""
    for *head, judged in cases(verdicts):
        yield from _named((*head, {"what": what, "file": "", "key": ""}) for what in _missed(judged))


def _missed(judged: Mapping[str, Any]) -> Iterator[str]:
    if judged["verdict"] == Verdict.FAIL:
        yield from (f"not examined: {name}" for name in judged["unexamined"])
    elif judged["verdict"] == Verdict.INCONCLUSIVE and judged["message"] == NOTHING_THERE:
        yield NOTHING_THERE


def _named(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    met: Counter[str] = Counter()
    for clause, tier, case, finding in rows:
        parts = [clause, tier, case, finding["file"], finding["key"], finding["what"]]
        name = _HIDDEN.sub("hmac:", json.dumps(parts, ensure_ascii=False))
        met[name] += 1
        digest = hashlib.sha256(f"{name}{met[name]}".encode("utf-8", "surrogatepass")).hexdigest()
        yield digest[:DIGITS], f"{clause} {tier} {case}", finding


def cases(verdicts: Mapping[str, Any]) -> Iterator[tuple[str, str, str, Mapping[str, Any]]]:
    """Every judged case of verdicts.json: clause, tier, case, and what was made of it."""
    for clause, body in verdicts["clauses"].items():
        for tier in ("static", "compose", "cluster", "drill"):
            for case, judged in body.get(tier, {}).get("cases", {}).items():
                yield clause, tier, case, judged


def case_of(verdicts: Mapping[str, Any], obligation: str) -> Mapping[str, Any]:
    """The judged case that :func:`fingerprints` names like that."""
    clause, tier, case = obligation.split(" ", 2)
    judged: Mapping[str, Any] = verdicts["clauses"][clause][tier]["cases"][case]
    return judged
