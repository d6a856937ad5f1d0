"""Shapes of what stands beside a service in its pod, as it was tried; rules take these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from blueprint.live import Answer, table


@dataclass(frozen=True, slots=True)
class Beside:
    """The containers of one pod.

    Attributes:
        service: whose pod it is.
        containers: whether each is ready, by its name.
        before: names of those that ran before them.
    """

    service: str
    containers: Mapping[str, bool] = field(default_factory=dict)
    before: tuple[str, ...] = ()

    @classmethod
    def of(cls, seen: object) -> Self:
        """From one row of what was looked at."""
        row = table(seen)
        ready = {name: value is True for name, value in table(row.get("containers")).items()}
        return cls(str(row.get("service", "")), ready, tuple(map(str, row.get("before", ()))))


@dataclass(frozen=True, slots=True)
class Denials:
    """How messages were answered.

    Attributes:
        member: of whoever has the role.
        stranger: with a good token, without the role.
        alone: a look at the process of a gateway whose OPA is not there.
        without_opa: that gateway's answer to whoever has the role.
    """

    member: Answer = field(default_factory=Answer)
    stranger: Answer = field(default_factory=Answer)
    alone: Answer = field(default_factory=Answer)
    without_opa: Answer = field(default_factory=Answer)

    @classmethod
    def of(cls, seen: object) -> Self:
        """From what was tried."""
        row = table(seen)
        return cls(*(Answer.of(row.get(name)) for name in ("member", "stranger", "alone", "without opa")))


@dataclass(frozen=True, slots=True)
class Rotation:
    """A secret that was changed in Vault.

    Attributes:
        before: what it was; put: what it became; file: what the pod has once it was waited for.
        status: how Vault answered the change.
    """

    before: str = ""
    put: str = ""
    file: str = ""
    status: int = 0

    @classmethod
    def of(cls, seen: object) -> Self:
        """From what was tried."""
        row = table(seen)
        before, put, file = (str(row.get(name) or "") for name in ("before", "put", "file"))
        return cls(before, put, file, int(row.get("status", 0)))
