"""How the gateway hands a message to the worker and puts what comes back into the session."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator

import httpx

from common.eventlog import EventLog
from common.peers import Peer, PeerFailed, reason
from common.wire import LAST, Event, Message

PAUSE_SECONDS = 0.3
"""Between two streams of a message: one that broke off is asked for again, and the worker repeats its events."""


class Dispatcher:
    """Hands messages to the worker over HTTP.

    Args:
        worker: the worker.
        logger: where it is written that a message failed.
        seconds: how long a message may take in all, a worker that restarts meanwhile included.
    """

    def __init__(self, worker: Peer, logger: logging.Logger, seconds: float) -> None:
        self._worker = worker
        self._seconds = seconds
        self._logger = logger
        self._running: dict[str, tuple[asyncio.Task[None], asyncio.Future[None]]] = {}

    def start(self) -> None:
        """Nothing: each message brings its events back itself."""

    async def send(self, message: Message, log: EventLog) -> None:
        """Return as soon as the worker has taken the message; its events go on to arrive in the log.

        A message that is being answered, or was, is not handed over again; one that failed is.

        Raises:
            PeerFailed: the worker did not take it.
            AnotherMessage: its id is that of a message with another text.
        """
        if log.last_of(message) not in (None, "failed"):
            return
        key = f"{message.session_id}/{message.message_id}"
        if key not in self._running:
            taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            task = asyncio.create_task(self._follow(message, log, taken))
            self._running[key] = (task, taken)
            task.add_done_callback(lambda _: self._running.pop(key))
        await asyncio.shield(self._running[key][1])

    async def close(self) -> None:
        """Give up what is still running."""
        tasks = [task for task, _ in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._worker.aclose()

    async def _follow(self, message: Message, log: EventLog, taken: asyncio.Future[None]) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await self._gather(message, log, taken)
        except PeerFailed as error:
            trouble = error
        except TimeoutError:
            trouble = PeerFailed(f"{self._worker.name} gives no answer within {self._seconds:g} s")
        else:
            return
        self._logger.warning("a message failed: %s", trouble)
        if not taken.done():
            taken.set_exception(trouble)
            return
        ids = {"session_id": message.session_id, "message_id": message.message_id}
        log.append(Event(event="failed", by="gateway", **ids, data={"reason": str(trouble)}))

    async def _gather(self, message: Message, log: EventLog, taken: asyncio.Future[None]) -> None:
        """Put every event into the log once, over as many streams as it takes."""
        seen = 0
        while True:
            number = 0
            try:
                async for event in self._events(message):
                    number += 1
                    if number > seen:
                        seen = number
                        log.append(event)
                    if not taken.done():
                        taken.set_result(None)
                    if event.event in LAST:
                        return
            except PeerFailed:
                if not taken.done():
                    raise
            await asyncio.sleep(PAUSE_SECONDS)

    async def _events(self, message: Message) -> AsyncIterator[Event]:
        name = self._worker.name
        try:
            async with self._worker.client.stream("POST", "/v1/messages", json=message.model_dump()) as answer:
                if not answer.is_success:
                    await answer.aread()
                    raise PeerFailed(f"{name} answers {answer.status_code}: {_detail(answer)}")
                async for line in answer.aiter_lines():
                    yield Event.model_validate_json(line)
        except httpx.HTTPError as error:
            raise PeerFailed(f"{name} does not answer: {reason(error)}") from error
        except ValueError as error:
            raise PeerFailed(f"{name} answers with what is no event") from error


def _detail(answer: httpx.Response) -> str:
    try:
        return str(json.loads(answer.content).get("detail", ""))
    except (ValueError, AttributeError):
        return answer.text[:200]
