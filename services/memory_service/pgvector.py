"""Memories in PostgreSQL with pgvector."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from services.memory_service.meaning import DIMENSIONS
from services.memory_service.store import Found, Kept, Memory, Wanted

Result = TypeVar("Result")

MIGRATIONS = (
    "CREATE EXTENSION IF NOT EXISTS vector",
    f"""
    CREATE TABLE memories (
        id text PRIMARY KEY, session_id text NOT NULL, kind text NOT NULL, text text NOT NULL,
        created_at timestamptz NOT NULL, vector vector({DIMENSIONS}) NOT NULL
    )
    """,
    "CREATE INDEX memories_by_session ON memories (session_id, kind)",
)
"""In order; each is done once, and none is ever changed."""

_ADVISORY_KEY = 0x736F6D61  # "soma": one replica at a time migrates
_CONNECT_SECONDS = 2.0
_MIGRATIONS_DONE = "CREATE TABLE IF NOT EXISTS migrations (number int PRIMARY KEY, at timestamptz NOT NULL)"
_PUT = """
INSERT INTO memories (id, session_id, kind, text, created_at, vector)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[]::vector[])
ON CONFLICT (id) DO NOTHING
"""
_GET = "SELECT id, session_id, kind, text, created_at FROM memories WHERE id = $1"
_SEARCH = """
SELECT id, session_id, kind, text, created_at, -(vector <#> $1::text::vector) AS score FROM memories
WHERE ($2::text IS NULL OR session_id = $2) AND ($3::text IS NULL OR kind = $3)
  AND (vector <#> $1::text::vector) < 0
ORDER BY score DESC, created_at DESC LIMIT $4
"""


class PgvectorStore:
    """One connection, used by one at a time; given up after any failure, and by whoever stops waiting for it.

    The scan is exact: there is no approximate index, and the same question always has the same answer.

    Args:
        dsn: where it is, without a password.
        password_file: file that holds the password; read at each connect, so that a new one is taken up.
    """

    name = "pgvector"

    def __init__(self, dsn: str, password_file: Path | None) -> None:
        self._dsn = dsn
        self._password_file = password_file
        self._lock = asyncio.Lock()
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None

    async def prepare(self) -> None:
        """Connect, and migrate under an advisory lock, so that replicas which start together do it once."""
        await self.close()
        password = self._password_file.read_text().strip() if self._password_file else None
        self._connection = await asyncpg.connect(self._dsn, password=password, timeout=_CONNECT_SECONDS)
        await self._with(_migrate)

    async def close(self) -> None:
        """Drop the connection, without a word to a server that may not listen."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def put(self, items: Sequence[Kept]) -> None:
        """Keep them in one statement."""
        memories = [item.memory for item in items]
        columns = (
            [memory.id for memory in memories],
            [memory.session_id for memory in memories],
            [memory.kind for memory in memories],
            [memory.text for memory in memories],
            [memory.created_at for memory in memories],
            [_written(item.vector) for item in items],
        )
        await self._with(lambda connection: connection.execute(_PUT, *columns))

    async def get(self, memory_id: str) -> Memory | None:
        """The memory of that id."""
        row = await self._with(lambda connection: connection.fetchrow(_GET, memory_id))
        return Memory.model_validate(dict(row)) if row else None

    async def search(self, wanted: Wanted) -> list[Found]:
        """The closest first, the newer first among equals."""
        values = (_written(wanted.vector), wanted.session_id, wanted.kind, wanted.limit)
        rows = await self._with(lambda connection: connection.fetch(_SEARCH, *values))
        return [
            Found(memory=Memory.model_validate(dict(row)), score=round(row["score"], 6), stores=[self.name])
            for row in rows
        ]

    async def count(self) -> int:
        """How many it holds."""
        return int(await self._with(lambda connection: connection.fetchval("SELECT count(*) FROM memories")))

    async def _with(self, use: Callable[[Any], Awaitable[Result]]) -> Result:
        async with self._lock:
            if self._connection is None or self._connection.is_closed():
                raise ConnectionError("not connected")
            try:
                return await use(self._connection)
            except BaseException:
                await self.close()
                raise


async def _migrate(connection: Any) -> None:  # noqa: ANN401 - a connection, or a proxy of one: asyncpg types neither
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _ADVISORY_KEY)
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS migrations (number int PRIMARY KEY, at timestamptz NOT NULL)"
        )
        done = int(await connection.fetchval("SELECT coalesce(max(number), 0) FROM migrations"))
        for number, statement in enumerate(MIGRATIONS[done:], done + 1):
            await connection.execute(statement)
            await connection.execute("INSERT INTO migrations VALUES ($1, now())", number)


def _written(vector: list[float]) -> str:
    return f"[{','.join(format(value, '.7g') for value in vector)}]"
