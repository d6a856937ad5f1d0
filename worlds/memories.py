"""The profile vectorstore of the Compose project as proofs see it: memories, and each store asked for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from blueprint.evidence import JSON
from blueprint.live import table
from blueprint.live_memories import Recall
from provision.waiting import Deadline
from worlds.probes import memories
from worlds.probes.http import settled
from worlds.stack import ComposeStack

FOUND = Deadline("a memory to be found in a store", 60)


@dataclass(frozen=True, slots=True)
class Memories:
    """What proofs keep in a stack, and what they find there."""

    stack: ComposeStack

    def keep(self, session_id: str, *texts: str) -> tuple[int, ...]:
        """Have texts kept by the memory service; how each was answered."""
        kept = [
            {"id": f"{session_id}-{number}", "session_id": session_id, "text": text}
            for number, text in enumerate(texts, 1)
        ]
        asked: JSON = {"session_id": session_id, "texts": list[JSON](texts)}
        seen = self.stack.recorder.do(
            "memory_service:/v1/memories", asked, lambda: memories.keep(self.stack.project.inside, kept)
        )
        return tuple(int(str(code)) for code in seen.seen) if isinstance(seen.seen, list) else ()

    def recall(self, store: str, session_id: str, text: str, wanted: str) -> Recall:
        """What one store gives for a text, once the wanted one comes first or its time is up."""
        asked: JSON = {"store": store, "session_id": session_id, "text": text}

        def look() -> dict[str, JSON]:
            return memories.sought(self.stack.project.inside, store, session_id, text)

        def holds(seen: dict[str, JSON]) -> bool:
            return Recall.of(store, text, wanted, seen).is_found

        seen = self.stack.recorder.look(f"{store}:search", asked, lambda: dict(settled(look, holds, FOUND)))
        return Recall.of(store, text, wanted, table(seen.seen))

    def recalls(self, stores: Sequence[str], session_id: str, text: str, wanted: str) -> tuple[Recall, ...]:
        """The same of several stores."""
        return tuple(self.recall(store, session_id, text, wanted) for store in stores)
