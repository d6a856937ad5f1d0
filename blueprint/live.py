"""Shapes of what a running deployment answered, read from observations; rules take these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from blueprint.evidence import JSON


def table(seen: object) -> Mapping[str, Any]:
    """A JSON object as a mapping; an empty one where it is something else, so that a rule finds everything missing."""
    return seen if isinstance(seen, dict) else {}


def rows(seen: object) -> list[Mapping[str, Any]]:
    """The objects of a JSON list; none where it is something else."""
    return [table(row) for row in seen] if isinstance(seen, list) else []


@dataclass(frozen=True, slots=True)
class Container:
    """A container of the project, as the engine describes it.

    Attributes:
        service: the Compose service that it runs.
        state: ``running``, ``exited``, ``restarting``, …
        health: ``healthy``, ``starting``, ``unhealthy``; empty where it has no health check.
        exit_code: of its last run, 0 while it runs.
        restarts: how often the engine has restarted it by its restart policy.
        started_at: when its present run began, ISO 8601.
    """

    service: str
    state: str = ""
    health: str = ""
    exit_code: int = 0
    restarts: int = 0
    started_at: str = ""

    @classmethod
    def of(cls, seen: object) -> Self:
        """From one row of a listing."""
        row = table(seen)
        return cls(**{name: row[name] for name in cls.__dataclass_fields__ if name in row})

    @property
    def is_healthy(self) -> bool:
        """It runs and its health check says so."""
        return self.state == "running" and self.health == "healthy"

    @property
    def condition(self) -> str:
        """What it does, for a reader."""
        if self.state != "running":
            return f"{self.state or 'not there'} (exit code {self.exit_code})"
        return f"running, {self.health or 'without a health check'}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What an HTTP endpoint answered.

    Attributes:
        status: HTTP status, 0 where there was no answer.
        body: parsed where it is JSON, else its text.
        error: why there was no answer.
    """

    status: int = 0
    body: JSON = None
    error: str = ""

    @classmethod
    def of(cls, seen: object) -> Self:
        """From what the HTTP probe saw."""
        row = table(seen)
        return cls(int(row.get("status", 0)), row.get("body"), str(row.get("error", "")))

    @property
    def is_page(self) -> bool:
        """Whether it is a page for a browser, as a single-page app gives for every path that it does not know."""
        start = self.body.lstrip()[:200].casefold() if isinstance(self.body, str) else ""
        return start.startswith(("<!doctype html", "<html"))

    def __str__(self) -> str:
        return f"{self.status} {self.body}" if self.status else f"no answer ({self.error})"


@dataclass(frozen=True, slots=True)
class HealthLook:
    """What the gateway says while something is stopped.

    Attributes:
        stopped: the service that is; empty where everything runs.
        need: ``required`` or ``optional``, what the stopped one is to the gateway; empty where nothing is stopped.
        health: what /health answered.
        ready: what /ready answered.
    """

    stopped: str
    need: str
    health: Answer
    ready: Answer

    @classmethod
    def of(cls, stopped: str, need: str, seen: object) -> Self:
        """From what the probe saw."""
        row = table(seen)
        return cls(stopped, need, Answer.of(row.get("health")), Answer.of(row.get("ready")))


@dataclass(frozen=True, slots=True)
class Exchange:
    """One message to the gateway, and what came back.

    Attributes:
        text: what was posted.
        wanted: words that the answer must hold.
        posted: what the post was answered.
        events: the events of the session that belong to it, in order.
    """

    text: str
    wanted: tuple[str, ...]
    posted: Answer
    events: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def of(cls, text: str, wanted: tuple[str, ...], seen: object) -> Self:
        """From what the probe saw."""
        row = table(seen)
        return cls(text, wanted, Answer.of(row.get("posted")), tuple(rows(row.get("events"))))

    @property
    def answer(self) -> str:
        """The answer in words; empty where none came."""
        answered = [event for event in self.events if event.get("event") == "answered"]
        return str(table(answered[-1].get("data")).get("answer", "")) if answered else ""


@dataclass(frozen=True, slots=True)
class BringUp:
    """What became of a bring-up.

    Attributes:
        profiles: the selection, sorted, comma-separated.
        services: what ``docker compose config --services`` names for it; the population.
        containers: what the engine has for the project.
        exit_code: of the command; None while it runs in the foreground.
        output: its last lines.
        absent: services of the selection that are scaled to nothing, for their image cannot be had.
    """

    profiles: str
    services: tuple[str, ...]
    containers: tuple[Container, ...]
    exit_code: int | None = None
    output: str = ""
    absent: tuple[str, ...] = ()

    @classmethod
    def of(cls, seen: object) -> Self:
        """From what the world saw."""
        row = table(seen)
        return cls(
            str(row.get("profiles", "")),
            tuple(row.get("services", ())),
            tuple(Container.of(one) for one in rows(row.get("containers"))),
            row.get("exit_code"),
            str(row.get("output", "")),
            tuple(row.get("absent", ())),
        )


@dataclass(frozen=True, slots=True)
class Stock:
    """What there is of a project: names of things on the engine, and ports on the host."""

    containers: frozenset[str] = frozenset()
    networks: frozenset[str] = frozenset()
    volumes: frozenset[str] = frozenset()
    ports: frozenset[str] = frozenset()

    @classmethod
    def of(cls, seen: object) -> Self:
        """From what the world saw."""
        row = table(seen)
        return cls(**{name: frozenset(map(str, row.get(name, ()))) for name in cls.__dataclass_fields__})

    def names(self) -> frozenset[str]:
        """All of it, each with its kind."""
        kinds = {"container": self.containers, "network": self.networks, "volume": self.volumes, "port": self.ports}
        return frozenset(f"{kind} {name}" for kind, names in kinds.items() for name in names)


@dataclass(frozen=True, slots=True)
class Restart:
    """A container whose process was killed, before and after."""

    before: Container
    after: Container
    seconds: float = 0.0

    @classmethod
    def of(cls, seen: object) -> Self:
        """From what the world saw."""
        row = table(seen)
        return cls(Container.of(row.get("before")), Container.of(row.get("after")), float(row.get("seconds", 0)))


@dataclass(frozen=True, slots=True)
class Inside:
    """Facts about a container, told from inside it.

    Attributes:
        service: the Compose service that it runs.
        users: process name to numeric user id.
        root_options: mount options of its root file system.
        no_new_privileges: what the kernel says of its processes.
        memory_limit: bytes, 0 for none; cpu_limit: cores, 0 for none; pids_limit: processes, 0 for none.
        listening: TCP ports that listen inside.
        declared: TCP ports that the service or its image declares.
        error: why nothing could be seen, e.g. that it has no shell.
    """

    service: str
    users: Mapping[str, int] = field(default_factory=dict)
    root_options: tuple[str, ...] = ()
    no_new_privileges: bool = False
    memory_limit: int = 0
    cpu_limit: float = 0.0
    pids_limit: int = 0
    listening: tuple[int, ...] = ()
    declared: tuple[int, ...] = ()
    error: str = ""

    @classmethod
    def of(cls, seen: object) -> Self:
        """From what the probe saw."""
        told = {name: value for name, value in table(seen).items() if name in cls.__dataclass_fields__}
        told |= {name: tuple(told[name]) for name in ("root_options", "listening", "declared") if name in told}
        return cls(**told)
