"""The topics that the deployment has, and how they are made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

INBOUND = "conversation.inbound"
OUTBOUND = "conversation.outbound"
WORKER_GROUP = "conversation-worker"

_DAY_MS = str(24 * 60 * 60 * 1000)
_PARTITIONS = 3
"""Of a topic whose records are keyed by session: so many workers can share it."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic, how far it is split, and what becomes of old records."""

    name: str
    partitions: int = _PARTITIONS
    config: Mapping[str, str] = field(default_factory=lambda: {"retention.ms": _DAY_MS})


def dead_letter(name: str) -> str:
    """Where records of a topic go that nobody can handle."""
    return f"{name}.dlq"


_CARRYING = (INBOUND, OUTBOUND, "tool.requests", "tool.results", "memory.wal")
# A dead letter is keyed by where it came from: refused again, it takes the place of itself.
_LETTERS = {"cleanup.policy": "compact,delete", "retention.ms": str(7 * int(_DAY_MS))}
TOPICS = (
    *(Topic(name) for name in _CARRYING),
    *(Topic(dead_letter(name), 1, _LETTERS) for name in _CARRYING),
    Topic("config.updates", 1, {"cleanup.policy": "compact"}),
)


async def make_topics(servers: str, topics: Iterable[Topic] = TOPICS, *, seconds: float = 10.0) -> list[str]:
    """Make those that are not there; the names of the new ones. What is there is left as it is.

    Raises:
        KafkaError: a topic was not made.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=servers, request_timeout_ms=int(seconds * 1000))
    try:
        await admin.start()
        there = set(await admin.list_topics())
        wanted = [topic for topic in topics if topic.name not in there]
        if not wanted:
            return []
        # -1 and no assignment: the replication factor that the brokers are set to.
        new = [NewTopic(topic.name, topic.partitions, -1, {}, dict(topic.config)) for topic in wanted]
        answer = await admin.create_topics(new)
    finally:
        await admin.close()
    for name, code, *rest in answer.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise KafkaError(f"topic {name} was not made: {error.__name__} {rest[0] if rest else ''}".strip())
    return [topic.name for topic in wanted]
