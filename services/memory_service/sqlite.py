"""The store that needs nothing: SQLite in one file. It also notes what other stores still have to be given."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from services.memory_service.store import Found, Kept, Memory, StoreFailed, Wanted

_SCHEMA = """
CREATE TABLE IF NOT EXISTS memories (
    id TEXT PRIMARY KEY, session_id TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL,
    created_at TEXT NOT NULL, vector BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS memories_by_session ON memories (session_id, kind);
CREATE TABLE IF NOT EXISTS pending (
    store TEXT NOT NULL, memory_id TEXT NOT NULL, PRIMARY KEY (store, memory_id)
) STRICT, WITHOUT ROWID;
"""
_PRAGMAS = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=2000;"
_FIELDS = ("id", "session_id", "kind", "text", "created_at")
_ADD = """
INSERT OR IGNORE INTO memories (id, session_id, kind, text, created_at, vector) VALUES (?, ?, ?, ?, ?, ?)
"""
_GET = "SELECT id, session_id, kind, text, created_at FROM memories WHERE id = ?"
_CANDIDATES = """
SELECT id, session_id, kind, text, created_at, vector FROM memories
WHERE (?1 IS NULL OR session_id = ?1) AND (?2 IS NULL OR kind = ?2)
"""
_OWE = "INSERT OR IGNORE INTO pending (store, memory_id) VALUES (?, ?)"
_OWE_ALL = "INSERT OR IGNORE INTO pending (store, memory_id) SELECT ?, id FROM memories"
_OWED = """
SELECT id, session_id, kind, text, created_at, vector FROM memories
JOIN pending ON pending.memory_id = memories.id WHERE pending.store = ? LIMIT ?
"""
_PAID = "DELETE FROM pending WHERE store = ? AND memory_id = ?"
_DEBT = "SELECT count(*) FROM pending WHERE store = ?"
_COUNT = "SELECT count(*) FROM memories"
_GIVEN = "SELECT (SELECT count(*) FROM memories) - (SELECT count(*) FROM pending WHERE store = ?)"


class SqliteStore:
    """Memories in one SQLite file, searched by comparing with every candidate.

    Args:
        path: the file; its folder is made when it is missing.
        others: names of the stores that are to be given every memory too, whether they are in use now or not:
            what is kept while one is away reaches it when it comes.
    """

    name = "sqlite"

    def __init__(self, path: Path, others: Sequence[str] = ()) -> None:
        self._path = path
        self._others = tuple(others)
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._wrote = True

    async def prepare(self) -> None:
        """Open the file, in WAL mode, each commit flushed to the disk."""
        await asyncio.to_thread(self._prepare)

    def _prepare(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self._path, check_same_thread=False)
            self._connection.executescript(_PRAGMAS)
            self._connection.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise StoreFailed(f"sqlite: {error}: {self._path}") from error

    async def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def put(self, items: Sequence[Kept]) -> None:
        """Keep them, and note that the others are owed them, in one transaction."""
        rows = [(*item.memory.model_dump(mode="json").values(), array("f", item.vector).tobytes()) for item in items]
        debts = [(store, item.memory.id) for store in self._others for item in items]
        await asyncio.to_thread(self._write, (_ADD, rows), (_OWE, debts))

    async def get(self, memory_id: str) -> Memory | None:
        """The memory of that id."""
        rows = await asyncio.to_thread(self._rows, _GET, memory_id)
        return next((_memory(row) for row in rows), None)

    async def search(self, wanted: Wanted) -> list[Found]:
        """The closest first, the newer first among equals."""
        return await asyncio.to_thread(self._search, wanted)

    def _search(self, wanted: Wanted) -> list[Found]:
        rows = self._rows(_CANDIDATES, wanted.session_id, wanted.kind)
        asked = [(at, value) for at, value in enumerate(wanted.vector) if value]
        scored = ((_closeness(asked, row[-1]), row) for row in rows)
        best = sorted((pair for pair in scored if pair[0] > 0), key=lambda pair: (pair[0], pair[1][4]), reverse=True)
        return [
            Found(memory=_memory(row), score=round(score, 6), stores=[self.name]) for score, row in best[: wanted.limit]
        ]

    async def count(self) -> int:
        """How many it holds."""
        return int((await asyncio.to_thread(self._rows, _COUNT))[0][0])

    async def look(self) -> None:
        """Raise StoreFailed where it cannot be read; or written, once a write has failed, as on a full disk."""
        await self.get("")
        if not self._wrote:
            nothing = [(self.name, "")]
            await asyncio.to_thread(self._write, (_OWE, nothing), (_PAID, nothing))

    async def given(self, store: str) -> int:
        """How many memories another store has been given."""
        return int((await asyncio.to_thread(self._rows, _GIVEN, store))[0][0])

    async def owed(self, store: str, most: int) -> list[Kept]:
        """Memories that another store has not been given yet."""
        rows = await asyncio.to_thread(self._rows, _OWED, store, most)
        return [Kept(_memory(row), list(memoryview(row[-1]).cast("f"))) for row in rows]

    async def debt(self, store: str) -> int:
        """How many memories another store has not been given yet."""
        return int((await asyncio.to_thread(self._rows, _DEBT, store))[0][0])

    async def paid(self, store: str, items: Iterable[Kept]) -> None:
        """Note that another store has these."""
        rows = [(store, item.memory.id) for item in items]
        await asyncio.to_thread(self._write, (_PAID, rows))

    async def owe_all(self, store: str) -> None:
        """Note that another store is owed every memory: it is new, or lost some."""
        await asyncio.to_thread(self._write, (_OWE_ALL, [(store,)]))

    def _rows(self, statement: str, *values: str | int | None) -> list[tuple[Any, ...]]:
        with self._opened() as connection:
            return connection.execute(statement, values).fetchall()

    def _write(self, *changes: tuple[str, Sequence[tuple[Any, ...]]]) -> None:
        self._wrote = False
        with self._opened() as connection, connection:
            for statement, rows in changes:
                connection.executemany(statement, rows)
        self._wrote = True

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


def _memory(row: Sequence[Any]) -> Memory:
    return Memory.model_validate(dict(zip(_FIELDS, row, strict=False)))


def _closeness(asked: list[tuple[int, float]], stored: bytes) -> float:
    values = memoryview(stored).cast("f")
    return sum(value * values[at] for at, value in asked)
