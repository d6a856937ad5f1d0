"""Memories in Qdrant, over its REST interface."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import httpx

from common.peers import Peer
from services.memory_service.meaning import DIMENSIONS
from services.memory_service.store import Found, Kept, Memory, Wanted

COLLECTION = "memories"
_NAMES = uuid.UUID("6f0a8f0e-7d0c-4f0b-9a55-736f6d613031")  # Qdrant's ids are UUIDs: ours are named within this one
_CONFLICT, _NOT_FOUND = 409, 404


class QdrantStore:
    """One collection, cosine distance, with indexes on what is filtered by.

    Args:
        url: where it is.
        seconds: how long one answer may take.
    """

    name = "qdrant"

    def __init__(self, url: str, seconds: float, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._peer = Peer(self.name, url, seconds=seconds, transport=transport)

    async def prepare(self) -> None:
        """Make the collection and its indexes where they are missing."""
        if await self._call("GET", "", fine=_NOT_FOUND) is None:
            shape = {"vectors": {"size": DIMENSIONS, "distance": "Cosine"}}
            await self._call("PUT", "", shape, fine=_CONFLICT)  # conflict: another replica was faster
        for field in ("session_id", "kind"):
            await self._call("PUT", "/index?wait=true", {"field_name": field, "field_schema": "keyword"})

    async def close(self) -> None:
        """Nothing: connections are made anew as they are needed."""

    async def put(self, items: Sequence[Kept]) -> None:
        """Keep them; the answer comes once they are applied."""
        points = [
            {"id": _point(item.memory.id), "vector": item.vector, "payload": item.memory.model_dump(mode="json")}
            for item in items
        ]
        await self._call("PUT", "/points?wait=true", {"points": points})

    async def get(self, memory_id: str) -> Memory | None:
        """The memory of that id."""
        found = await self._call("POST", "/points", {"ids": [_point(memory_id)], "with_payload": True})
        return next((Memory.model_validate(point["payload"]) for point in found), None)

    async def search(self, wanted: Wanted) -> list[Found]:
        """The closest first."""
        pairs = (("session_id", wanted.session_id), ("kind", wanted.kind))
        must = [{"key": key, "match": {"value": value}} for key, value in pairs if value is not None]
        asked = {"query": wanted.vector, "filter": {"must": must}, "limit": wanted.limit, "with_payload": True}
        found = await self._call("POST", "/points/query", asked)
        return [
            Found(memory=Memory.model_validate(point["payload"]), score=round(point["score"], 6), stores=[self.name])
            for point in found["points"]
            if point["score"] > 0
        ]

    async def count(self) -> int:
        """How many it holds."""
        return int((await self._call("POST", "/points/count", {"exact": True}))["count"])

    async def _call(self, method: str, path: str, body: dict[str, Any] | None = None, *, fine: int = 0) -> Any:  # noqa: ANN401 - what Qdrant answers is as its path has it
        """The result, or nothing where the answer has the one status that is fine too."""
        answer = await self._peer.client.request(method, f"/collections/{COLLECTION}{path}", json=body)
        if answer.status_code == fine:
            return None
        if not answer.is_success:
            raise ConnectionError(f"answers {answer.status_code}: {answer.text[:200]}")
        return answer.json()["result"]


def _point(memory_id: str) -> str:
    return str(uuid.uuid5(_NAMES, memory_id))
