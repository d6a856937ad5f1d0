"""What Compose and the engine write, read into rows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from blueprint.evidence import JSON
from provision.ownership import Progress

SERVICE_LABEL = "com.docker.compose.service"
STEPS = ("Built", "Pulled", "Started", "Healthy", "Error", "Unhealthy", "Recreated", "Exited")
"""Last words of the lines of a bring-up that tell a reader how far it is."""
TAIL = 20
"""Last lines of a command's output that are kept as evidence."""
_CURSOR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
Row: TypeAlias = dict[str, JSON]


class Steps:
    """Tells each step of a bring-up once; Compose repeats them, and writes every layer of a build."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._told: set[str] = set()

    def __call__(self, line: str) -> None:
        """Hear a line of output."""
        step = line.strip()
        if step.endswith(STEPS) and step not in self._told:
            self._told.add(step)
            self._progress(step)


def service_of(one: Mapping[str, Any]) -> str:
    """The Compose service of a container, as ``docker inspect`` describes it."""
    return str(one["Config"]["Labels"][SERVICE_LABEL])


def tail(output: str) -> str:
    """The last lines of an output, without what moves a terminal's cursor."""
    return "\n".join(_CURSOR.sub("", output).strip().splitlines()[-TAIL:])


def json_lines(text: str) -> list[dict[str, Any]]:
    """Rows that Compose writes, one object a line; older versions write one list."""
    found = [json.loads(line) for line in text.splitlines() if line.strip()]
    return found[0] if len(found) == 1 and isinstance(found[0], list) else found


def listed(row: Mapping[str, Any]) -> Row:
    """A container as ``docker compose ps`` lists it, in the shape of ``blueprint.live.Container``."""
    return {
        "service": row["Service"],
        "state": row["State"],
        "health": row.get("Health", ""),
        "exit_code": row.get("ExitCode", 0),
    }


def described(one: Mapping[str, Any]) -> Row:
    """A container as ``docker inspect`` describes it, in the shape of ``blueprint.live.Container``."""
    state = one["State"]
    return {
        "service": service_of(one),
        "state": state["Status"],
        "health": (state.get("Health") or {}).get("Status", ""),
        "exit_code": state["ExitCode"],
        "restarts": one["RestartCount"],
        "started_at": state["StartedAt"],
    }


def bound_ports(one: Mapping[str, Any]) -> Iterator[str]:
    """Host ports that a container asks for."""
    for bindings in (one["HostConfig"].get("PortBindings") or {}).values():
        yield from (binding["HostPort"] for binding in bindings or () if binding.get("HostPort"))


def stock_of(containers: set[str], networks: set[str], volumes: set[str], ports: set[int]) -> dict[str, JSON]:
    """Names in the shape of ``blueprint.live.Stock``."""
    kinds = {"containers": containers, "networks": networks, "volumes": volumes, "ports": set(map(str, ports))}
    return {kind: list[JSON](sorted(names)) for kind, names in kinds.items()}
