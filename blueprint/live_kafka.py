"""Shapes of what a broker and a schema registry showed, read from observations; rules take these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from blueprint.evidence import JSON
from blueprint.live import Answer, table


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a topic.

    Attributes:
        topic: where it is.
        key: as text.
        schema: the id that its frame names; -1 where it has no frame.
        subjects: whose registered schema that is; empty where it is nobody's.
        body: parsed where it is JSON, else its text.
    """

    topic: str
    key: str = ""
    schema: int = -1
    subjects: tuple[str, ...] = ()
    body: JSON = None

    @classmethod
    def of(cls, seen: object) -> Self:
        """From one row of a listing."""
        row = table(seen)
        subjects = tuple(map(str, row.get("subjects", ())))
        return cls(
            str(row.get("topic", "")), str(row.get("key", "")), int(row.get("schema", -1)), subjects, row.get("body")
        )

    @property
    def event(self) -> str:
        """The kind of event that it carries; empty where it carries none."""
        return str(table(table(self.body).get("event")).get("event", ""))


@dataclass(frozen=True, slots=True)
class SchemaChanges:
    """What became of two changes of a registered schema.

    Attributes:
        subject: whose schema it is.
        before: the versions that were registered before.
        after: those after both.
        compatible: the answer to the question whether a new optional field may be.
        incompatible: the answer to registering the schema with a new required field.
    """

    subject: str
    before: tuple[int, ...]
    after: tuple[int, ...]
    compatible: Answer
    incompatible: Answer

    @classmethod
    def of(cls, subject: str, seen: object) -> Self:
        """From what was asked of the registry."""
        row = table(seen)
        return cls(
            subject,
            tuple(row.get("before", ())),
            tuple(row.get("after", ())),
            Answer.of(row.get("compatible")),
            Answer.of(row.get("incompatible")),
        )
