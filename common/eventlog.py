"""Lists of events that any number of readers can follow from any place, and a bound on all of them."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable

from common.wire import Event, Kind, Message

EVENTS = 500
"""A log keeps so many of its last events."""

WEIGHT = 48 * 1024 * 1024
"""Bytes that all logs of a service together may take, roughly; its container has 192 MiB."""

_OBJECT_BYTES = 1500
"""What an event takes beside its text, measured: its object, its dictionary, its strings."""


class AnotherMessage(Exception):
    """A message id is used for a second message."""


class EventLog:
    """Events of one message or one session, numbered from 0; a reader that comes late misses nothing kept.

    Attributes:
        first: number of the first event that is kept.
        weight: bytes it takes, roughly.
    """

    def __init__(self, most: int = EVENTS) -> None:
        self.events: list[Event] = []
        self.first = 0
        self.weight = _OBJECT_BYTES
        self._most = most
        self._closed = False
        self._news = asyncio.Event()

    @property
    def closed(self) -> bool:
        """Whether nothing more will be appended."""
        return self._closed

    @property
    def end(self) -> int:
        """Number that the next event gets."""
        return self.first + len(self.events)

    def last_of(self, message: Message) -> Kind | None:
        """The last event of a message, None where it has none here.

        Raises:
            AnotherMessage: the id is that of a message with another text.
        """
        own = [event for event in self.events if event.message_id == message.message_id]
        if own and own[0].data.get("message", message.message) != message.message:
            raise AnotherMessage("another message had this message_id")
        return own[-1].event if own else None

    def append(self, event: Event) -> None:
        """Add one, drop the oldest where there are too many, and wake every reader."""
        self.events.append(event)
        self.weight += _weight(event)
        if len(self.events) > self._most:
            self.weight -= _weight(self.events.pop(0))
            self.first += 1
        self._wake()

    def close(self) -> None:
        """Say that nothing more comes: readers end after the last event."""
        self._closed = True
        self._wake()

    async def follow(self, start: int = 0) -> AsyncGenerator[tuple[int, Event], None]:
        """(number, event) from number `start` on; waits for more until the log is closed."""
        number = start
        while True:
            news = self._news
            while number < self.end:
                number = max(number, self.first)
                yield number, self.events[number - self.first]
                number += 1
            if self._closed:
                return
            if news is self._news:
                await news.wait()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


class EventLogs:
    """Logs by key, the one opened longest ago dropped first once all together weigh too much.

    Args:
        weight: bytes that they may take.
        dropped: is told of each log that goes.
    """

    def __init__(self, weight: int = WEIGHT, dropped: Callable[[EventLog], None] = lambda _: None) -> None:
        self._logs: OrderedDict[str, EventLog] = OrderedDict()
        self._most = weight
        self._dropped = dropped

    def __len__(self) -> int:
        return len(self._logs)

    def get(self, key: str) -> EventLog | None:
        """The log of that key, where it is known."""
        return self._logs.get(key)

    def open(self, key: str) -> EventLog:
        """The log of that key, made where it is new."""
        log = self._logs.setdefault(key, EventLog())
        self._logs.move_to_end(key)
        excess = sum(each.weight for each in self._logs.values()) - self._most
        while excess > 0 and len(self._logs) > 1:
            _, oldest = self._logs.popitem(last=False)
            excess -= oldest.weight
            self._dropped(oldest)
        return log

    def forget(self, key: str) -> None:
        """Drop the log of that key, where it is known."""
        self._logs.pop(key, None)


def _weight(event: Event) -> int:
    return _OBJECT_BYTES + 2 * len(event.model_dump_json())
