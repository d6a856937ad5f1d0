"""The memory service: keeps texts and finds them by meaning."""

from __future__ import annotations

import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import FastAPI, HTTPException, Path, Request
from fastapi.responses import JSONResponse
from prometheus_client import Counter
from pydantic import BaseModel, Field

from common.config.settings import Settings
from common.service import Service
from common.wire import Id, Text
from services.memory_service.library import BOUND_SECONDS, Library
from services.memory_service.meaning import embed
from services.memory_service.pgvector import PgvectorStore
from services.memory_service.qdrant import QdrantStore
from services.memory_service.sqlite import SqliteStore
from services.memory_service.store import Found, Kept, Memory, Store, StoreFailed, Wanted

FOUND_AT_MOST = 50


class NewMemory(BaseModel):
    """What is to be kept; an `id` that is there already makes this the same as the first time."""

    id: Id = Field(default_factory=lambda: uuid.uuid4().hex)
    session_id: Id
    kind: Id = "statement"
    text: Text


class Search(BaseModel):
    """What is sought, in one session, of one kind, in one store alone where those are given."""

    text: Text
    session_id: Id | None = None
    kind: Id | None = None
    limit: int = Field(default=5, ge=1, le=FOUND_AT_MOST)
    store: Literal["sqlite", "pgvector", "qdrant"] | None = None


class Hits(BaseModel):
    """What was found, the closest first."""

    hits: list[Found]


def build(settings: Settings) -> FastAPI:
    """The application: SQLite alone, or with pgvector and qdrant beside it where their profile is on."""
    others: list[Store] = []
    if settings.has("vectorstore"):
        others.append(PgvectorStore(settings.postgres_dsn, settings.postgres_password_file))
        others.append(QdrantStore(settings.qdrant_url, BOUND_SECONDS))
    file = SqliteStore(settings.sqlite_path, (PgvectorStore.name, QdrantStore.name))
    library = Library(file, others, logging.getLogger("soma.memory_service"))

    @asynccontextmanager
    async def alive() -> AsyncIterator[None]:
        await library.open()
        try:
            yield
        finally:
            await library.close()

    service = Service("memory_service", settings, checks=library.checks(), alive=alive)
    service.app.add_exception_handler(StoreFailed, _unavailable)
    kept = Counter("soma_memories_stored_total", "Memories stored.", registry=service.registry)
    sought = Counter("soma_memory_searches_total", "Searches answered.", registry=service.registry)

    @service.app.post("/v1/memories", status_code=201)
    async def keep(new: NewMemory) -> Memory:
        memory = Memory(**new.model_dump(), created_at=datetime.now(UTC))
        stored = await library.add(Kept(memory, embed(memory.text)))
        kept.inc()
        return stored

    @service.app.post("/v1/memories/search")
    async def search(wanted: Search) -> Hits:
        sought.inc()
        found = Wanted(embed(wanted.text), wanted.session_id, wanted.kind, wanted.limit)
        return Hits(hits=await library.search(found, wanted.store))

    @service.app.get("/v1/memories/{memory_id}")
    async def one(memory_id: Annotated[Id, Path()]) -> Memory:
        memory = await library.get(memory_id)
        if memory is None:
            raise HTTPException(404, "no memory of that id")
        return memory

    return service.app


async def _unavailable(_: Request, failed: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(failed)}, status_code=503)


app = build(Settings())
