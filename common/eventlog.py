"""An append-only list of events that any number of readers can follow from any place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from common.wire import Event


class EventLog:
    """Events of one message or one session, in order; a reader that comes late misses nothing."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._closed = False
        self._news = asyncio.Event()

    @property
    def closed(self) -> bool:
        """Whether nothing more will be appended."""
        return self._closed

    def append(self, event: Event) -> None:
        """Add one and wake every reader."""
        self.events.append(event)
        self._wake()

    def close(self) -> None:
        """Say that nothing more comes: readers end after the last event."""
        self._closed = True
        self._wake()

    async def follow(self, start: int = 0) -> AsyncGenerator[tuple[int, Event], None]:
        """(number, event) from number `start`, counted from 0, on; waits for more until the log is closed."""
        number = start
        while True:
            news = self._news
            while number < len(self.events):
                yield number, self.events[number]
                number += 1
            if self._closed:
                return
            if news is self._news:
                await news.wait()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
