"""What travels between services: texts, ids, events; each bounded."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, Field, JsonValue, StringConstraints

MESSAGE_CHARACTERS = 8000

Kind: TypeAlias = Literal[
    "received", "planned", "memory_stored", "memory_recalled", "tool_called", "answered", "failed"
]
LAST: frozenset[Kind] = frozenset({"answered", "failed"})
"""After one of these nothing more comes for a message."""


def _storable(text: str) -> str:
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("holds a character that no store takes: NUL, or half of a surrogate pair")
    return text


Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MESSAGE_CHARACTERS),
    AfterValidator(_storable),
]
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class Message(BaseModel):
    """One message of a user; `message_id` makes sending it twice the same as sending it once."""

    session_id: Id
    message_id: Id
    message: Text


class Event(BaseModel):
    """One step towards an answer.

    Attributes:
        event: which step.
        by: name of the service that took it, as that service signed its own answer.
        at: when, in UTC.
        data: what came of it; `answer` under answered, `reason` under failed.
    """

    event: Kind
    by: str
    session_id: str
    message_id: str
    at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    data: dict[str, JsonValue] = {}
