"""A name for each finding that survives lines that move; a sentence that counts changes with its count."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

DIGITS = 20
"""Hexadecimal digits of a fingerprint; 80 bits tell any two findings of a tree apart."""


def fingerprints(verdicts: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Each finding of verdicts.json with its fingerprint and the obligation that it is of.

    A finding is named by clause, tier, case, file, key and sentence; never by its line. Findings that agree in all
    of these are numbered in their order, so that one more of them is a new one.
    """
    met: Counter[str] = Counter()
    for clause, tier, case, judged in _cases(verdicts):
        for finding in judged["findings"]:
            parts = [clause, tier, case, finding["file"], finding["key"], finding["what"]]
            name = json.dumps(parts, ensure_ascii=False)
            met[name] += 1
            digest = hashlib.sha256(f"{name}{met[name]}".encode("utf-8", "surrogatepass")).hexdigest()
            yield digest[:DIGITS], f"{clause} {tier} {case}", finding


def _cases(verdicts: Mapping[str, Any]) -> Iterator[tuple[str, str, str, Mapping[str, Any]]]:
    for clause, body in verdicts["clauses"].items():
        for tier in ("static", "compose", "cluster", "drill"):
            for case, judged in body.get(tier, {}).get("cases", {}).items():
                yield clause, tier, case, judged
