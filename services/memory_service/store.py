"""What a memory is, and what a place that keeps and finds memories does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pydantic import BaseModel


class Memory(BaseModel):
    """One memory. `kind` is free, such as statement or question; `id` is unique in all sessions."""

    id: str
    session_id: str
    kind: str
    text: str
    created_at: datetime


class Found(BaseModel):
    """A memory that was sought, and how close it is: 1 is the same direction, 0 has nothing in common.

    `stores` names every store that found it.
    """

    memory: Memory
    score: float
    stores: list[str]


@dataclass(frozen=True, slots=True)
class Kept:
    """A memory with the direction of its text."""

    memory: Memory
    vector: list[float]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is sought: the closest to a direction, in one session and of one kind where those are given."""

    vector: list[float]
    session_id: str | None = None
    kind: str | None = None
    limit: int = 5


class StoreFailed(Exception):
    """A store did not do what was asked; the text names it and holds no credential. The service answers 503."""


class Store(Protocol):
    """A place for memories. What it raises, whatever it is, says that it did not do it."""

    name: str

    async def prepare(self) -> None:
        """Connect, and bring the schema up to date; done again after every failure."""

    async def close(self) -> None:
        """Let go of what prepare() took; the next call may come after another prepare()."""

    async def put(self, items: Sequence[Kept]) -> None:
        """Keep them, durable on return. An id that is there already keeps what it had."""

    async def get(self, memory_id: str) -> Memory | None:
        """The memory of that id."""

    async def search(self, wanted: Wanted) -> list[Found]:
        """The closest first, with a score above 0."""

    async def count(self) -> int:
        """How many it holds; shows that it answers."""
