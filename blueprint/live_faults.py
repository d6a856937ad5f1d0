"""Shapes of what the gateway answered under a fault, read from observations; rules take these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from blueprint.live import Answer, rows, table


@dataclass(frozen=True, slots=True)
class Timed:
    """An answer, and the seconds that it took."""

    answer: Answer
    seconds: float

    @classmethod
    def of(cls, seen: object) -> Self:
        """From what the probe saw."""
        return cls(Answer.of(seen), float(table(seen).get("seconds", 0.0)))

    @property
    def status(self) -> str:
        """What a health body says of the whole."""
        return str(table(self.answer.body).get("status", ""))


@dataclass(frozen=True, slots=True)
class Told:
    """What /health and /ready answered, one right after the other."""

    health: Timed
    ready: Timed

    @classmethod
    def of(cls, seen: object) -> Self:
        """From what the probe saw."""
        row = table(seen)
        return cls(Timed.of(row.get("health")), Timed.of(row.get("ready")))


@dataclass(frozen=True, slots=True)
class UnderFault:
    """One cell, measured.

    Attributes:
        in_force: what showed that the fault was in force.
        before: the answers while nothing was wrong.
        settled: those in which the prediction held first, or the last ones.
        samples: more of them, after that.
        posted: what a message was answered meanwhile.
        after: the answers once the fault was undone and everything healthy again.
        unhealthy: containers that were not, at the end.
    """

    in_force: str
    before: Told
    settled: Told
    samples: tuple[Told, ...]
    posted: Timed
    after: Told
    unhealthy: tuple[str, ...]

    @classmethod
    def of(cls, seen: object) -> Self:
        """From what the world saw."""
        row = table(seen)
        return cls(
            str(row.get("in_force", "")),
            Told.of(row.get("before")),
            Told.of(row.get("settled")),
            tuple(Told.of(one) for one in rows(row.get("samples"))),
            Timed.of(row.get("posted")),
            Told.of(row.get("after")),
            tuple(map(str, row.get("unhealthy", ()))),
        )
