"""Shapes of what Prometheus and Loki told of a deployment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from blueprint.live import rows, table


@dataclass(frozen=True, slots=True)
class Scrapes:
    """What is running, and what Prometheus says of it.

    Attributes:
        running: services that have a running container, as the engine lists them.
        targets: what is scraped: service, job, health, error.
        dependencies: how those who use something say that it is: by, dependency, value.
    """

    running: tuple[str, ...]
    targets: tuple[Mapping[str, Any], ...] = ()
    dependencies: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def of(cls, seen: object) -> Self:
        """From what the world saw."""
        row = table(seen)
        running = tuple(map(str, row.get("running", ())))
        return cls(running, tuple(rows(row.get("targets"))), tuple(rows(row.get("dependencies"))))


@dataclass(frozen=True, slots=True)
class Asked:
    """An expression of a dashboard or a rule, and what came of it.

    Attributes:
        file: where it stands.
        number: the how many-th expression of its file, from 1.
        owner: the panel or the alert.
        expression: as it stands there.
        series: how many series it has that are a number.
        error: why it could not be evaluated.
        selectors: what it is about, each with its number of series.
        health: what Prometheus says of an alert rule; ``ok`` for a panel.
    """

    file: str
    number: int
    owner: str
    expression: str
    series: int = 0
    error: str = ""
    selectors: Mapping[str, int] | None = None
    health: str = "ok"

    @classmethod
    def of(cls, seen: object) -> Self:
        """From one row of what the world saw."""
        row = table(seen)
        return cls(**{name: row[name] for name in cls.__dataclass_fields__ if name in row})

    @property
    def name(self) -> str:
        """How it is counted."""
        return f"{self.file} {self.number}"


@dataclass(frozen=True, slots=True)
class Answers:
    """What came of all expressions of some files, and the metrics that there are."""

    asked: tuple[Asked, ...]
    metrics: tuple[str, ...] = ()

    @classmethod
    def of(cls, seen: object) -> Self:
        """From what the world saw."""
        row = table(seen)
        return cls(tuple(map(Asked.of, rows(row.get("asked")))), tuple(map(str, row.get("metrics", ()))))


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of log that Loki has of a service."""

    service: str
    lines: tuple[Any, ...] = ()
    error: str = ""

    @classmethod
    def of(cls, service: str, seen: object) -> Self:
        """From what the world saw."""
        row = table(seen)
        found = row.get("lines")
        return cls(service, tuple(found) if isinstance(found, list) else (), str(row.get("error", "")))
