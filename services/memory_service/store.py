"""What a store of memories is, and the one that needs nothing: SQLite in a file."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel

from common.health import Component


class Memory(BaseModel):
    """One memory. `kind` is free, such as statement or question; `id` is unique in all sessions."""

    id: str
    session_id: str
    kind: str
    text: str
    created_at: datetime


class Found(BaseModel):
    """A memory that was searched for, and how close it is: 1 is the same direction, 0 has nothing in common."""

    memory: Memory
    score: float


class StoreFailed(Exception):
    """A store did not do what was asked; the text names it. The service answers 503."""


class Store(Protocol):
    """Where memories live. Every method raises StoreFailed where the store does not do it."""

    name: str

    async def open(self) -> None:
        """Connect, and bring the schema up to date."""

    async def close(self) -> None:
        """Let go of what open() took."""

    async def look(self) -> Component:
        """Whether it answers."""

    async def add(self, memory: Memory, vector: list[float]) -> Memory:
        """Keep it, durable on return; where the id is there already, nothing changes. Returns what is kept."""

    async def get(self, memory_id: str) -> Memory | None:
        """The memory of that id."""

    async def search(self, vector: list[float], *, session_id: str | None, kind: str | None, limit: int) -> list[Found]:
        """The closest first, with a score above 0."""


_SCHEMA = """
CREATE TABLE IF NOT EXISTS memories (
    id TEXT PRIMARY KEY, session_id TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL,
    created_at TEXT NOT NULL, vector BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS memories_by_session ON memories (session_id, kind);
"""
_FIELDS = ("id", "session_id", "kind", "text", "created_at")
_ADD = """
INSERT OR IGNORE INTO memories (id, session_id, kind, text, created_at, vector) VALUES (?, ?, ?, ?, ?, ?)
"""
_GET = "SELECT id, session_id, kind, text, created_at FROM memories WHERE id = ?"
_LOOK = "SELECT id, session_id, kind, text, created_at FROM memories LIMIT 1"
_CANDIDATES = """
SELECT id, session_id, kind, text, created_at, vector FROM memories
WHERE (?1 IS NULL OR session_id = ?1) AND (?2 IS NULL OR kind = ?2)
"""


class SqliteStore:
    """Memories in one SQLite file, searched by comparing with every candidate.

    Args:
        path: the file; its folder is made when it is missing.
    """

    name = "sqlite"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Open the file, in WAL mode, each commit flushed to the disk."""
        await asyncio.to_thread(self._open)

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(self._path, check_same_thread=False)
        self._connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=2000;")
        self._connection.executescript(_SCHEMA)

    async def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def look(self) -> Component:
        """Whether a read goes through."""
        await asyncio.to_thread(self._rows, _LOOK, ())
        return Component(status="ok")

    async def add(self, memory: Memory, vector: list[float]) -> Memory:
        """Keep it; where the id is there already, nothing changes."""
        row = (*memory.model_dump(mode="json").values(), array("f", vector).tobytes())
        await asyncio.to_thread(self._write, _ADD, row)
        return await self.get(memory.id) or memory

    async def get(self, memory_id: str) -> Memory | None:
        """The memory of that id."""
        rows = await asyncio.to_thread(self._rows, _GET, (memory_id,))
        return next((_memory(row) for row in rows), None)

    async def search(self, vector: list[float], *, session_id: str | None, kind: str | None, limit: int) -> list[Found]:
        """The closest first, the newer first among equals."""
        return await asyncio.to_thread(self._search, vector, session_id, kind, limit)

    def _search(self, vector: list[float], session_id: str | None, kind: str | None, limit: int) -> list[Found]:
        rows = self._rows(
            _CANDIDATES,
            (session_id, kind),
        )
        asked = [(at, value) for at, value in enumerate(vector) if value]
        scored = ((_closeness(asked, row[-1]), row) for row in rows)
        best = sorted((pair for pair in scored if pair[0] > 0), key=lambda pair: (pair[0], pair[1][4]), reverse=True)
        return [Found(memory=_memory(row), score=round(score, 6)) for score, row in best[:limit]]

    def _rows(self, statement: str, values: Iterable[str | None]) -> list[tuple[str, str, str, str, str, bytes]]:
        with self._opened() as connection:
            return connection.execute(statement, tuple(values)).fetchall()

    def _write(self, statement: str, values: tuple[str | bytes, ...]) -> None:
        with self._opened() as connection, connection:
            connection.execute(statement, values)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """The connection, for one at a time."""
        with self._lock:
            if self._connection is None:
                raise StoreFailed("sqlite is closed")
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise StoreFailed(f"sqlite: {error}") from error


def _memory(row: tuple[str, ...] | tuple[str, str, str, str, str, bytes]) -> Memory:
    return Memory.model_validate(dict(zip(_FIELDS, row, strict=False)))


def _closeness(asked: list[tuple[int, float]], stored: bytes) -> float:
    values = memoryview(stored).cast("f")
    return sum(value * values[at] for at, value in asked)
