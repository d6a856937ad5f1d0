"""The five real applications in one process, wired to one another as over a network that can be cut."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from common.config.settings import Settings
from services.conversation_worker.main import build as build_worker
from services.gateway.main import build as build_gateway
from services.memory_service.main import build as build_memory
from services.tool_executor.main import build as build_tools
from services.ui.main import build as build_ui

NOON = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)


class Wire(httpx.AsyncBaseTransport):
    """A way to an application that can be cut, or made slow."""

    def __init__(self, app: FastAPI | None = None) -> None:
        self.app = app
        self.cut = False
        self.slow = 0.0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request to the application, as long as the wire is whole."""
        if self.cut or self.app is None:
            raise httpx.ConnectError("connection refused", request=request)
        await asyncio.sleep(self.slow)
        return await httpx.ASGITransport(self.app).handle_async_request(request)


@dataclass
class World:
    """The applications by name, the wires between them, and a client of each."""

    apps: dict[str, FastAPI]
    wires: dict[str, Wire]
    clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)

    async def say(self, text: str, **ids: str) -> list[dict[str, Any]]:
        """Post a message to the gateway and return its events up to the last."""
        answer = await self.clients["gateway"].post("/v1/session/message", json={"message": text, **ids})
        answer.raise_for_status()
        taken = answer.json()
        async with asyncio.timeout(10):
            while True:
                own = [
                    event
                    for event in await self.events(taken["session_id"])
                    if event["message_id"] == taken["message_id"]
                ]
                if own and own[-1]["event"] in {"answered", "failed"}:
                    return own
                await asyncio.sleep(0.01)

    async def events(self, session: str, **headers: str) -> list[dict[str, Any]]:
        """The events that a session has now."""
        path = f"/v1/session/{session}/events"
        answer = await self.clients["gateway"].get(path, params={"follow": "false"}, headers=headers)
        answer.raise_for_status()
        return [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]


@pytest.fixture
def anyio_backend() -> str:
    """The loop that uvicorn runs."""
    return "asyncio"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """All five, started; stopped afterwards."""
    async with started(tmp_path) as made:
        yield made


@asynccontextmanager
async def started(folder: Path, **told: object) -> AsyncIterator[World]:
    """All five; they are told some settings besides, and their memories are in the folder."""
    own = {"metrics_port": 0, "sqlite_path": folder / "memory.sqlite3", "reply_seconds": 3, "peer_seconds": 1}
    settings = Settings.model_validate(own | told)
    wires = {name: Wire() for name in ("gateway", "ui", "conversation_worker", "memory_service", "tool_executor")}
    wires["memory_service"].app = build_memory(settings)
    wires["tool_executor"].app = build_tools(settings, now=lambda: NOON)
    wires["conversation_worker"].app = build_worker(
        settings, memory=wires["memory_service"], tools=wires["tool_executor"]
    )
    wires["gateway"].app = build_gateway(settings, transports=wires)
    wires["ui"].app = build_ui(settings, gateway=wires["gateway"])
    apps = {name: wire.app for name, wire in wires.items() if wire.app is not None}
    made = World(apps, wires)
    async with AsyncExitStack() as stack:
        for name, app in apps.items():
            await stack.enter_async_context(app.router.lifespan_context(app))
            client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"http://{name}")
            made.clients[name] = await stack.enter_async_context(client)
        yield made
