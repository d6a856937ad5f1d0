"""The evidence of a run, bounded: what a page can hold of a file that may have any size."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blueprint.trouble import Trouble
from reports.told import RUN_AGAIN

LOOKS = frozenset({"look", "do", "wait"})
SHOWN = 1500
"""Characters of one answer that the page repeats."""
BUDGET = 600_000
"""Characters of evidence in the whole page; what is beyond stands in evidence.jsonl alone."""
_NEEDED = ("id", "target", "asked", "seen")


@dataclass(frozen=True, slots=True)
class Look:
    """One observation, as the page shows it.

    Attributes:
        line: of evidence.jsonl, counted from 1.
        asked, seen: as JSON, cut after :data:`SHOWN` characters.
        cut: how many characters of ``seen`` were left out.
    """

    id: str
    line: int
    at: str
    kind: str
    target: str
    asked: str
    seen: str
    cut: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the page repeats of the evidence, and what it does not.

    Attributes:
        looks: those that are cited, as far as the budget reached, by id.
        lines: the line of every observation, by id.
        torn: whether the file ends in the middle of a line, as that of a killed run does.
    """

    looks: Mapping[str, Look]
    lines: Mapping[str, int]
    torn: bool


def read_evidence(out: Path, cited: Iterable[str], shown: Iterable[str] = ()) -> Evidence:
    """Read the evidence of a run, check that all that is cited is there, and keep what is to be shown.

    Args:
        out: the folder of the run.
        cited: ids that must be there.
        shown: ids to keep, the most important first: what lies beyond :data:`BUDGET` is left to the file.

    Raises:
        Trouble: evidence.jsonl is missing, a line of it is not one of evidence, or a cited observation is not there.
    """
    path = out / "evidence.jsonl"
    wanted = dict.fromkeys(shown)
    looks: dict[str, Look] = {}
    lines: dict[str, int] = {}
    torn = False
    for number, row in _rows(path):
        if row is None:
            torn = True
            break
        if row["kind"] not in LOOKS:
            continue
        _refuse_incomplete(row, f"{path}:{number}")
        lines[row["id"]] = number
        if row["id"] in wanted:
            looks[row["id"]] = _look(row, number)
    if missing := [name for name in dict.fromkeys(cited) if name not in lines]:
        raise Trouble(
            f"holds no observation {', '.join(missing[:5])}, which verdicts.json cites",
            where=f"{path}:{max(lines.values(), default=1)}",
            next_command=RUN_AGAIN,
        )
    return Evidence(_affordable(looks, wanted), lines, torn)


def _affordable(looks: Mapping[str, Look], wanted: Iterable[str]) -> dict[str, Look]:
    """As many of the looks as the budget holds, in the order in which they are wanted."""
    kept: dict[str, Look] = {}
    budget = BUDGET
    for name in wanted:
        if name in looks and budget > 0:
            look = kept[name] = looks[name]
            budget -= len(look.seen) + len(look.asked) + len(look.target)
    return kept


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Each line with its number; None for a last line that a killed run left half."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Trouble("is not there: nothing shows what was seen", where=str(path), next_command=RUN_AGAIN) from None
    except (OSError, UnicodeDecodeError) as error:
        raise Trouble(f"cannot be read: {error}", where=str(path), next_command=RUN_AGAIN) from None
    rows = text.split("\n")
    for number, line in enumerate(rows, 1):
        if not line:
            continue
        try:
            row = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            if number == len(rows):
                yield number, None
                return
            raise Trouble(f"is not JSON: {error}", where=f"{path}:{number}", next_command=RUN_AGAIN) from None
        if not isinstance(row, dict) or "kind" not in row:
            raise Trouble("is no line of evidence: it has no kind", where=f"{path}:{number}", next_command=RUN_AGAIN)
        yield number, row


def _refuse_incomplete(row: Mapping[str, Any], where: str) -> None:
    if missing := [name for name in _NEEDED if name not in row]:
        raise Trouble(f"the observation has no {', '.join(missing)}", where=where, next_command=RUN_AGAIN)


def _look(row: Mapping[str, Any], line: int) -> Look:
    seen, asked = _json(row["seen"]), _json(row["asked"])
    return Look(
        id=row["id"],
        line=line,
        at=str(row.get("at", "")),
        kind=row["kind"],
        target=str(row["target"])[:SHOWN],
        asked=asked[:SHOWN],
        seen=seen[:SHOWN],
        cut=max(0, len(seen) - SHOWN),
        seconds=row["seconds"] if isinstance(row.get("seconds"), int | float) else 0.0,
    )


def _json(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
