"""Who reached whom in a namespace, read from observations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from blueprint.live import table

SERVICES = ("gateway", "ui", "conversation-worker", "memory-service", "tool-executor")
"""The pods of the application, from which connections are tried."""
STRANGER, FRIEND, OUTSIDER = "stranger", "friend", "outsider"
"""Guests: a pod that no policy names, one with the label of every edge, and one of another namespace."""
API_SERVER = "kubernetes:443"
OPEN = "open"
CLOSED = frozenset({"ConnectionRefusedError", "TimeoutError"})
"""How a policy closes an edge; any other error says nothing about policies."""


@dataclass(frozen=True, slots=True)
class Edges:
    """What became of a connection to each port of each Service.

    Attributes:
        endpoints: the Services that lead somewhere, by another list of the API server.
        reached: by source, then by ``service:port``: ``open`` or the name of an error.
    """

    endpoints: frozenset[str]
    reached: Mapping[str, Mapping[str, str]]

    @classmethod
    def of(cls, seen: object) -> Self:
        """From what the world saw."""
        told = table(seen)
        by_source = {str(source): table(row) for source, row in table(told.get("reached")).items()}
        return cls(frozenset(map(str, told.get("endpoints") or ())), by_source)

    @property
    def listening(self) -> frozenset[str]:
        """Every ``service:port`` that somebody reached: what is closed there is closed by a policy."""
        rows = (row.items() for row in self.reached.values())
        return frozenset(target for row in rows for target, word in row if word == OPEN)

    def of_pair(self, source: str, service: str) -> Iterator[tuple[str, str]]:
        """What became of each port of a Service that is known to listen, from one source."""
        for target, word in self.reached.get(source, {}).items():
            if target.rpartition(":")[0] == service and target in self.listening and word in {OPEN, *CLOSED}:
                yield target, word
