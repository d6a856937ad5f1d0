"""The findings that were there when a tree took the suite up: kept in a file, so that a gate minds new ones alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blueprint.evidence import RED, Verdict
from blueprint.fingerprints import fingerprints
from blueprint.trouble import Trouble

VERSION = 1
_WRITE = "nox -s verify-static -- --baseline write"


@dataclass(frozen=True, slots=True)
class Compared:
    """A run beside its baseline.

    Attributes:
        held: fingerprints of findings that the baseline knows.
        new: findings that it does not know, by fingerprint, as a reader is told them.
        gone: what the baseline holds and the run does not find any more, likewise.
    """

    held: frozenset[str]
    new: Mapping[str, str]
    gone: Mapping[str, str]


def baseline_of(verdicts: Mapping[str, Any]) -> str:
    """The text of a baseline that holds all findings of verdicts.json; sorted, so that its changes are few."""
    known = {name: _told(obligation, finding) for name, obligation, finding in fingerprints(verdicts)}
    return (
        json.dumps({"version": VERSION, "findings": dict(sorted(known.items()))}, indent=1, ensure_ascii=False) + "\n"
    )


def read_baseline(path: Path) -> dict[str, str]:
    """What a baseline holds, by fingerprint.

    Raises:
        Trouble: it is not there, or is no baseline.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Trouble(f"cannot be read as a baseline: {reason}", where=str(path), next_command=_WRITE) from None
    known = document.get("findings") if isinstance(document, dict) else None
    if not isinstance(known, dict) or not all(isinstance(told, str) for told in known.values()):
        raise Trouble("is no baseline: it has no table `findings`", where=str(path), next_command=_WRITE)
    if document.get("version") != VERSION:
        raise Trouble(f"is no baseline of version {VERSION}", where=str(path), next_command=_WRITE)
    return known


def compare(verdicts: Mapping[str, Any], known: Mapping[str, str]) -> Compared:
    """Hold a run against its baseline; only what a ``must`` clause finds, and makes red, can be new.

    What is red without a finding (an error, no proof, less examined than there is, a broken run) is in no baseline:
    a gate has to stay red for it.
    """
    found = {name: (obligation, finding) for name, obligation, finding in fingerprints(verdicts)}
    red = {name: row for name, row in found.items() if _is_red(verdicts, row[0])}
    new = {name: _told(*row) for name, row in red.items() if name not in known}
    gone = {name: told for name, told in known.items() if name not in found}
    return Compared(frozenset(found.keys() & known.keys()), new, gone)


def _is_red(verdicts: Mapping[str, Any], obligation: str) -> bool:
    name, tier, case = obligation.split(" ", 2)
    clause = verdicts["clauses"][name]
    return clause["level"] == "must" and Verdict(clause[tier]["cases"][case]["verdict"]) in RED


def _told(obligation: str, finding: Mapping[str, Any]) -> str:
    place = " ".join(part for part in (finding["file"], finding["key"]) if part)
    return f"{obligation}: {place}: {finding['what']}" if place else f"{obligation}: {finding['what']}"
