"""The memory service: keeps texts and finds them by meaning."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated

from fastapi import FastAPI, HTTPException, Path, Request
from fastapi.responses import JSONResponse
from prometheus_client import Counter
from pydantic import BaseModel, Field

from common.config.settings import Settings
from common.health import Check
from common.service import Service
from common.wire import Id, Text
from services.memory_service.meaning import embed
from services.memory_service.store import Found, Memory, SqliteStore, Store, StoreFailed

FOUND_AT_MOST = 50


class NewMemory(BaseModel):
    """What is to be kept; an `id` that is there already makes this the same as the first time."""

    id: Id = Field(default_factory=lambda: uuid.uuid4().hex)
    session_id: Id
    kind: Id = "statement"
    text: Text


class Search(BaseModel):
    """What is sought, in one session and of one kind where those are given."""

    text: Text
    session_id: Id | None = None
    kind: Id | None = None
    limit: int = Field(default=5, ge=1, le=FOUND_AT_MOST)


class Hits(BaseModel):
    """What was found, the closest first."""

    hits: list[Found]


def build(settings: Settings, *, store: Store | None = None) -> FastAPI:
    """The application, on a store of its own choice unless one is given."""
    chosen = store or SqliteStore(settings.sqlite_path)

    @asynccontextmanager
    async def alive() -> AsyncIterator[None]:
        await chosen.open()
        try:
            yield
        finally:
            await chosen.close()

    service = Service("memory_service", settings, checks=[Check(chosen.name, True, chosen.look)], alive=alive)
    service.app.add_exception_handler(StoreFailed, _unavailable)
    kept = Counter("soma_memories_stored_total", "Memories stored.", registry=service.registry)
    sought = Counter("soma_memory_searches_total", "Searches answered.", registry=service.registry)

    @service.app.post("/v1/memories", status_code=201)
    async def keep(new: NewMemory) -> Memory:
        memory = Memory(**new.model_dump(), created_at=datetime.now(UTC))
        stored = await chosen.add(memory, embed(memory.text))
        kept.inc()
        return stored

    @service.app.post("/v1/memories/search")
    async def search(wanted: Search) -> Hits:
        hits = await chosen.search(
            embed(wanted.text), session_id=wanted.session_id, kind=wanted.kind, limit=wanted.limit
        )
        sought.inc()
        return Hits(hits=hits)

    @service.app.get("/v1/memories/{memory_id}")
    async def one(memory_id: Annotated[Id, Path()]) -> Memory:
        memory = await chosen.get(memory_id)
        if memory is None:
            raise HTTPException(404, "no memory of that id")
        return memory

    return service.app


async def _unavailable(_: Request, failed: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(failed)}, status_code=503)


app = build(Settings())
