"""The gateway: takes messages, streams the events of a session, and says how the whole is."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

import httpx
from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Path, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from prometheus_client import Gauge
from pydantic import BaseModel, Field

from common.config.settings import Settings
from common.eventlog import AnotherMessage, EventLog, EventLogs
from common.health import LOOK_SECONDS, Check
from common.kafka.link import Link
from common.peers import Peer, PeerFailed
from common.service import Service
from common.stopping import until_stopped
from common.wire import Event, Id, Message, Text
from services.gateway.dispatch import Dispatcher
from services.gateway.guard import Guard, Guarded
from services.gateway.topics import TopicDispatcher

WORKER = "conversation_worker"
NO_TRANSPORTS: Mapping[str, httpx.AsyncBaseTransport] = MappingProxyType({})


def new_id() -> str:
    """An id nobody else has."""
    return uuid.uuid4().hex


class Posted(BaseModel):
    """What a user posts; the ids are for going on with a session, and for sending a message again safely."""

    message: Text
    session_id: Id = Field(default_factory=new_id)
    message_id: Id = Field(default_factory=new_id)


class Taken(BaseModel):
    """That the worker has the message, and where its events are."""

    session_id: str
    message_id: str
    events: str


@dataclass(frozen=True, slots=True)
class Gateway:
    """What the routes work with."""

    sessions: EventLogs
    dispatcher: Dispatcher | TopicDispatcher
    stopping: asyncio.Event


ROUTES = APIRouter(route_class=Guarded)


def of(request: Request) -> Gateway:
    """The gateway that a request came to."""
    gateway: Gateway = request.app.state.gateway
    return gateway


def known(request: Request, session_id: Annotated[Id, Path()]) -> EventLog:
    """The events of the session that the path names."""
    log = of(request).sessions.get(session_id)
    if log is None:
        raise HTTPException(404, "no session of that id")
    return log


@ROUTES.post("/v1/session/message")
async def post(request: Request, posted: Posted) -> Taken:
    """Hand a message to the worker; 503 when it does not take it, 409 when its id is another message's."""
    message, gateway = Message(**posted.model_dump()), of(request)
    try:
        await gateway.dispatcher.send(message, gateway.sessions.open(message.session_id))
    except PeerFailed as error:
        raise HTTPException(503, str(error)) from error
    except AnotherMessage as error:
        raise HTTPException(409, str(error)) from error
    events = f"/v1/session/{message.session_id}/events"
    return Taken(session_id=message.session_id, message_id=message.message_id, events=events)


@ROUTES.get("/v1/session/{session_id}/events", response_class=EventSourceResponse)
async def events(
    request: Request,
    log: Annotated[EventLog, Depends(known)],
    last_event_id: Annotated[int, Header(ge=0)] = 0,
    follow: bool = True,
) -> AsyncIterator[ServerSentEvent]:
    """All events, or those after Last-Event-ID, then what comes; with follow=false only what is there.

    A Last-Event-ID beyond the end comes from before a restart: everything is sent again.
    """
    start = last_event_id if last_event_id <= log.end else 0
    if not follow:
        for number, event in enumerate(tuple(log.events), log.first):
            if number >= start:
                yield _sent(number, event)
        return
    async for number, event in until_stopped(log.follow(start), of(request).stopping):
        yield _sent(number, event)


def _sent(number: int, event: Event) -> ServerSentEvent:
    return ServerSentEvent(id=str(number + 1), event=event.event, data=event.model_dump(mode="json"))


def build(settings: Settings, *, transports: Mapping[str, httpx.AsyncBaseTransport] = NO_TRANSPORTS) -> FastAPI:
    """The application; transports, by name, stand in for the network where peers live in the same process."""
    urls = {
        WORKER: settings.worker_url,
        "memory_service": settings.memory_url,
        "tool_executor": settings.tool_url,
        "ui": settings.ui_url,
    }
    peers = {name: Peer(name, url, seconds=LOOK_SECONDS, transport=transports.get(name)) for name, url in urls.items()}

    @asynccontextmanager
    async def alive() -> AsyncIterator[None]:
        dispatcher.start()
        yield
        await dispatcher.close()
        await guard.aclose()
        for peer in peers.values():
            await peer.aclose()

    guard = Guard.of(settings)
    link = Link.of(settings, "gateway")
    checks = [Check(name, name != "ui", peer.look) for name, peer in peers.items()]
    service = Service(
        "gateway", settings, checks=[*checks, *guard.checks(), *(link.checks() if link else ())], alive=alive
    )
    sessions = EventLogs(dropped=EventLog.close)
    dispatcher: Dispatcher | TopicDispatcher
    if link is not None:
        dispatcher = TopicDispatcher(link, sessions, service.logger)
    else:
        worker = Peer(WORKER, settings.worker_url, seconds=settings.reply_seconds, transport=transports.get(WORKER))
        dispatcher = Dispatcher(worker, service.logger, settings.reply_seconds)
    Gauge("soma_sessions", "Sessions kept.", registry=service.registry).set_function(lambda: len(sessions))
    service.app.state.guard = guard
    service.app.state.gateway = Gateway(sessions, dispatcher, service.stopping)
    service.app.include_router(ROUTES)
    return service.app


app = build(Settings())
