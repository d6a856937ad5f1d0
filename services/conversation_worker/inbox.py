"""Messages in hand and handled: each is handled once, whichever way and however often it arrives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from common.eventlog import EventLog, EventLogs
from common.wire import Message
from services.conversation_worker.handling import Handler

STOP_SECONDS = 1.5
"""How long messages in hand may take once the service stops."""


class Inbox:
    """What the worker has taken on.

    Args:
        handler: answers a message.
        logger: is told of a message that was not handled for want of a sound handler.
        ended: is told the last event of each.
    """

    def __init__(self, handler: Handler, logger: logging.Logger, ended: Callable[[str], None]) -> None:
        self._handler = handler
        self._logger = logger
        self._ended = ended
        self._handled = EventLogs()
        self._running: set[asyncio.Task[None]] = set()

    def take(self, message: Message) -> EventLog:
        """The events of a message; it is handled unless it is in hand or has been. One that failed is handled again.

        Raises:
            AnotherMessage: its id is that of a message with another text.
        """
        key = f"{message.session_id}/{message.message_id}"
        if (earlier := self._handled.get(key)) and earlier.last_of(message) == "failed":
            self._handled.forget(key)
        is_new = self._handled.get(key) is None
        log = self._handled.open(key)
        if is_new:
            # A task of its own: a caller that goes away does not leave a message half done.
            task = asyncio.create_task(self._handler.handle(message, log))
            self._running.add(task)
            task.add_done_callback(partial(self._done, message, log))
        return log

    async def close(self) -> None:
        """Let what is in hand come to its end for a moment, then give it up."""
        if self._running:
            await asyncio.wait(self._running, timeout=STOP_SECONDS)
        for task in tuple(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _done(self, message: Message, log: EventLog, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        end = log.events[-1].event if log.events else "failed"
        fields = {"session_id": message.session_id, "message_id": message.message_id, "end": end}
        self._logger.info("a message was handled", extra={"fields": fields})
        self._ended(end)
        if not task.cancelled() and (error := task.exception()):
            self._logger.error("a message was not handled", exc_info=error)
