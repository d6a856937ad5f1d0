"""Shapes of what the components of soma-infra did when they were tried, read from observations; rules take these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from blueprint.evidence import JSON
from blueprint.live import Answer, rows, table


@dataclass(frozen=True, slots=True)
class Admission:
    """A token, and how the gateway answered a message with it, without one, and with what was forged of it.

    Attributes:
        issuer: as the discovery document names it.
        granted: what the token endpoint answered, without the token.
        token_issuer, audience: as the token says.
        roles: of the realm, as the token says.
        answers: to a message, by what was shown.
    """

    issuer: str = ""
    granted: Answer = field(default_factory=Answer)
    token_issuer: str = ""
    audience: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    answers: Mapping[str, Answer] = field(default_factory=dict)

    @classmethod
    def of(cls, seen: object) -> Self:
        """From what was tried."""
        row = table(seen)
        claims = table(row.get("claims"))
        audience = claims.get("aud")
        return cls(
            str(row.get("issuer") or ""),
            Answer.of(row.get("granted")),
            str(claims.get("iss") or ""),
            tuple(map(str, audience if isinstance(audience, list) else filter(None, [audience]))),
            tuple(map(str, table(claims.get("realm_access")).get("roles", ()))),
            {name: Answer.of(one) for name, one in table(row.get("posted")).items()},
        )


@dataclass(frozen=True, slots=True)
class Decision:
    """What a policy decided.

    Attributes:
        status: HTTP status, 0 where there was no answer.
        result: of the rule; None where it is not defined.
    """

    status: int = 0
    result: JSON = None

    @classmethod
    def of(cls, seen: object) -> Self:
        """From one answer."""
        row = table(seen)
        return cls(int(row.get("status", 0)), row.get("result"))


@dataclass(frozen=True, slots=True)
class Target:
    """A pod that Prometheus scrapes."""

    pod: str
    service: str = ""
    health: str = ""
    error: str = ""

    @classmethod
    def of(cls, seen: object) -> Self:
        """From one row of a listing."""
        row = table(seen)
        return cls(**{name: str(row.get(name, "")) for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class Query:
    """How Prometheus answered a query of a dashboard.

    Attributes:
        status: HTTP status, 0 where there was no answer.
        series: how many came.
        unknown: names in it that no target has.
        error: why it was refused.
    """

    status: int = 0
    series: int = 0
    unknown: tuple[str, ...] = ()
    error: str = ""

    @classmethod
    def of(cls, seen: object) -> Self:
        """From one answer."""
        row = table(seen)
        unknown = tuple(map(str, row.get("unknown", ())))
        return cls(int(row.get("status", 0)), int(row.get("series", 0)), unknown, str(row.get("error", "")))


@dataclass(frozen=True, slots=True)
class Boards:
    """The dashboards, and Grafana.

    Attributes:
        uids: of the dashboards that the chart renders.
        queries: of all of them, with how each was answered.
        is_there: whether Grafana runs.
        database: what it says of its own database.
        dashboards: uids of those that it has.
    """

    uids: tuple[str, ...] = ()
    queries: Mapping[str, Query] = field(default_factory=dict)
    is_there: bool = False
    database: str = ""
    dashboards: tuple[str, ...] = ()

    @classmethod
    def of(cls, seen: object) -> Self:
        """From what was tried."""
        row = table(seen)
        grafana = table(row.get("grafana"))
        return cls(
            tuple(map(str, row.get("uids", ()))),
            {name: Query.of(one) for name, one in table(row.get("queries")).items()},
            bool(grafana),
            str(grafana.get("database") or grafana.get("error") or ""),
            tuple(map(str, grafana.get("dashboards", ()))),
        )


@dataclass(frozen=True, slots=True)
class Flags:
    """A key of etcd that was put, got, changed under a watch, and deleted.

    Attributes:
        put: the values that it was given, in order.
        got: what was got after the first of them.
        told: the changes that the watch told, each with its kind and value.
        revisions: of these, in the order in which they were told.
        left: what is there after the deletion; None for nothing.
        error: why one of them could not be done.
    """

    put: tuple[str, ...] = ()
    got: str = ""
    told: tuple[tuple[str, str], ...] = ()
    revisions: tuple[int, ...] = ()
    left: str | None = None
    error: str = ""

    @classmethod
    def of(cls, seen: object) -> Self:
        """From what was tried."""
        row = table(seen)
        watched, left = table(row.get("watched")), table(row.get("left"))
        events = rows(watched.get("events"))
        errors = (table(row.get(name)).get("error") for name in ("first", "got", "watched", "left"))
        return cls(
            tuple(map(str, row.get("put", ()))),
            str(table(row.get("got")).get("value") or ""),
            tuple((str(one.get("kind")), str(one.get("value"))) for one in events),
            tuple(int(one.get("revision", 0)) for one in events),
            left.get("value"),
            "; ".join(str(error) for error in errors if error),
        )


@dataclass(frozen=True, slots=True)
class SmokeRun:
    """What became of the smoke test.

    Attributes:
        broken: what was taken away before it; empty where nothing was.
        exit_code: of the command; None where it did not end.
        checks: verdict of each, by its name, as the lines say.
        said: all of its lines.
    """

    broken: str = ""
    exit_code: int | None = None
    checks: Mapping[str, str] = field(default_factory=dict)
    said: tuple[str, ...] = ()

    @classmethod
    def of(cls, seen: object, broken: str = "") -> Self:
        """From what was run."""
        row = table(seen)
        checks = {str(name): str(verdict) for name, verdict in table(row.get("checks")).items()}
        return cls(broken, row.get("exit_code"), checks, tuple(map(str, row.get("said", ()))))
