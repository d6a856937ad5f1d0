"""One Compose project of our own, looked at and changed; knows no proof, no pytest and no recorder.

The commands are the blueprint's: run in the subject's root, with the file named as the blueprint names it. The
project name, the engine and the profiles travel in the environment, so that no flag is added to them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from blueprint.evidence import JSON
from blueprint.trouble import Trouble
from provision.ledger import Kind, listening, things
from provision.ownership import Progress
from provision.processes import Completed, ProgramFailed, Running, run, start
from provision.waiting import Deadline
from worlds.lost import WorldLost

FILE = "infra/docker-compose.somaagent01.yaml"
BRING_UP = ("docker", "compose", "-f", FILE, "up", "--build")
"""The blueprint's bring-up command; its profiles stand before it, in COMPOSE_PROFILES."""
PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"
EVERY_PROFILE = "*"
QUICK = 60.0
"""Seconds that a question to Compose or the engine may take."""
HEALTHY_SECONDS = 180
"""Seconds that `up --wait` waits for every container to be healthy."""
UP_SECONDS = 900.0
"""Seconds that a bring-up may take, images built."""
DOWN_SECONDS = 180.0
ENGINE_ANSWERS = 10.0
UP_ENDS = Deadline("the bring-up in the foreground to end on SIGINT", 90)
TAIL = 20
"""Last lines of a command's output that are kept as evidence."""

Row: TypeAlias = dict[str, JSON]


def profiles_of(selection: Iterable[str]) -> str:
    """A selection as COMPOSE_PROFILES takes it: sorted, so that the same selection is always the same value."""
    return ",".join(sorted(selection))


