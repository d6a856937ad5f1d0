"""What stands on an engine and on this host's ports: listed, compared, removed by name."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

import psutil

from provision.processes import run

LISTING = 30.0
"""Seconds that one question to the engine may take."""
CONNECTING = 1.0
"""Seconds that a connection to a port of this host may take."""
UNSEEN = "a process that this user may not see"
REMOVING = 60.0
"""Seconds that one removal may take."""


class Kind(StrEnum):
    """What an engine holds that can be left behind; in the order in which it can be removed."""

    CONTAINER = "container"
    NETWORK = "network"
    VOLUME = "volume"


@dataclass(frozen=True, order=True)
class Thing:
    """A container, network or volume, with the labels that say whose it is."""

    kind: Kind
    name: str
    id: str
    labels: Mapping[str, str] = field(compare=False, hash=False, default_factory=dict)

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Ledger:
    """What stood at one moment: things of the engine, and ports that listened on this host."""

    things: frozenset[Thing]
    ports: frozenset[int]

    @classmethod
    def taken(cls, env: Mapping[str, str]) -> Self:
        """The ledger of now, of the engine that ``env`` leads to."""
        return cls(frozenset(things(env)), frozenset(listening()))

    def since(self, before: Ledger) -> Ledger:
        """What stands now and did not stand before."""
        return Ledger(self.things - before.things, self.ports - before.ports)

    def __str__(self) -> str:
        rows = [*(str(thing) for thing in sorted(self.things)), *(f"port {port}" for port in sorted(self.ports))]
        return ", ".join(rows) or "nothing"


def things(env: Mapping[str, str], *filters: str, kinds: Iterable[Kind] = Kind) -> list[Thing]:
    """Containers (stopped ones too), networks and volumes: all, or those that a filter such as ``label=x`` names.

    Raises:
        Trouble: the engine does not answer.
    """
    return [thing for kind in kinds for thing in _listed(kind, env, filters)]


def remove(thing: Thing, env: Mapping[str, str]) -> str:
    """Remove one thing by its id; what stood in the way, or nothing. What is gone already is no obstacle."""
    if thing.kind is Kind.NETWORK:
        _disconnect(thing, env)
    forced = ("--force", "--volumes") if thing.kind is Kind.CONTAINER else ()
    done = run(["docker", thing.kind, "rm", *forced, thing.id], env=env, check=False, timeout=REMOVING)
    gone = done.exit_code == 0 or "no such" in done.stderr.lower() or "not found" in done.stderr.lower()
    return "" if gone else done.stderr.strip()


def _disconnect(network: Thing, env: Mapping[str, str]) -> None:
    """Take dead endpoints off a network; an engine that died in the middle leaves them, and they hold it."""
    seen = run(["docker", "network", "inspect", network.id], env=env, check=False, timeout=LISTING)
    for row in json.loads(seen.stdout or "[]"):
        for endpoint in (row.get("Containers") or {}).values():
            argv = ["docker", "network", "disconnect", "--force", network.id, endpoint["Name"]]
            run(argv, env=env, check=False, timeout=LISTING)


def listening() -> dict[int, str]:
    """TCP ports that listen on this host, each with its holder as far as this user may see it.

    Some systems tell that to root alone; then nothing is known, and :func:`holder_of` still is.
    """
    held: dict[int, str] = {}
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return held
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr:
            held.setdefault(connection.laddr.port, _named(connection.pid))
    return held


def holder_of(port: int) -> str:
    """Who takes connections at a port of this host; nothing where nobody does."""
    try:
        with socket.create_connection(("localhost", port), timeout=CONNECTING):
            return listening().get(port, UNSEEN)
    except OSError:
        return ""


def _named(pid: int | None) -> str:
    if pid is None:
        return UNSEEN
    try:
        return f"{psutil.Process(pid).name()} (pid {pid})"
    except psutil.Error:
        return f"pid {pid}"


def _listed(kind: Kind, env: Mapping[str, str], filters: Iterable[str]) -> list[Thing]:
    every = ("--all",) if kind is Kind.CONTAINER else ()
    chosen = [part for one in filters for part in ("--filter", one)]
    ids = run(["docker", kind, "ls", "--quiet", *every, *chosen], env=env, timeout=LISTING).stdout.split()
    if not ids:
        return []
    # One that vanishes between the two questions makes inspect exit 1; it still prints the others.
    seen = run(["docker", kind, "inspect", *ids], env=env, check=False, timeout=LISTING)
    return [_thing(kind, row) for row in json.loads(seen.stdout or "[]")]


def _thing(kind: Kind, row: dict[str, Any]) -> Thing:
    labels = row["Config"]["Labels"] if kind is Kind.CONTAINER else row["Labels"]
    name = row["Name"].removeprefix("/")
    return Thing(kind, name, row.get("Id", name), dict(labels or {}))
