"""Writing to Kafka, reading from it, and looking at it, where the broker may be away for a while."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from common.health import Component
from common.kafka.records import Codec
from common.kafka.topics import dead_letter, make_topics
from common.peers import PeerFailed, reason

NAME = "kafka"
PAUSE_SECONDS = 0.5
"""Between two tries to come by a broker or a registry that is away."""
_REQUEST_MS = 4000
_BACKOFF_MS = 300
_STOP_SECONDS = 1.0
_REASON_BYTES = 500
_LETTER_BYTES = 1_000_000
"""A dead letter is cut there: with its headers it must still fit into what a broker takes."""


class Broker:
    """What a service writes to Kafka with.

    Args:
        servers: host:port, comma separated.
        client: what the service is called in the broker's own logs.
        topics: those that the service cannot do without; health looks at them.
        seconds: how long a record may take to be taken.
    """

    def __init__(self, servers: str, client: str, topics: Iterable[str], *, seconds: float) -> None:
        self.servers = servers
        self.client = client
        self.waiting = "a first connection"
        self._topics = frozenset(topics)
        self._seconds = seconds
        self._producer: AIOKafkaProducer | None = None

    async def prepare(self, *codecs: Codec[Any], make: bool = False) -> None:
        """Have the topics, the schemas and a connection; health says meanwhile what is waited for.

        Args:
            codecs: whose schemas are registered.
            make: make the topics, where otherwise they are waited for.

        Raises:
            KafkaError: the broker does not do its part.
            PeerFailed: the registry does not, or nobody has made the topics yet.
        """
        if not self.waiting:
            return
        self.waiting = "a connection"
        if self._producer is None:
            await self._start()
        self.waiting = "topics"
        if make:
            await make_topics(self.servers)
        elif lost := await self._lost():
            raise PeerFailed(f"{NAME} leads no {', '.join(lost)}")
        self.waiting = "schemas"
        for codec in codecs:
            await codec.register()
        self.waiting = ""

    async def _start(self) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self.servers,
            client_id=self.client,
            acks="all",
            request_timeout_ms=_REQUEST_MS,
            retry_backoff_ms=_BACKOFF_MS,
        )
        try:
            await producer.start()
        except BaseException:
            await _stopped(producer)
            raise
        self._producer = producer

    async def stop(self) -> None:
        """Let go of the broker, whether it answers or not."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await _stopped(producer)

    async def send(self, topic: str, key: str, value: bytes, headers: Iterable[tuple[str, bytes]] = ()) -> None:
        """Return once the broker has the record.

        Raises:
            PeerFailed: it was not taken in time. It may still be there: whoever reads it knows it by its id.
        """
        if self._producer is None or self.waiting:
            raise PeerFailed(f"{NAME} takes no record: waiting for {self.waiting or 'a connection'}")
        try:
            async with asyncio.timeout(self._seconds):
                await self._producer.send_and_wait(topic, value, key=key.encode(), headers=list(headers))
        except TimeoutError as error:
            raise PeerFailed(f"{NAME} takes no record within {self._seconds:g} s") from error
        except KafkaError as error:
            raise PeerFailed(f"{NAME} takes no record: {reason(error)}") from error

    async def bury(self, record: Any, why: str) -> None:  # noqa: ANN401 - a ConsumerRecord, which has no types
        """Send a record that nobody can handle, as it came, to the dead letters of its topic.

        Raises:
            PeerFailed: it was not taken.
        """
        origin = f"{record.topic}/{record.partition}/{record.offset}"
        headers = [
            *record.headers,
            ("soma.reason", why.encode()[:_REASON_BYTES]),
            ("soma.origin", origin.encode()),
            ("soma.key", record.key or b""),
        ]
        await self.send(dead_letter(record.topic), origin, (record.value or b"")[:_LETTER_BYTES], headers)

    async def look(self) -> Component:
        """Whether the broker answers, and leads every topic that the service needs."""
        if self._producer is None or self.waiting:
            return Component(status="down", detail=f"waiting for {self.waiting or 'a connection'}")
        try:
            lost = await self._lost()
        except KafkaError as error:
            return Component(status="down", detail=f"does not answer: {reason(error)}")
        if not lost:
            return Component(status="ok")
        self.waiting = "topics"  # it came back empty: topics and schemas are made anew
        return Component(status="down", detail=f"leads no {', '.join(lost)}")

    async def _lost(self) -> list[str]:
        if self._producer is None:
            return sorted(self._topics)
        seen = await self._producer.client.fetch_all_metadata()
        return sorted(topic for topic in self._topics if not seen.available_partitions_for_topic(topic))


@asynccontextmanager
async def reading(servers: str, client: str, topic: str, **settings: Any) -> AsyncIterator[AIOKafkaConsumer]:  # noqa: ANN401 - aiokafka's own settings
    """A reader of a topic from its first record on, or from what its group has committed."""
    reader = AIOKafkaConsumer(
        topic,
        bootstrap_servers=servers,
        client_id=client,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        request_timeout_ms=_REQUEST_MS,
        retry_backoff_ms=_BACKOFF_MS,
        **settings,
    )
    try:
        await reader.start()
        yield reader
    finally:
        await _stopped(reader)


async def persist(work: Callable[[], Awaitable[None]], logger: logging.Logger) -> None:
    """Do a work that ends when a peer fails, again and again; until cancelled."""
    said = ""
    while True:
        try:
            await work()
        except (KafkaError, PeerFailed) as error:
            trouble = reason(error)
        except Exception:
            logger.exception("reading from %s ended", NAME)
            trouble = ""
        else:
            trouble = ""
        if trouble and trouble != said:
            logger.warning("reading from %s ended, and is tried again: %s", NAME, trouble)
        said = trouble
        await asyncio.sleep(PAUSE_SECONDS)


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Something that is done meanwhile, and given up at the end."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _stopped(client: AIOKafkaProducer | AIOKafkaConsumer) -> None:
    """Stop a client within a bound: with its broker gone it would wait for it."""
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await client.stop()
    except (TimeoutError, KafkaError):
        await client._client.close() if isinstance(client, AIOKafkaConsumer) else await client.client.close()  # noqa: SLF001
