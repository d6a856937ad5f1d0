"""How the gateway hands messages to workers through Kafka, and puts what comes back into their sessions."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from functools import partial
from typing import Any

from common.eventlog import AnotherMessage, EventLog, EventLogs
from common.kafka.broker import persist, reading
from common.kafka.link import Link
from common.kafka.records import Asked, Told
from common.kafka.schemas import Poisoned
from common.kafka.topics import INBOUND, OUTBOUND
from common.wire import LAST, Message

_LOOK_MS = 500
_REMEMBERED = 20_000
"""Messages of which it is known how far they are; a repeated event of an older one would be told twice."""


class TopicDispatcher:
    """Writes messages into one topic and reads events from another.

    A message is taken once the broker has it, and is answered whenever a worker comes to it: nothing but a worker
    says that it failed. The events are read from their first on, so that a gateway that was restarted has its
    sessions again, and every gateway has all of them.

    Args:
        link: broker and registry.
        sessions: where the events go.
        logger: is told of dead letters, and of a broker that is away.
    """

    def __init__(self, link: Link, sessions: EventLogs, logger: logging.Logger) -> None:
        self._link = link
        self._sessions = sessions
        self._logger = logger
        self._sent: dict[str, tuple[Asked, asyncio.Task[None]]] = {}
        self._seen: OrderedDict[str, tuple[int, int]] = OrderedDict()  # attempt and number of the last event
        self._next: dict[Any, int] = {}  # by partition, the offset to go on from
        self._reading: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to read; a broker that is away is waited for."""
        self._reading = asyncio.create_task(persist(self._work, self._logger))

    async def close(self) -> None:
        """Stop reading, and give up what the broker has not taken."""
        tasks = [task for task in (self._reading, *(task for _, task in self._sent.values())) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._link.aclose()

    async def send(self, message: Message, log: EventLog) -> None:
        """Return as soon as the broker has the message; its events go on to arrive in the log.

        A message that is on its way, or was answered, is not handed over again; one that failed is.

        Raises:
            PeerFailed: the broker did not take it.
            AnotherMessage: its id is that of a message with another text.
        """
        last, key = log.last_of(message), _key(message.session_id, message.message_id)
        if last not in (None, "failed"):
            return
        attempt = self._seen.get(key, (0, 0))[0] + 1
        if key in self._sent and self._sent[key][0].message != message:
            raise AnotherMessage("another message had this message_id")
        if key not in self._sent or self._sent[key][0].attempt < attempt:
            asked = Asked(message=message, attempt=attempt)
            task = asyncio.create_task(
                self._link.broker.send(INBOUND, message.session_id, self._link.asked.encode(asked))
            )
            self._sent[key] = (asked, task)
            task.add_done_callback(partial(self._forget_failed, key))
        await asyncio.shield(self._sent[key][1])

    def _forget_failed(self, key: str, task: asyncio.Task[None]) -> None:
        """What the broker did not take may be sent again."""
        if (task.cancelled() or task.exception()) and key in self._sent and self._sent[key][1] is task:
            del self._sent[key]

    async def _work(self) -> None:
        broker = self._link.broker
        await self._link.prepare()
        async with reading(broker.servers, broker.client, OUTBOUND, group_id=None) as reader:
            for partition in reader.assignment() & self._next.keys():
                reader.seek(partition, self._next[partition])
            while not broker.waiting:
                batch = await reader.getmany(timeout_ms=_LOOK_MS)
                for partition, records in batch.items():
                    for record in records:
                        await self.read(record)
                        self._next[partition] = record.offset + 1

    async def read(self, record: Any) -> None:  # noqa: ANN401 - a ConsumerRecord, which has no types
        """Put the event of a record into its session, unless it is there; lay aside what is no event.

        Raises:
            PeerFailed: broker or registry failed, and the record is to be read again.
        """
        try:
            told = await self._link.told.decode(record.value)
        except Poisoned as error:
            self._logger.warning("a record is laid aside: %s", error, extra={"fields": {"offset": record.offset}})
            await self._link.broker.bury(record, str(error))
            return
        self._tell(told)

    def _tell(self, told: Told) -> None:
        event = told.event
        key = _key(event.session_id, event.message_id)
        if (told.attempt, told.number) <= self._seen.get(key, (0, 0)):
            return
        self._seen[key] = (told.attempt, told.number)
        self._seen.move_to_end(key)
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        self._sessions.open(event.session_id).append(event)
        if event.event in LAST:
            self._sent.pop(key, None)


def _key(session_id: str, message_id: str) -> str:
    return f"{session_id}/{message_id}"
