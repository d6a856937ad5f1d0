"""DRR-008: the newest green drill is less than a quarter old."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from typing import Any

from blueprint.documents import Document
from blueprint.evidence import Finding, Findings, Place
from blueprint.rules.documentation import WARNED_DAYS, a_quarter_after

RECORD = "docs/development-manual/drills.toml"
"""What `nox -s drills` writes and a person commits: a table [[drill]] with case, day, verdict and commit for each."""
_REMEDY = f"run `nox -s drills`, and commit {RECORD}"
_GREEN = frozenset({"pass", "pass_stand_in"})


def stale_drill(record: Document, case: str, as_of: date) -> Findings:
    """Whether the newest green drill of a case, a store or ``failover``, is less than a quarter old on a day."""
    if not record:
        return Findings.of([case], [case], [record.absence(_REMEDY)])
    drills, faults = _read(record)
    green = [(day, line) for name, day, verdict, line in drills if name == case and verdict in _GREEN]
    if not green:
        ran = sum(name == case for name, *_ in drills)
        what = f"no green drill of {case} is recorded" + (f", and {ran} that were not green" if ran else "")
        return Findings.of([case], [case], [*faults, Finding(what, Place(record.path, 1, case), _REMEDY)])
    day, line = max(green)
    due = a_quarter_after(day)
    place = Place(record.path, line, case)
    found = list(faults)
    if day > as_of:
        found.append(Finding(f"the drill of {day} has yet to come on {as_of}", place, "correct the day"))
    elif due <= as_of:
        found.append(Finding(f"the newest green drill of {case} is of {day}, a quarter old on {due}", place, _REMEDY))
    left = (due - as_of).days
    soon = f", in {left} days" if left <= WARNED_DAYS else ""
    return Findings.of([case], [case], found, f"{case} was drilled on {day}; due again on {due}{soon}")


def _read(record: Document) -> tuple[list[tuple[str, date, str, int]], list[Finding]]:
    """Each drill with its line, and what cannot be read."""
    try:
        rows = tomllib.loads(record.text).get("drill", [])
    except tomllib.TOMLDecodeError as error:
        where = re.search(r"line (\d+)", str(error))
        return [], [Finding(f"is not TOML: {error}", Place(record.path, int(where[1]) if where else 1))]
    starts = [number for number, text in enumerate(record.text.split("\n"), 1) if text.strip() == "[[drill]]"]
    if not isinstance(rows, list) or len(starts) != len(rows):
        what = "holds drills that are not tables [[drill]], each on a line of its own"
        return [], [Finding(what, Place(record.path, 1))]
    drills, faults = [], []
    for row, line in zip(rows, starts, strict=True):
        if _is_drill(row):
            drills.append((row["case"], row["day"], row["verdict"], line))
        else:
            what = "is no drill with case, day, verdict and commit"
            faults.append(Finding(what, Place(record.path, line), "let `nox -s drills` write it"))
    return drills, faults


def _is_drill(row: Mapping[str, Any]) -> bool:
    texts = all(isinstance(row.get(key), str) and row[key] for key in ("case", "verdict", "commit"))
    return texts and type(row.get("day")) is date
