"""The conversation worker: takes a message, streams its steps, and never does the same message twice."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import httpx
from fastapi import FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from prometheus_client import Counter

from common.config.settings import Settings
from common.eventlog import EventLog
from common.peers import Peer
from common.service import Service
from common.wire import Message
from services.conversation_worker.handling import NAME, Handler

REMEMBERED = 10_000
"""So many messages back a repeated one is recognised; beyond, memory ids still keep it from being stored twice."""


@dataclass
class Handled:
    """Messages by id, the one handled longest ago first."""

    by_id: OrderedDict[str, tuple[Message, EventLog]] = field(default_factory=OrderedDict)

    def find(self, message: Message) -> EventLog | None:
        """The events of the same message, unless it failed.

        Raises:
            HTTPException: 409 where another message had that id.
        """
        earlier, log = self.by_id.get(message.message_id, (message, None))
        if earlier != message:
            raise HTTPException(409, "another message had this message_id")
        return None if log is None or (log.closed and log.events[-1].event == "failed") else log

    def keep(self, message: Message, log: EventLog) -> None:
        """Keep a message and its events; the oldest goes when there are too many."""
        self.by_id[message.message_id] = (message, log)
        self.by_id.move_to_end(message.message_id)
        while len(self.by_id) > REMEMBERED:
            self.by_id.popitem(last=False)


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
    handled, running = Handled(), set[asyncio.Task[None]]()

    @asynccontextmanager
    async def alive() -> AsyncIterator[None]:
        yield
        await asyncio.gather(*running, return_exceptions=True)
        await handler.memory.aclose()
        await handler.tools.aclose()

    service = Service(NAME, settings, alive=alive)
    messages = Counter(
        "soma_messages_total", "Messages handled, by their last event.", ("end",), registry=service.registry
    )

    def done(log: EventLog, task: asyncio.Task[None]) -> None:
        running.discard(task)
        messages.labels(log.events[-1].event).inc()
        if not task.cancelled() and (error := task.exception()):
            service.logger.error("a message was not handled", exc_info=error)

    @service.app.post("/v1/messages")
    async def handle(message: Message) -> StreamingResponse:
        """Every event of the message as a line of JSON; the same ones when it is sent again."""
        log = handled.find(message)
        if log is None:
            log = EventLog()
            handled.keep(message, log)
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
