"""What git tells of a checkout, as the rules of change management are given it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class History:
    """The way from the last release to the files as they stand.

    Attributes:
        base: the tag of the last release before HEAD, empty where there is none: then all of the history counts.
        tags: the names of all tags.
        changed: files under infra/ that differ from the base, or are there no more.
        then: the text of every Chart.yaml and of the changelog at the base, by path; empty without a base.
        root_changed: without a base, the files under infra/ that differ from the root commit.
        root_then: without a base, the text of every Chart.yaml at the root commit.
    """

    base: str
    tags: tuple[str, ...]
    changed: frozenset[str]
    then: Mapping[str, str]
    root_changed: frozenset[str] = frozenset()
    root_then: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, seen: Mapping[str, Any]) -> Self:
        """From what the recorder wrote down."""
        base, tags, changed, then = seen["base"], tuple(seen["tags"]), frozenset(seen["changed"]), dict(seen["then"])
        return cls(base, tags, changed, then, frozenset(seen["root_changed"]), dict(seen["root_then"]))

    @property
    def since(self) -> str:
        """The base in words."""
        return f"since {self.base}" if self.base else "since the root commit"
