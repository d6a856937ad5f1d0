"""What is known not to be green, read from ``exemptions.toml``: the only thing that makes red green."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from blueprint.catalogue import Catalogue, Clause, Tier
from blueprint.trouble import Trouble

EXEMPTIONS = Path(__file__).parent / "exemptions.toml"
ENVIRONMENTS = ("local", "dev", "staging", "prod")
"""Where a run may look: worlds of our own making are ``local``, the others are those of the values files."""

_FIELDS = {"kind", "clause", "tier", "case", "environment", "reason", "owner", "until"}


class Kind(StrEnum):
    """Why an obligation may stand there unproven."""

    NOT_YET = "not_yet"
    WAIVER = "waiver"
    UNAVAILABLE = "unavailable"


_NEEDED = {
    Kind.NOT_YET: {"kind", "clause", "reason"},
    Kind.WAIVER: {"kind", "clause", "reason", "owner", "until"},
    Kind.UNAVAILABLE: {"kind", "clause", "reason"},
}


@dataclass(frozen=True, slots=True)
class Exemption:
    """One table of exemptions.toml; an empty tier, case or environment means every one.

    Attributes:
        until: the last day on which a waiver counts; only waivers have one.
        place: ``file:line`` of its table.
    """

    kind: Kind
    clause: str
    reason: str
    place: str
    tier: Tier | None = None
    case: str = ""
    environment: str = ""
    owner: str = ""
    until: date | None = None

    def covers(self, clause: str, tier: Tier, case: str, environment: str) -> bool:
        """Whether it speaks of this obligation in this environment."""
        return (
            self.clause == clause
            and self.tier in {None, tier}
            and self.case in {"", case}
            and self.environment in {"", environment}
        )

    def expired(self, as_of: date) -> bool:
        """Whether its last day lies before that date."""
        return self.until is not None and self.until < as_of

    def __str__(self) -> str:
        """The exemption as a warning names it: kind, scope, place."""
        scope = " ".join(part for part in (self.clause, self.tier or "", self.case, self.environment) if part)
        return f"{self.kind} of {scope} ({self.place})"


@dataclass(frozen=True, slots=True)
class Exemptions:
    """All exemptions, in the order of the file."""

    rows: tuple[Exemption, ...] = ()

    def __iter__(self) -> Iterator[Exemption]:
        return iter(self.rows)

    def of(self, clause: str, tier: Tier, case: str, environment: str) -> Exemption | None:
        """The exemption that covers an obligation; the reader refuses a second one."""
        return next((row for row in self.rows if row.covers(clause, tier, case, environment)), None)


def read_exemptions(path: Path, catalogue: Catalogue) -> Exemptions:
    """Read the exemptions and hold them against the catalogue.

    A file that is not there exempts nothing.

    Raises:
        Trouble: the file is not TOML, or a table has an unknown kind, field, clause, tier, case or environment,
            lacks what its kind needs, or overlaps one before it.
    """
    if not path.exists():
        return Exemptions()
    text = path.read_text(encoding="utf-8")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        where = re.search(r"line (\d+)", str(error))
        raise Trouble(f"not TOML: {error}", where=f"{path.name}:{where[1] if where else 1}") from None
    tables = document.get("exemption", [])
    lines = [number for number, line in enumerate(text.splitlines(), 1) if line.strip() == "[[exemption]]"]
    if set(document) - {"exemption"} or not isinstance(tables, list) or len(tables) != len(lines):
        raise Trouble("holds [[exemption]] tables, each header on a line of its own, and nothing else", where=path.name)
    rows: list[Exemption] = []
    for table, line in zip(tables, lines, strict=True):
        row = _exemption(table, catalogue, f"{path.name}:{line}")
        _refuse_overlap(row, rows)
        rows.append(row)
    return Exemptions(tuple(rows))


def _exemption(table: dict[str, Any], catalogue: Catalogue, place: str) -> Exemption:
    if unknown := set(table) - _FIELDS:
        known = ", ".join(sorted(_FIELDS))
        raise Trouble(f"unknown field {', '.join(sorted(unknown))}; known are {known}", where=place)
    _refuse_wrong_types(table, place)
    kind = table.get("kind")
    if kind not in set(Kind):
        raise Trouble(f"unknown kind {kind!r}; known: {', '.join(Kind)}", where=place)
    needed = _NEEDED[Kind(kind)]
    if missing := {name for name in needed if not table.get(name)}:
        raise Trouble(f"a {kind} needs {', '.join(sorted(missing))}", where=place)
    if extra := set(table) & {"owner", "until"} - needed:
        raise Trouble(f"only a waiver has {', '.join(sorted(extra))}", where=place)
    clause = catalogue.by_id.get(table["clause"])
    if clause is None:
        raise Trouble(f"{table['clause']!r} is no clause", where=place)
    return Exemption(
        kind=Kind(kind),
        clause=clause.id,
        reason=table["reason"],
        place=place,
        tier=_tier(table, clause, place),
        case=_one_of("case", table, clause.cases, clause.id, place),
        environment=_one_of("environment", table, ENVIRONMENTS, "this suite", place),
        owner=table.get("owner", ""),
        until=table.get("until"),
    )


def _refuse_wrong_types(table: dict[str, Any], place: str) -> None:
    for name, value in table.items():
        if name == "until":
            if not isinstance(value, date) or isinstance(value, datetime):
                raise Trouble(f"until is a date, unquoted, e.g. 2026-01-31; here it is {value!r}", where=place)
        elif not isinstance(value, str) or not value.strip():
            raise Trouble(f"{name} is a non-empty string; here it is {value!r}", where=place)


def _tier(table: dict[str, Any], clause: Clause, place: str) -> Tier | None:
    if clause.rolls_up:
        raise Trouble(f"{clause.id} is rolled up from {', '.join(clause.rolls_up)}: exempt those", where=place)
    word = _one_of("tier", table, clause.tiers, clause.id, place)
    return Tier(word) if word else None


def _one_of(name: str, table: dict[str, Any], known: tuple[str, ...], owner: str, place: str) -> str:
    word: str = table.get(name, "")
    if word and word not in known:
        raise Trouble(f"{word!r} is no {name} of {owner}; known: {', '.join(known)}", where=place)
    return word


def _refuse_overlap(row: Exemption, before: list[Exemption]) -> None:
    for other in before:
        pairs = (
            (row.clause, other.clause),
            (row.tier, other.tier),
            (row.case, other.case),
            (row.environment, other.environment),
        )
        if all(not mine or not theirs or mine == theirs for mine, theirs in pairs):
            raise Trouble(f"overlaps the {other}; one obligation has one exemption", where=row.place)
