"""What a vector store gave for a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from blueprint.live import table


@dataclass(frozen=True, slots=True)
class Recall:
    """What was sought in one store, and found.

    Attributes:
        store: its name.
        text: what was sought.
        wanted: words of the memory that is the closest.
        served: texts that the memory service found there, the closest first, each with the stores that found it.
        held: texts that the store itself gives, the closest first.
        trouble: why there is nothing.
    """

    store: str
    text: str
    wanted: str
    served: tuple[tuple[str, tuple[str, ...]], ...] = ()
    held: tuple[str, ...] = ()
    trouble: str = ""

    @classmethod
    def of(cls, store: str, text: str, wanted: str, seen: object) -> Self:
        """From what the world saw."""
        row = table(seen)
        served, held = row.get("served"), row.get("held")
        hits = [hit for hit in served if isinstance(hit, list) and len(hit) == 2] if isinstance(served, list) else []  # noqa: PLR2004 - a text and its stores
        trouble = "" if row.get("status") == 200 else str(row.get("error") or f"answered {row.get('status')}")  # noqa: PLR2004 - HTTP
        return cls(
            store,
            text,
            wanted,
            tuple((str(hit[0]), tuple(map(str, hit[1]))) for hit in hits),
            tuple(map(str, held)) if isinstance(held, list) else (),
            trouble or (str(held) if isinstance(held, str) else ""),
        )

    @property
    def is_found(self) -> bool:
        """The wanted memory comes first, by the service and by the store itself."""
        by_service = bool(self.served) and self.wanted in self.served[0][0] and self.served[0][1] == (self.store,)
        return not self.trouble and by_service and bool(self.held) and self.wanted in self.held[0]
