"""What became of many messages that travelled through topics, short enough to be written down, and read back.

Sessions have names; the messages of one are numbered from 0 in the order in which they were sent. An event that a
worker told carries the attempt that it belongs to, its number within that, and its kind, one letter:
``R`` received, ``P`` planned, ``S`` stored, ``M`` recalled, ``T`` tool called, ``A`` answered as it should be,
``X`` answered otherwise, ``F`` failed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple, Self

from blueprint.live import table
from blueprint.trouble import Trouble

RIGHT, WRONG, FAILED = "A", "X", "F"
LAST = frozenset({RIGHT, WRONG, FAILED})
"""Kinds after which nothing more comes of an attempt."""
_ROW = re.compile(r"(\d+)-(\d+) (\d+)(?:\.(\d+) ([A-Z]+))?")


class Asked(NamedTuple):
    """A record of the topic that messages are written to."""

    message: int
    attempt: int


class Told(NamedTuple):
    """A record of the topic that events are written to."""

    message: int
    attempt: int
    number: int
    kind: str


@dataclass(frozen=True, slots=True)
class History:
    """Everything that the topics hold of a load, by session, in the order of the topic.

    Attributes:
        acknowledged: how many messages of each session the gateway said that it has.
    """

    acknowledged: Mapping[str, int]
    asked: Mapping[str, tuple[Asked, ...]]
    told: Mapping[str, tuple[Told, ...]]

    @classmethod
    def of(cls, seen: object) -> Self:
        """From what was written down.

        Raises:
            Trouble: a row cannot be read.
        """
        row = table(seen)
        return cls(
            {str(name): int(count) for name, count in table(row.get("acknowledged")).items()},
            {str(name): tuple(unpacked_asked(each)) for name, each in table(row.get("asked")).items()},
            {str(name): tuple(unpacked_told(each)) for name, each in table(row.get("told")).items()},
        )

    def messages(self) -> Iterator[tuple[str, int]]:
        """Every message that was acknowledged."""
        for session, count in self.acknowledged.items():
            for message in range(count):
                yield session, message

    def first_told(self, session: str) -> list[Told]:
        """The events of a session without repeats: a worker that starts again tells what it told, numbered alike."""
        first: dict[tuple[int, int, int], Told] = {}
        for each in self.told.get(session, ()):
            first.setdefault(each[:3], each)
        return list(first.values())

    def first_asked(self, session: str) -> list[Asked]:
        """The messages of a session without repeats: a sender that got no answer sends again, under the same id."""
        return list(dict.fromkeys(self.asked.get(session, ())))


def name_of(session: str, message: int) -> str:
    """A message as findings name it."""
    return f"{session}/{message}"


def packed_asked(records: Sequence[Asked]) -> list[str]:
    """``first-last attempt`` for each run of messages one after the other."""
    rows: list[list[int]] = []
    for message, attempt in records:
        if rows and rows[-1][1] + 1 == message and rows[-1][2] == attempt:
            rows[-1][1] = message
        else:
            rows.append([message, message, attempt])
    return [f"{first}-{last} {attempt}" for first, last, attempt in rows]


def packed_told(records: Sequence[Told]) -> list[str]:
    """``first-last attempt.number kinds`` for each run of messages of which the same was told, one after the other."""
    rows: list[list[int | str]] = []
    for message, attempt, number, kinds in _stretches(records):
        if rows and rows[-1][1] == message - 1 and rows[-1][2:] == [attempt, number, kinds]:
            rows[-1][1] = message
        else:
            rows.append([message, message, attempt, number, kinds])
    return [f"{first}-{last} {attempt}.{number} {kinds}" for first, last, attempt, number, kinds in rows]


def _stretches(records: Sequence[Told]) -> Iterator[tuple[int, int, int, str]]:
    """Events of one attempt whose numbers follow on one another, with their kinds as one word."""
    placed = ((record, record.number - at) for at, record in enumerate(records))
    for _, group in groupby(placed, key=lambda each: (each[0].message, each[0].attempt, each[1])):
        own = [record for record, _ in group]
        yield own[0].message, own[0].attempt, own[0].number, "".join(record.kind for record in own)


def unpacked_asked(rows: Iterable[object]) -> Iterator[Asked]:
    """The records of which `packed_asked` made rows."""
    for row in rows:
        first, last, attempt, _, _ = _read(row)
        for message in range(first, last + 1):
            yield Asked(message, attempt)


def unpacked_told(rows: Iterable[object]) -> Iterator[Told]:
    """The records of which `packed_told` made rows."""
    for row in rows:
        first, last, attempt, number, kinds = _read(row)
        for message in range(first, last + 1):
            for at, kind in enumerate(kinds):
                yield Told(message, attempt, number + at, kind)


def _read(row: object) -> tuple[int, int, int, int, str]:
    found = _ROW.fullmatch(str(row))
    if not found:
        raise Trouble(f"{row!r} is no row of a history of messages")
    first, last, attempt, number, kinds = found.groups()
    return int(first), int(last), int(attempt), int(number or 0), kinds or ""
