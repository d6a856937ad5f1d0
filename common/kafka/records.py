"""What travels in records, and the schemas that are registered for it."""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from common.kafka.schemas import Poisoned, Registry, framed, unframed
from common.wire import Event, Message

Content = TypeVar("Content", bound=BaseModel)


class Asked(BaseModel):
    """A message on its way to a worker.

    Attributes:
        attempt: 1, and one more each time that the message is sent again because it failed.
    """

    model_config = ConfigDict(extra="forbid")

    message: Message
    attempt: int = Field(ge=1)


class Told(BaseModel):
    """An event on its way back.

    Attributes:
        attempt: that of the message.
        number: of the event among those of that attempt, from 1. A worker that handles a message once more,
            because it was restarted, numbers its events alike.
    """

    model_config = ConfigDict(extra="forbid")

    event: Event
    attempt: int = Field(ge=1)
    number: int = Field(ge=1)


class Codec(Generic[Content]):
    """Turns one kind of record into bytes and back, by the schemas registered for its topic.

    Args:
        topic: the schemas are those of the subject `<topic>-value`.
        content: the model that the schema is made from.
        registry: where it is registered.
    """

    def __init__(self, topic: str, content: type[Content], registry: Registry) -> None:
        self.topic = topic
        self._subject = f"{topic}-value"
        self._content = content
        self._registry = registry
        self._own = 0

    async def register(self) -> None:
        """Register this side's schema; needed before anything is written.

        Raises:
            PeerFailed: the registry does not answer, or refuses the schema as incompatible.
        """
        self._own = await self._registry.register(self._subject, self._content.model_json_schema())

    def encode(self, content: Content) -> bytes:
        """The bytes of a record."""
        return framed(self._own, content.model_dump_json().encode())

    async def decode(self, value: bytes | None) -> Content:
        """The content of a record, written by whatever schema of the subject.

        Raises:
            Poisoned: nobody will ever be able to read it.
            PeerFailed: its schema is not known here, and the registry cannot be asked.
        """
        schema, body = unframed(value)
        if schema != self._own and not await self._registry.belongs(schema, self._subject):
            raise Poisoned(f"its schema {schema} is none of {self._subject}")
        try:
            return self._content.model_validate_json(body)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise Poisoned(f"it does not fit its schema: {place or 'value'}: {first['msg']}") from error
