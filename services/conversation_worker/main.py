"""The conversation worker: takes a message, streams its steps, and never does the same message twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import httpx
from fastapi import FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from prometheus_client import Counter

from common.config.settings import Settings
from common.eventlog import AnotherMessage, EventLog, EventLogs
from common.peers import Peer
from common.service import Service
from common.wire import Message
from services.conversation_worker.handling import NAME, Handler

STOP_SECONDS = 1.5
"""How long messages in hand may take once the server has closed."""


def build(
    settings: Settings,
    *,
    memory: httpx.AsyncBaseTransport | None = None,
    tools: httpx.AsyncBaseTransport | None = None,
) -> FastAPI:
    """The application; transports stand in for the network where peers live in the same process."""
    seconds = settings.peer_seconds
    handler = Handler(
        Peer("memory_service", settings.memory_url, seconds=seconds, transport=memory),
        Peer("tool_executor", settings.tool_url, seconds=seconds, transport=tools),
    )
    handled, running = EventLogs(), set[asyncio.Task[None]]()

    @asynccontextmanager
    async def alive() -> AsyncIterator[None]:
        yield
        if running:
            await asyncio.wait(running, timeout=STOP_SECONDS)
        for task in tuple(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await handler.memory.aclose()
        await handler.tools.aclose()

    service = Service(NAME, settings, alive=alive)
    messages = Counter(
        "soma_messages_total", "Messages handled, by their last event.", ("end",), registry=service.registry
    )

    def done(log: EventLog, task: asyncio.Task[None]) -> None:
        running.discard(task)
        messages.labels(log.events[-1].event if log.events else "failed").inc()
        if not task.cancelled() and (error := task.exception()):
            service.logger.error("a message was not handled", exc_info=error)

    @service.app.post("/v1/messages")
    async def handle(message: Message) -> StreamingResponse:
        """Every event of the message as a line of JSON; the same ones when it is sent again."""
        key = f"{message.session_id}/{message.message_id}"
        try:
            if (earlier := handled.get(key)) and earlier.last_of(message) == "failed":
                handled.forget(key)
        except AnotherMessage as error:
            raise HTTPException(409, str(error)) from error
        is_new = handled.get(key) is None
        log = handled.open(key)
        if is_new:
            # A task of its own: a caller that goes away does not leave a message half done.
            task = asyncio.create_task(handler.handle(message, log))
            running.add(task)
            task.add_done_callback(partial(done, log))
        return StreamingResponse(_lines(log), media_type="application/x-ndjson")

    return service.app


async def _lines(log: EventLog) -> AsyncIterator[str]:
    async for _, event in log.follow():
        yield event.model_dump_json() + "\n"


app = build(Settings())
