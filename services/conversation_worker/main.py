"""The conversation worker: takes a message, streams its steps, and never does the same message twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
from fastapi import FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from prometheus_client import Counter

from common.config.settings import Settings
from common.eventlog import AnotherMessage, EventLog
from common.kafka.broker import beside
from common.kafka.link import Link
from common.peers import Peer
from common.service import Service
from common.wire import Message
from services.conversation_worker.consuming import Consuming
from services.conversation_worker.handling import NAME, Handler
from services.conversation_worker.inbox import Inbox


def build(
    settings: Settings,
    *,
    memory: httpx.AsyncBaseTransport | None = None,
    tools: httpx.AsyncBaseTransport | None = None,
) -> FastAPI:
    """The application; transports stand in for the network where peers live in the same process.

    With the profile kafka on, messages arrive through a topic as well, and the worker is ready only with a broker.
    """
    seconds = settings.peer_seconds
    handler = Handler(
        Peer("memory_service", settings.memory_url, seconds=seconds, transport=memory),
        Peer("tool_executor", settings.tool_url, seconds=seconds, transport=tools),
    )

    @asynccontextmanager
    async def alive() -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if link is not None:
                stack.push_async_callback(link.aclose)
                await stack.enter_async_context(beside(Consuming(link, inbox, service.logger).run()))
            yield
        await inbox.close()
        await handler.memory.aclose()
        await handler.tools.aclose()

    link = Link.of(settings, NAME)
    service = Service(NAME, settings, checks=link.checks() if link else (), alive=alive)
    messages = Counter(
        "soma_messages_total", "Messages handled, by their last event.", ("end",), registry=service.registry
    )
    inbox = Inbox(handler, service.logger, lambda end: messages.labels(end).inc())

    @service.app.post("/v1/messages")
    async def handle(message: Message) -> StreamingResponse:
        """Every event of the message as a line of JSON; the same ones when it is sent again."""
        try:
            log = inbox.take(message)
        except AnotherMessage as error:
            raise HTTPException(409, str(error)) from error
        return StreamingResponse(_lines(log), media_type="application/x-ndjson")

    return service.app


async def _lines(log: EventLog) -> AsyncIterator[str]:
    async for _, event in log.follow():
        yield event.model_dump_json() + "\n"


app = build(Settings())
