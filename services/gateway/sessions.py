"""Sessions: the events of each, in memory, bounded."""

from __future__ import annotations

from collections import OrderedDict

from common.eventlog import EventLog

SESSIONS = 5_000
"""So many are kept; the one used longest ago goes first."""


class Sessions:
    """Event logs by session id."""

    def __init__(self, most: int = SESSIONS) -> None:
        self._logs: OrderedDict[str, EventLog] = OrderedDict()
        self._most = most

    def __len__(self) -> int:
        return len(self._logs)

    def get(self, session_id: str) -> EventLog | None:
        """The events of a session that is known."""
        return self._logs.get(session_id)

    def open(self, session_id: str) -> EventLog:
        """The events of a session, made where it is new. Readers of the session that goes are ended."""
        log = self._logs.setdefault(session_id, EventLog())
        self._logs.move_to_end(session_id)
        while len(self._logs) > self._most:
            self._logs.popitem(last=False)[1].close()
        return log
