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
from typing import Any

from blueprint.evidence import JSON
from blueprint.trouble import Trouble
from provision.ledger import Kind, Thing, holder_of, remove, things
from provision.ownership import Progress
from provision.processes import Completed, ProgramFailed, Running, run, start
from provision.waiting import Deadline
from worlds.compose_output import Row, Steps, bound_ports, described, json_lines, listed, service_of, stock_of
from worlds.lost import WorldLost
from worlds.whole_output import in_container, whole

FILE = "infra/docker-compose.somaagent01.yaml"
BRING_UP = ("docker", "compose", "-f", FILE, "up", "--build")
"""The blueprint's bring-up command; its profiles stand before it, in COMPOSE_PROFILES."""
PROJECT_LABEL = "com.docker.compose.project"
VOLUME_LABEL = "com.docker.compose.volume"
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
        selected: the profiles that were brought up last.
        lost: set once the engine has stopped answering; from then on nothing is tried any more.
    """

    root: Path
    name: str
    engine: Mapping[str, str]
    progress: Progress
    selected: str = field(default=EVERY_PROFILE, init=False)
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
        """What Compose runs for some profiles, by its own reading of the file."""
        return sorted(service for service, body in self._model(profiles).items() if body.get("scale") != 0)

    def absent(self, profiles: str) -> list[str]:
        """Services that a selection holds and scales to nothing, as infra/.env says where an image cannot be had."""
        return sorted(service for service, body in self._model(profiles).items() if body.get("scale") == 0)

    def published(self, profiles: str) -> dict[int, str]:
        """Host ports that a selection publishes, each with its service."""
        return {
            int(port["published"]): service
            for service, body in self._model(profiles).items()
            for port in body.get("ports") or ()
            if str(port.get("published", "")).isdigit() and body.get("scale") != 0
        }

    def up(self, profiles: str) -> Completed:
        """The bring-up command with ``--wait``; what a former selection left is taken away first."""
        self._drop_others(profiles)
        self.selected = profiles
        argv = [*BRING_UP, "--wait", "--wait-timeout", str(HEALTHY_SECONDS)]
        return self._run(argv, profiles, timeout=UP_SECONDS, check=False, told=True)

    @contextmanager
    def in_foreground(self, profiles: str) -> Iterator[Running]:
        """The bring-up command as the blueprint writes it; whoever enters sends it SIGINT."""
        self._refuse_lost()
        self.selected = profiles
        with start(BRING_UP, env=self.env(profiles), cwd=self.root) as running:
            yield running

    def down(self, profiles: str = EVERY_PROFILE, *extra: str) -> Completed:
        """``down -v``; where nothing stands, nothing happens."""
        return self._run(
            ["docker", "compose", "-f", FILE, "down", "-v", *extra], profiles, timeout=DOWN_SECONDS, check=False
        )

    def stop(self, service: str) -> None:
        """Stop one service and leave its container."""
        self._compose(self.selected, "stop", service, timeout=DOWN_SECONDS)

    def switch(self, profiles: str) -> Completed:
        """Another selection on what runs: its services changed or added, those it does not hold stopped, data kept."""
        self.selected = profiles
        up = ("docker", "compose", "-f", FILE, "up", "--detach", "--wait", "--wait-timeout", str(HEALTHY_SECONDS))
        done = self._run(up, profiles, timeout=UP_SECONDS, check=False, told=True)
        others = {str(row["service"]) for row in self.ps()} - set(self.services(profiles))
        if not done.exit_code and others:
            self._compose(EVERY_PROFILE, "stop", *sorted(others), timeout=DOWN_SECONDS)
        return done

    def start(self, service: str) -> None:
        """Start a service that was stopped."""
        self._compose(self.selected, "start", service, timeout=DOWN_SECONDS)

    def add(self, profiles: str, *services: str) -> Completed:
        """The bring-up command with ``--wait`` for a selection and for single services beside it."""
        self.selected = profiles
        chosen = [*self.services(profiles), *services]
        argv = [*BRING_UP, "--wait", "--wait-timeout", str(HEALTHY_SECONDS), *chosen]
        return self._run(argv, profiles, timeout=UP_SECONDS, check=False, told=True)

    def recreate(self, service: str, override: Path | None = None) -> None:
        """A new container of one service: as its file says, or with another file laid over it; nothing else changes."""
        files = ("-f", FILE, *(("-f", str(override)) if override else ()))
        anew = ("up", "--detach", "--no-deps", "--no-build", "--force-recreate", service)
        self._run(["docker", "compose", *files, *anew], self.selected, timeout=DOWN_SECONDS)

    def kill_inside(self, service: str) -> Completed:
        """SIGKILL everything that PID 1 of a container has started; PID 1 itself ignores it from inside.

        ``docker kill`` would cancel the restart policy. The shell that does it is not hit by its own signal.
        """
        (container,) = self.inspect(service)
        argv = ["docker", "exec", container["Id"], "/bin/sh", "-c", "kill -9 -1"]
        return self._run(argv, EVERY_PROFILE, check=False)

    def ps(self) -> list[Row]:
        """``docker compose ps`` as data: service, state, health and exit code of every container."""
        lines = self._compose(EVERY_PROFILE, "ps", "--all", "--format", "json").stdout
        return sorted((listed(row) for row in json_lines(lines)), key=lambda row: str(row["service"]))

    def inspect(self, *services: str) -> list[dict[str, Any]]:
        """What the engine knows of the containers of some services, or of all."""
        label = ("--filter", f"label={self.selector}")
        ids = self._run(["docker", "ps", "--all", "--quiet", "--no-trunc", *label]).stdout.split()
        if not ids:
            return []
        found: list[dict[str, Any]] = json.loads(self._run(["docker", "inspect", *ids]).stdout)
        named = {service_of(one): one for one in found}
        return [named[service] for service in sorted(named) if service in services or not services]

    def containers(self, *services: str) -> list[Row]:
        """The containers of some services, or of all, in the shape of ``blueprint.live.Container``."""
        return [described(one) for one in self.inspect(*services)]

    def stock(self) -> dict[str, JSON]:
        """Names of all that stands of the project, anonymous volumes too, and the host ports that it listens on."""
        inspected = self.inspect()
        held = {kind: {thing.name for thing in self._things(kind)} for kind in Kind}
        mounts = {mount["Name"] for one in inspected for mount in one["Mounts"] if mount["Type"] == "volume"}
        bound = {int(port) for one in inspected for port in bound_ports(one)}
        return stock_of(
            held[Kind.CONTAINER], held[Kind.NETWORK], held[Kind.VOLUME] | mounts, set(filter(holder_of, bound))
        )

    def left_of(self, before: Mapping[str, Any]) -> dict[str, JSON]:
        """What still stands of a stock, and what stands of the project besides."""
        everything = {kind: {thing.name for thing in things(self.engine, kinds=(kind,))} for kind in Kind}
        still = {
            kind: (everything[kind] & set(before[f"{kind}s"])) | {thing.name for thing in self._things(kind)}
            for kind in Kind
        }
        ports = {int(port) for port in before["ports"] if holder_of(int(port))}
        return stock_of(still[Kind.CONTAINER], still[Kind.NETWORK], still[Kind.VOLUME], ports)

    def execute(self, argv: Sequence[str]) -> Completed:
        """Run a program against the engine of the project, whatever its exit code."""
        return self._run(argv, check=False)

    def inside(self, service: str, argv: Sequence[str]) -> Completed:
        """Run a program in the container of a service, and have all that it writes; it may be run more than once.

        Raises:
            Trouble: the service has no container.
        """
        found = self.inspect(service)
        if not found:
            raise Trouble(f"{service} has no container", where=self.name)
        return whole(lambda: self.execute(in_container(found[0]["Id"], argv)))

    def logs(self) -> str:
        """What all containers of the project wrote."""
        done = self._compose(EVERY_PROFILE, "logs", "--no-color", "--timestamps", check=False)
        return done.stdout + done.stderr

    def _model(self, profiles: str) -> dict[str, Any]:
        services: dict[str, Any] = json.loads(self._compose(profiles, "config", "--format", "json").stdout)["services"]
        return services

    def _things(self, kind: Kind) -> list[Thing]:
        return list(things(self.engine, f"label={self.selector}", kinds=(kind,)))

    def _drop_others(self, profiles: str) -> None:
        """Take away containers and volumes that a selection does not hold, as if it alone had ever been up."""
        others = {str(row["service"]) for row in self.ps()} - set(self.services(profiles))
        if not others:
            return
        removal = ("rm", "--stop", "--force", "--volumes", *sorted(others))
        self._compose(EVERY_PROFILE, *removal, timeout=DOWN_SECONDS)
        wanted = set(self._compose(profiles, "config", "--volumes").stdout.split())
        for volume in self._things(Kind.VOLUME):
            if volume.labels.get(VOLUME_LABEL, "") not in wanted:
                remove(volume, self.engine)

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
        on_line = Steps(self.progress) if told else None
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
