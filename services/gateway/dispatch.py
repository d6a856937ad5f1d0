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

ATTEMPTS = 2
"""A stream that breaks off is asked for once more: the worker knows the message and repeats its events."""


class Dispatcher:
    """Hands messages to the worker over HTTP.

    Args:
        worker: the worker.
        logger: where it is written that a message failed.
    """

    def __init__(self, worker: Peer, logger: logging.Logger) -> None:
        self._worker = worker
        self._logger = logger
        self._running: set[asyncio.Task[None]] = set()

    async def send(self, message: Message, log: EventLog) -> None:
        """Return as soon as the worker has taken the message; its events go on to arrive in the log.

        Raises:
            PeerFailed: the worker did not take it.
        """
        taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._follow(message, log, taken))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        await taken

    async def close(self) -> None:
        """Give up what is still running."""
        for task in tuple(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._worker.aclose()

    async def _follow(self, message: Message, log: EventLog, taken: asyncio.Future[None]) -> None:
        seen, trouble = 0, ""
        for _ in range(ATTEMPTS):
            try:
                number = 0
                async for event in self._events(message):
                    number += 1
                    if number > seen:
                        seen = number
                        log.append(event)
                    if not taken.done():
                        taken.set_result(None)
                    if event.event in LAST:
                        return
                trouble = f"{self._worker.name} broke off"
            except PeerFailed as error:
                trouble = str(error)
                if not taken.done():
                    taken.set_exception(error)
                    return
        self._logger.warning("a message failed: %s", trouble)
        log.append(
            Event(
                event="failed",
                by="gateway",
                session_id=message.session_id,
                message_id=message.message_id,
                data={"reason": trouble},
            )
        )

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
