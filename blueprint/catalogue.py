"""The clauses, read from ``chapters/*.toml`` and refused where they are not well formed."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from blueprint.trouble import Trouble

CHAPTERS = Path(__file__).parent / "chapters"
WHOLE = "whole"
"""The case of a clause that speaks of one thing only."""

Choice = TypeVar("Choice", bound=StrEnum)
_CLAUSE_ID = re.compile(r"[A-Z]{3}-\d{3}")
_FIELDS = {"id", "section", "statement", "level", "tiers", "cases", "why", "remedy", "rolls_up", "long"}
_NEEDED = {"id", "section", "statement", "level", "why", "remedy"}
_CHAPTER_FIELDS = {"id", "title", "order"}


class Tier(StrEnum):
    """What a proof needs: files only, a Compose project, a cluster, or a drill on the two."""

    STATIC = "static"
    COMPOSE = "compose"
    CLUSTER = "cluster"
    DRILL = "drill"


class Level(StrEnum):
    """Whether a failure is red (must) or shown as advised (should)."""

    MUST = "must"
    SHOULD = "should"


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter of the blueprint: three letters, a title, and its place in the report."""

    id: str
    title: str
    order: int


@dataclass(frozen=True, slots=True)
class Clause:
    """One thing that must be true.

    Attributes:
        id: stable, e.g. ``CMP-008``; never reused.
        section: section of the blueprint, e.g. ``1`` or ``-`` where common sense asks for it.
        statement: the fact that holds, one sentence.
        tiers: where it is proven; empty for a roll-up.
        cases: the things it speaks of, ``("whole",)`` where it is one.
        rolls_up: ids of the clauses whose worst verdict is its own.
        why: what goes wrong where it does not hold.
        remedy: what to do when it is red.
        place: ``file:line`` of its table.
        long: the cases whose drill takes too long for every run; judged where long drills are asked for.
    """

    id: str
    chapter: Chapter
    section: str
    statement: str
    level: Level
    tiers: tuple[Tier, ...]
    cases: tuple[str, ...]
    rolls_up: tuple[str, ...]
    why: str
    remedy: str
    place: str
    long: frozenset[str] = frozenset()

    def obligations(self) -> Iterator[tuple[str, Tier, str]]:
        """Every (clause, tier, case) that must be proven."""
        for tier in self.tiers:
            for case in self.cases:
                yield self.id, tier, case


@dataclass(frozen=True)
class Catalogue:
    """All clauses, in the order of the report."""

    clauses: tuple[Clause, ...]

    @cached_property
    def by_id(self) -> Mapping[str, Clause]:
        """The clauses by their ids."""
        return {clause.id: clause for clause in self.clauses}

    def __iter__(self) -> Iterator[Clause]:
        return iter(self.clauses)

    def obligations(self) -> tuple[tuple[str, Tier, str], ...]:
        """Every (clause, tier, case) that must be proven, in order."""
        return tuple(obligation for clause in self.clauses for obligation in clause.obligations())


def read_catalogue(folder: Path = CHAPTERS) -> Catalogue:
    """Read every chapter of a folder.

    Raises:
        Trouble: a file is not TOML, or a clause has a bad or repeated id, an unknown tier, level or field,
            a missing field, a repeated case, or rolls up a clause that does not exist.
    """
    clauses: list[Clause] = []
    chapters: dict[str, str] = {}
    for path in sorted(folder.glob("*.toml")):
        chapter, rows = _read_chapter(path)
        if chapter.id in chapters:
            raise Trouble(f"chapter {chapter.id} is in {chapters[chapter.id]} already", where=path.name)
        chapters[chapter.id] = path.name
        clauses += rows
    if not clauses:
        raise Trouble("no chapter with a clause is here", where=str(folder))
    clauses.sort(key=lambda clause: clause.chapter.order)
    _refuse_repeated(clauses)
    _refuse_dangling(clauses)
    return Catalogue(tuple(clauses))


