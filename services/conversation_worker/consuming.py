"""Messages that arrive through Kafka: handled, answered into another topic, and only then committed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from itertools import groupby
from typing import Any

from common.eventlog import AnotherMessage
from common.kafka.broker import persist, reading
from common.kafka.link import Link
from common.kafka.records import Asked, Told
from common.kafka.schemas import Poisoned
from common.kafka.topics import INBOUND, OUTBOUND, WORKER_GROUP
from common.peers import PeerFailed
from services.conversation_worker.inbox import Inbox

_AT_ONCE = 50
"""Records that are in hand at once; a restart repeats at most so many."""
_LOOK_MS = 500
_SESSION_MS = 6000
"""After so long without a sign of a worker, its share goes to another."""


class Consuming:
    """Reads what gateways ask, and writes what comes of it.

    A record is committed once all its events are with the broker. A worker that dies before that reads it again,
    and its events come out once more with the same numbers: readers pass over what they have.

    Args:
        link: broker and registry.
        inbox: handles messages.
        logger: is told of dead letters, and of a broker that is away.
    """

    def __init__(self, link: Link, inbox: Inbox, logger: logging.Logger) -> None:
        self._link = link
        self._inbox = inbox
        self._logger = logger

    async def run(self) -> None:
        """Read until cancelled; what is in hand then stays uncommitted, and whoever reads next has it again."""
        await persist(self._work, self._logger)

    async def _work(self) -> None:
        broker = self._link.broker
        await self._link.prepare(make=True)
        settings = {"group_id": WORKER_GROUP, "session_timeout_ms": _SESSION_MS, "heartbeat_interval_ms": 2000}
        async with reading(broker.servers, WORKER_GROUP, INBOUND, **settings) as reader:
            while not broker.waiting:
                batch = await reader.getmany(timeout_ms=_LOOK_MS, max_records=_AT_ONCE)
                records = [record for part in batch.values() for record in part]
                if records:
                    await self.handle(records)
                    await reader.commit()

    async def handle(self, records: Iterable[Any]) -> None:
        """Handle records: those of one session in their order, sessions side by side.

        Raises:
            PeerFailed: broker or registry failed; nothing may be committed.
        """
        by_key = sorted(records, key=lambda record: bytes(record.key or b""))
        try:
            async with asyncio.TaskGroup() as group:
                for _, own in groupby(by_key, key=lambda record: bytes(record.key or b"")):
                    group.create_task(self._in_order(list(own)))
        except* PeerFailed as failed:
            raise PeerFailed(str(failed.exceptions[0])) from failed

    async def _in_order(self, records: Iterable[Any]) -> None:
        for record in records:
            try:
                await self._answer(await self._link.asked.decode(record.value))
            except (Poisoned, AnotherMessage) as error:
                self._logger.warning("a record is laid aside: %s", error, extra={"fields": {"offset": record.offset}})
                await self._link.broker.bury(record, str(error))

    async def _answer(self, asked: Asked) -> None:
        log = self._inbox.take(asked.message)
        async for number, event in log.follow():
            told = Told(event=event, attempt=asked.attempt, number=number + 1)
            await self._link.broker.send(OUTBOUND, asked.message.session_id, self._link.told.encode(told))