@dataclass
class ComposeProject:
    """A project of ours.

    Attributes:
        root: the subject; commands run there.
        name: of the project.
        engine: environment that leads to the engine and says whose a started program is.
        progress: is told what happens, line by line.
        lost: set once the engine has stopped answering; from then on nothing is tried any more.
    """

    root: Path
    name: str
    engine: Mapping[str, str]
    progress: Progress
    lost: WorldLost | None = field(default=None, init=False)

    @property
    def selector(self) -> str:
        """The label that everything of the project carries."""
        return f"{PROJECT_LABEL}={self.name}"

    def env(self, profiles: str) -> dict[str, str | None]:
        """The environment of a command for a selection; what would make Compose read other files is taken out."""
        return {
            **self.engine,
            "COMPOSE_PROJECT_NAME": self.name,
            "COMPOSE_PROFILES": profiles,
            "COMPOSE_ANSI": "never",
            "COMPOSE_PROGRESS": "plain",
            "COMPOSE_MENU": "false",
            "COMPOSE_FILE": None,
            "COMPOSE_ENV_FILES": None,
            "COMPOSE_DISABLE_ENV_FILE": None,
        }

    def services(self, profiles: str) -> list[str]:
        """What Compose selects for some profiles, by its own reading of the file."""
        return sorted(self._compose(profiles, "config", "--services").stdout.split())

    def published(self, profiles: str) -> dict[int, str]:
        """Host ports that a selection publishes, each with its service."""
        document = json.loads(self._compose(profiles, "config", "--format", "json").stdout)
        return {
            int(port["published"]): service
            for service, body in document["services"].items()
            for port in body.get("ports") or ()
            if str(port.get("published", "")).isdigit()
        }

    def up(self, profiles: str) -> Completed:
        """The bring-up command with ``--wait``; services that a former selection left running are taken away first."""
        self._drop(set(self.running()) - set(self.services(profiles)))
        argv = [*BRING_UP, "--wait", "--wait-timeout", str(HEALTHY_SECONDS)]
        return self._run(argv, profiles, timeout=UP_SECONDS, check=False, told=True)

    @contextmanager
    def in_foreground(self, profiles: str) -> Iterator[Running]:
        """The bring-up command as the blueprint writes it; whoever enters sends it SIGINT."""
        self._refuse_lost()
        with start(BRING_UP, env=self.env(profiles), cwd=self.root) as running:
            yield running

    def down(self, profiles: str = EVERY_PROFILE, *extra: str) -> Completed:
        """``down -v``; where nothing stands, nothing happens."""
        return self._run(
            ["docker", "compose", "-f", FILE, "down", "-v", *extra], profiles, timeout=DOWN_SECONDS, check=False
        )

    def stop(self, service: str) -> None:
        """Stop one service and leave its container."""
        self._compose(EVERY_PROFILE, "stop", service, timeout=DOWN_SECONDS)

    def start(self, service: str) -> None:
        """Start a service that was stopped."""
        self._compose(EVERY_PROFILE, "start", service, timeout=DOWN_SECONDS)

    def kill_inside(self, service: str) -> Completed:
        """SIGKILL everything that PID 1 of a container has started; PID 1 itself ignores it from inside.

        ``docker kill`` would cancel the restart policy. The shell that does it is not hit by its own signal.
        """
        (container,) = self.inspect(service)
        argv = ["docker", "exec", container["Id"], "/bin/sh", "-c", "kill -9 -1"]
        return self._run(argv, EVERY_PROFILE, check=False)

    def running(self) -> list[str]:
        """Services that have a running container."""
        return sorted(str(row["service"]) for row in self.ps() if row["state"] == "running")

    def ps(self) -> list[Row]:
        """``docker compose ps`` as data: service, state, health and exit code of every container."""
        lines = self._compose(EVERY_PROFILE, "ps", "--all", "--format", "json").stdout
        return sorted((_listed(row) for row in _json_lines(lines)), key=lambda row: str(row["service"]))

    def inspect(self, *services: str) -> list[dict[str, Any]]:
        """What the engine knows of the containers of some services, or of all."""
        chosen = [part for service in services for part in ("--filter", f"label={SERVICE_LABEL}={service}")]
        label = ("--filter", f"label={self.selector}")
        ids = self._run(["docker", "ps", "--all", "--quiet", "--no-trunc", *label, *chosen]).stdout.split()
        if not ids:
            return []
        described: list[dict[str, Any]] = json.loads(self._run(["docker", "inspect", *ids]).stdout)
        return sorted(described, key=lambda one: str(one["Config"]["Labels"][SERVICE_LABEL]))

    def containers(self, *services: str) -> list[Row]:
        """The containers of some services, or of all, in the shape of ``blueprint.live.Container``."""
        return [_described(one) for one in self.inspect(*services)]

    def stock(self) -> dict[str, JSON]:
        """Names of all that stands of the project, anonymous volumes too, and the host ports that it listens on."""
        described = self.inspect()
        held = {kind: {thing.name for thing in self._things(kind)} for kind in Kind}
        mounts = {mount["Name"] for one in described for mount in one["Mounts"] if mount["Type"] == "volume"}
        bound = {int(port) for one in described for port in _bound(one)}
        return _stock(held[Kind.CONTAINER], held[Kind.NETWORK], held[Kind.VOLUME] | mounts, bound & set(listening()))

    def left_of(self, before: Mapping[str, Any]) -> dict[str, JSON]:
        """What still stands of a stock, and what stands of the project besides."""
        everything = {kind: {thing.name for thing in things(self.engine, kinds=(kind,))} for kind in Kind}
        still = {
            kind: (everything[kind] & set(before[f"{kind}s"])) | {thing.name for thing in self._things(kind)}
            for kind in Kind
        }
        ports = {int(port) for port in before["ports"]} & set(listening())
        return _stock(still[Kind.CONTAINER], still[Kind.NETWORK], still[Kind.VOLUME], ports)

    def execute(self, argv: Sequence[str]) -> Completed:
        """Run a program against the engine of the project, whatever its exit code."""
        return self._run(argv, check=False)

    def logs(self) -> str:
        """What all containers of the project wrote."""
        done = self._compose(EVERY_PROFILE, "logs", "--no-color", "--timestamps", check=False)
        return done.stdout + done.stderr

    def _things(self, kind: Kind) -> list[Any]:
        return list(things(self.engine, f"label={self.selector}", kinds=(kind,)))

    def _drop(self, services: set[str]) -> None:
        if services:
            self._compose(
                EVERY_PROFILE, "rm", "--stop", "--force", "--volumes", *sorted(services), timeout=DOWN_SECONDS
            )

    def _compose(self, profiles: str, *words: str, timeout: float = QUICK, check: bool = True) -> Completed:
        return self._run(["docker", "compose", "-f", FILE, *words], profiles, timeout=timeout, check=check)

    def _run(
        self,
        argv: Sequence[str],
        profiles: str = EVERY_PROFILE,
        *,
        timeout: float = QUICK,
        check: bool = True,
        told: bool = False,
    ) -> Completed:
        self._refuse_lost()
        on_line = self.progress if told else None
        try:
            done = run(argv, env=self.env(profiles), cwd=self.root, timeout=timeout, check=check, on_line=on_line)
        except ProgramFailed as failure:
            self.check_engine(failure)
            raise
        if done.exit_code:
            self.check_engine()
        return done

    def _refuse_lost(self) -> None:
        if self.lost:
            raise self.lost

    def check_engine(self, cause: Trouble | None = None) -> None:
        """Ask the engine whether it is there.

        Raises:
            WorldLost: it is not; from now on nothing is tried any more.
        """
        self._refuse_lost()
        asked = ["docker", "version", "--format", "{{.Server.Version}}"]
        try:
            run(asked, env=self.engine, timeout=ENGINE_ANSWERS)
        except ProgramFailed as failure:
            self.lost = WorldLost(
                f"the container engine stopped answering: {failure.completed.stderr.strip() or failure.what}",
                where=self.engine.get("DOCKER_HOST", ""),
                next_command="nox -s host",
            )
            raise self.lost from cause


def tail(output: str) -> str:
    """The last lines of an output."""
    return "\n".join(output.strip().splitlines()[-TAIL:])


def _json_lines(text: str) -> list[dict[str, Any]]:
    """Rows that Compose writes, one object a line; older versions write one list."""
    found = [json.loads(line) for line in text.splitlines() if line.strip()]
    return found[0] if len(found) == 1 and isinstance(found[0], list) else found


def _listed(row: Mapping[str, Any]) -> Row:
    return {
        "service": row["Service"],
        "state": row["State"],
        "health": row.get("Health", ""),
        "exit_code": row.get("ExitCode", 0),
    }


def _described(one: Mapping[str, Any]) -> Row:
    state = one["State"]
    return {
        "service": one["Config"]["Labels"][SERVICE_LABEL],
        "state": state["Status"],
        "health": (state.get("Health") or {}).get("Status", ""),
        "exit_code": state["ExitCode"],
        "restarts": one["RestartCount"],
        "started_at": state["StartedAt"],
    }


def _bound(one: Mapping[str, Any]) -> Iterator[str]:
    for bindings in (one["HostConfig"].get("PortBindings") or {}).values():
        yield from (binding["HostPort"] for binding in bindings or () if binding.get("HostPort"))


def _stock(containers: set[str], networks: set[str], volumes: set[str], ports: set[int]) -> dict[str, JSON]:
    kinds = {"containers": containers, "networks": networks, "volumes": volumes, "ports": set(map(str, ports))}
    return {kind: list[JSON](sorted(names)) for kind, names in kinds.items()}