def _read_chapter(path: Path) -> tuple[Chapter, list[Clause]]:
    text = path.read_text(encoding="utf-8")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise Trouble(f"not TOML: {error}", where=f"{path.name}:{line[1] if line else 1}") from None
    head = document.get("chapter", {})
    if set(head) != _CHAPTER_FIELDS or set(document) - {"chapter", "clause"}:
        fields = ", ".join(sorted(_CHAPTER_FIELDS))
        raise Trouble(f"a chapter file has one [chapter] with {fields}, and [[clause]] tables", where=path.name)
    chapter = Chapter(**head)
    lines = [number for number, line in enumerate(text.splitlines(), 1) if line.strip() == "[[clause]]"]
    rows = zip(document.get("clause", []), lines, strict=True)
    return chapter, [_clause(row, chapter, f"{path.name}:{line}") for row, line in rows]


def _clause(row: dict[str, Any], chapter: Chapter, place: str) -> Clause:
    if unknown := set(row) - _FIELDS:
        raise Trouble(
            f"unknown field {', '.join(sorted(unknown))}; known are {', '.join(sorted(_FIELDS))}", where=place
        )
    if missing := {name for name in _NEEDED if not row.get(name)}:
        raise Trouble(f"field {', '.join(sorted(missing))} is missing or empty", where=place)
    if not _CLAUSE_ID.fullmatch(row["id"]) or not row["id"].startswith(f"{chapter.id}-"):
        raise Trouble(f"{row['id']!r} is no clause id of chapter {chapter.id}: {chapter.id}-000", where=place)
    tiers, rolls_up = row.get("tiers", []), row.get("rolls_up", [])
    if bool(tiers) == bool(rolls_up):
        raise Trouble(f"{row['id']} needs either tiers or rolls_up", where=place)
    cases = row.get("cases", [WHOLE])
    if not cases or len(set(cases)) != len(cases):
        raise Trouble(f"the cases of {row['id']} are empty or repeat one", where=place)
    return Clause(
        id=row["id"],
        chapter=chapter,
        section=row["section"],
        statement=row["statement"],
        level=_one_of(Level, row["level"], row["id"], place),
        tiers=tuple(_one_of(Tier, tier, row["id"], place) for tier in tiers),
        cases=tuple(cases),
        rolls_up=tuple(rolls_up),
        long=_long(row, cases, place),
        why=row["why"],
        remedy=row["remedy"],
        place=place,
    )


def _long(row: dict[str, Any], cases: list[str], place: str) -> frozenset[str]:
    """``long = true`` for every case, or a list of some; only what is proven by drills alone may be."""
    long = row.get("long", [])
    named = cases if long is True else long
    if not isinstance(named, list) or not set(named) <= set(cases) or (named and row.get("tiers") != [Tier.DRILL]):
        raise Trouble(
            f"{row['id']}: long is true or a list of its cases, and stands where the only tier is {Tier.DRILL}",
            where=place,
        )
    return frozenset(named)


def _one_of(choices: type[Choice], word: str, clause: str, place: str) -> Choice:
    try:
        return choices(word)
    except ValueError:
        known = ", ".join(choices)
        raise Trouble(
            f"{clause} has an unknown {choices.__name__.lower()} {word!r}; known: {known}", where=place
        ) from None


def _refuse_repeated(clauses: list[Clause]) -> None:
    seen: dict[str, str] = {}
    for clause in clauses:
        if clause.id in seen:
            raise Trouble(f"{clause.id} stands at {seen[clause.id]} already; ids are never reused", where=clause.place)
        seen[clause.id] = clause.place


def _refuse_dangling(clauses: list[Clause]) -> None:
    known = {clause.id: clause for clause in clauses}
    for clause in clauses:
        for part in clause.rolls_up:
            if part not in known:
                raise Trouble(f"{clause.id} rolls up {part}, which is no clause", where=clause.place)
            if known[part].rolls_up:
                raise Trouble(f"{clause.id} rolls up {part}, which is rolled up itself", where=clause.place)
