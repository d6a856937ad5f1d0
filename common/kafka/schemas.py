"""The schema registry, over the API that Confluent's has and Apicurio's shares, and the frame of a record."""

from __future__ import annotations

import json
import struct
from typing import Any
from urllib.parse import quote

import httpx

from common.health import Component
from common.peers import Peer, PeerFailed, reason

NAME = "schema-registry"
_API = "/apis/ccompat/v7"
_MAGIC = 0
_HEAD = struct.Struct(">bI")
_NOT_FOUND = 404
_CONFLICT = 409


class Poisoned(Exception):
    """A record that cannot be read, however often it is tried; the text says why."""


def framed(schema: int, body: bytes) -> bytes:
    """A value as Confluent's serialisers frame it: a zero, the id of its schema in four bytes, the body."""
    return _HEAD.pack(_MAGIC, schema) + body


def unframed(value: bytes | None) -> tuple[int, bytes]:
    """The id of the schema, and the body.

    Raises:
        Poisoned: it has no such frame.
    """
    if value is None or len(value) < _HEAD.size:
        raise Poisoned("it is too short to name a schema")
    magic, schema = _HEAD.unpack_from(value)
    if magic != _MAGIC:
        raise Poisoned(f"its first byte is {magic}, where that of a framed value is 0")
    return schema, value[_HEAD.size :]


class Registry:
    """A client of the registry.

    Args:
        url: where it listens.
        seconds: how long one answer may take.
        transport: stands in for the network.
    """

    def __init__(self, url: str, *, seconds: float, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._peer = Peer(NAME, url, seconds=seconds, transport=transport)
        self._known: dict[int, frozenset[str]] = {}

    async def aclose(self) -> None:
        """Close its connections."""
        await self._peer.aclose()

    async def register(self, subject: str, schema: dict[str, Any]) -> int:
        """The id of a schema, registered where it was not.

        Raises:
            PeerFailed: no answer, or it is incompatible with what is registered.
        """
        body = {"schemaType": "JSON", "schema": json.dumps(schema, sort_keys=True)}
        answer = await self._ask("POST", f"/subjects/{quote(subject, safe='')}/versions", body)
        if answer.status_code == _CONFLICT:
            raise PeerFailed(f"{NAME} refuses the schema of {subject}: {answer.text[:300]}")
        return int(_document(answer)["id"])

    async def belongs(self, schema: int, subject: str) -> bool:
        """Whether an id is that of a schema of a subject.

        Raises:
            PeerFailed: it cannot be asked.
        """
        if schema not in self._known:
            answer = await self._ask("GET", f"/schemas/ids/{schema}/versions")
            if answer.status_code == _NOT_FOUND:
                return False  # and is not kept: it may be registered later
            self._known[schema] = frozenset(str(row["subject"]) for row in _document(answer))
        return subject in self._known[schema]

    async def look(self) -> Component:
        """Whether it answers."""
        try:
            _document(await self._ask("GET", "/subjects"))
        except PeerFailed as error:
            return Component(status="down", detail=str(error))
        return Component(status="ok")

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        try:
            return await self._peer.client.request(method, f"{_API}{path}", json=body)
        except httpx.HTTPError as error:
            raise PeerFailed(f"{NAME} does not answer: {reason(error)}") from error


def _document(answer: httpx.Response) -> Any:  # noqa: ANN401 - whatever JSON the registry answers
    if not answer.is_success:
        raise PeerFailed(f"{NAME} answers {answer.status_code}: {answer.text[:300]}")
    try:
        return answer.json()
    except ValueError as error:
        raise PeerFailed(f"{NAME} answers no JSON") from error
