"""What a service needs of Kafka, together: the broker, the registry, and how health looks at both."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from common.config.settings import Settings
from common.health import LOOK_SECONDS, Check, Component
from common.kafka import broker, schemas
from common.kafka.broker import Broker
from common.kafka.records import Asked, Codec, Told
from common.kafka.schemas import Registry
from common.kafka.topics import INBOUND, OUTBOUND

_LOOK_SECONDS = 0.6 * LOOK_SECONDS
"""Less than a whole look: whoever looks at the service that looks here is to have an answer within his own bound."""


@dataclass(frozen=True, slots=True)
class Link:
    """A broker, a registry, and the two kinds of records of a conversation."""

    broker: Broker
    registry: Registry
    asked: Codec[Asked]
    told: Codec[Told]

    @classmethod
    def of(cls, settings: Settings, client: str) -> Link | None:
        """The link of a service, None where the profile kafka is off."""
        if not settings.has("kafka"):
            return None
        registry = Registry(settings.schema_registry_url, seconds=settings.peer_seconds)
        made = Broker(settings.kafka_bootstrap_servers, client, (INBOUND, OUTBOUND), seconds=settings.peer_seconds)
        return cls(made, registry, Codec(INBOUND, Asked, registry), Codec(OUTBOUND, Told, registry))

    def checks(self) -> list[Check]:
        """For health.

        Without the broker no message travels: it is required, and down too until topics and schemas are there.
        Once they are, the registry is needed only by what starts anew or writes another schema: it is optional.
        """
        looks = ((broker.NAME, True, self.broker.look), (schemas.NAME, False, self.registry.look))
        return [Check(name, required, partial(_within, look)) for name, required, look in looks]

    async def prepare(self, *, make: bool = False) -> None:
        """Have what is needed; `make` the topics, where otherwise they are waited for."""
        await self.broker.prepare(self.asked, self.told, make=make)

    async def aclose(self) -> None:
        """Let go of both."""
        await self.broker.stop()
        await self.registry.aclose()


async def _within(look: Callable[[], Awaitable[Component]]) -> Component:
    try:
        async with asyncio.timeout(_LOOK_SECONDS):
            return await look()
    except TimeoutError:
        return Component(status="down", detail=f"no answer within {_LOOK_SECONDS:g} s")
