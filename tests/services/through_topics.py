"""A registry and a broker made of dictionaries, and worker and gateway wired through them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx

from common.kafka.broker import Broker
from common.kafka.link import Link
from common.kafka.records import Asked, Codec, Told
from common.kafka.schemas import Registry
from common.kafka.topics import INBOUND, OUTBOUND
from common.peers import PeerFailed


@dataclass
class FakeRegistry(httpx.AsyncBaseTransport):
    """Registers anything, refuses what it is told to, and can be cut off."""

    schemas: list[tuple[str, str]] = field(default_factory=list)
    refuses: bool = False
    cut: bool = False
    slow: float = 0
    asked: int = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One answer of the API that Confluent's registry has."""
        self.asked += 1
        await asyncio.sleep(self.slow)
        if self.cut:
            raise httpx.ConnectError("connection refused", request=request)
        words = request.url.path.removeprefix("/apis/ccompat/v7/").split("/")
        if words[0] == "subjects" and request.method == "POST":
            return self._registered(words[1], json.loads(await request.aread())["schema"])
        if words[:2] == ["schemas", "ids"]:
            number = int(words[2])
            if number > len(self.schemas):
                return httpx.Response(404, json={"error_code": 40403})
            return httpx.Response(200, json=[{"subject": self.schemas[number - 1][0], "version": 1}])
        return httpx.Response(200, json=sorted({subject for subject, _ in self.schemas}))

    def _registered(self, subject: str, schema: str) -> httpx.Response:
        if self.refuses:
            return httpx.Response(409, json={"error_code": 409, "message": "incompatible"})
        if (subject, schema) not in self.schemas:
            self.schemas.append((subject, schema))
        return httpx.Response(200, json={"id": self.schemas.index((subject, schema)) + 1})


@dataclass
class Record:
    """As aiokafka hands it out."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class FakeBroker(Broker):
    """Keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__("nowhere:9092", "test", (INBOUND, OUTBOUND), seconds=1)
        self.waiting = ""
        self.kept: list[Record] = []
        self.fails = False
        self.on_sent: Callable[[Record], None] = lambda _: None

    async def send(self, topic: str, key: str, value: bytes, headers: Iterable[tuple[str, bytes]] = ()) -> None:
        """Keep a record, unless it is to fail."""
        if self.fails:
            raise PeerFailed("kafka takes no record")
        record = Record(topic, 0, len(self.of(topic)), key.encode(), value, tuple(headers))
        self.kept.append(record)
        self.on_sent(record)

    def of(self, topic: str) -> list[Record]:
        """The records of a topic."""
        return [record for record in self.kept if record.topic == topic]


async def linked(registry: FakeRegistry) -> tuple[Link, FakeBroker]:
    """A link whose schemas are registered."""
    client, broker = Registry("http://registry", seconds=1, transport=registry), FakeBroker()
    link = Link(broker, client, Codec(INBOUND, Asked, client), Codec(OUTBOUND, Told, client))
    await link.asked.register()
    await link.told.register()
    return link, broker


async def told(link: Link, records: Iterable[Any]) -> list[tuple[str, int, int]]:
    """(event, attempt, number) of records."""
    read = [await link.told.decode(record.value) for record in records]
    return [(each.event.event, each.attempt, each.number) for each in read]
