"""Faults of a service of a running Compose project, brought about and undone with what the engine offers alone.

Nothing here needs a privilege besides the engine's. A slow network is a late passer-on under the service's own name:
netem would need a kernel that has it, and NET_ADMIN. A full disk is a small file system of its own in place of the
volume, or the service's own /tmp where it keeps nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from blueprint.trouble import Trouble
from provision.processes import Completed
from provision.waiting import Deadline, WaitedTooLong, until
from worlds.beside import asked, beside
from worlds.compose import ComposeProject

SLOW_SECONDS = 3.0
"""How late each piece is on a slow network: more than any bound of a look, less than forever."""
IN_FORCE = Deadline("the fault to be in force", 45)
_ASIDE = "verify-aside"
"""What a service is called while something slow has its name."""
_OWN = Path(__file__).parent
_STATES = 'for file in /proc/[0-9]*/status; do while read -r key value _; do [ "$key" = State: ] && echo "$value"; done'
_STATES += ' < "$file"; done 2>/dev/null; true'


@dataclass(frozen=True, slots=True)
class Place:
    """Where a service listens and keeps things.

    Attributes:
        ports: TCP ports that others talk to.
        folder: where its volume is mounted; empty where it keeps nothing and has /tmp alone.
        user: numeric user and group that it runs as; owns the small disk.
        megabytes: size of the small disk: what it needs to start, and little more.
        mistaken: the service that is told something wrong of it, and what: an environment or a command.
    """

    ports: tuple[int, ...]
    folder: str
    user: str
    megabytes: int
    mistaken: tuple[str, Mapping[str, Any]]


PLACES: Mapping[str, Place] = {
    "pgvector": Place(
        (5432,),
        "/var/lib/postgresql/data",
        "999:999",
        192,
        ("memory_service", {"environment": {"SA01_POSTGRES_PASSWORD_FILE": "/etc/hostname"}}),
    ),
    "qdrant": Place(
        (6333,),
        "/qdrant/storage",
        "1000:1000",
        192,
        ("memory_service", {"environment": {"SA01_QDRANT_URL": "http://qdrant:6399"}}),
    ),
    "kafka": Place(
        (9092,),
        "/var/lib/kafka/data",
        "1000:1000",
        96,
        ("conversation_worker", {"environment": {"SA01_KAFKA_BOOTSTRAP_SERVERS": "kafka:9099"}}),
    ),
    "schema-registry": Place(
        (8081,),
        "",
        "1001:0",
        0,
        ("conversation_worker", {"environment": {"SA01_SCHEMA_REGISTRY_URL": "http://schema-registry:8099"}}),
    ),
    "memory_service": Place(
        (8017,),
        "/var/lib/soma",
        "10001:10001",
        8,
        ("gateway", {"environment": {"SA01_MEMORY_URL": "http://memory_service:8099"}}),
    ),
    "tool_executor": Place(
        (8018,), "", "10001:10001", 0, ("gateway", {"environment": {"SA01_TOOL_URL": "http://tool_executor:8099"}})
    ),
    "conversation_worker": Place(
        (8019,),
        "",
        "10001:10001",
        0,
        ("gateway", {"environment": {"SA01_WORKER_URL": "http://conversation_worker:8099"}}),
    ),
    "prometheus": Place(
        (9090,),
        "/prometheus",
        "65534:65534",
        32,
        ("prometheus", {"command": ["--config.file=/etc/prometheus/not-there.yaml"]}),
    ),
}


@dataclass(frozen=True, slots=True)
class Faults:
    """What can be done to the services of a project.

    Attributes:
        well: returns once everything is healthy, where a fault needs that half-way.
    """

    project: ComposeProject
    well: Callable[[], object]

    @contextmanager
    def of(self, service: str, fault: str) -> Iterator[str]:
        """A fault, in force while the ``with`` lasts and undone after it; gives in words what shows that it is.

        Raises:
            Trouble: it does not come into force, or cannot be undone.
        """
        kinds: Mapping[str, Callable[[str], Any]] = {
            "killed": self._killed,
            "sigstop": self._stopped,
            "slow-network": self._slow,
            "disk-full": self._full,
            "wrong-credential": self._mistaken,
        }
        with kinds[fault](service) as shows:
            yield self._wait(shows, f"{service} {fault}")

    @contextmanager
    def _killed(self, service: str) -> Iterator[Callable[[], str]]:
        """SIGKILL from the engine, which also cancels the restart policy: it stays away until it is started."""
        self._docker("kill", "--signal", "KILL", self._id(service))
        try:
            yield partial(self._state_of, service, "exited")
        finally:
            self._docker("start", self._id(service))

    @contextmanager
    def _stopped(self, service: str) -> Iterator[Callable[[], str]]:
        """SIGSTOP to everything in the container but its PID 1, an init that has nothing else to do."""
        self._shell(service, "kill -STOP -1")
        try:
            yield partial(self._all_stopped, service)
        finally:
            self._shell(service, "kill -CONT -1")

    @contextmanager
    def _slow(self, service: str) -> Iterator[Callable[[], str]]:
        """Whoever asks for the service by its name gets something that passes everything on late."""
        network, own = f"{self.project.name}_default", self._id(service)
        aside = f"{_ASIDE}-{service}"
        program = (_OWN / "slow_path.py").read_text(encoding="utf-8")
        words = ("-c", program, aside, str(SLOW_SECONDS), *map(str, PLACES[service].ports))
        try:
            self._docker("network", "disconnect", network, own)
            with beside(self.project, "slow", "--network", network, "--network-alias", service, program=words):
                self._docker("network", "connect", "--alias", aside, network, own)
                try:
                    yield partial(self._leads_elsewhere, service)
                finally:
                    self._try("network", "disconnect", network, own)
        finally:
            self._docker("network", "connect", "--alias", service, network, own)

    @contextmanager
    def _full(self, service: str) -> Iterator[Callable[[], str]]:
        """No byte is left where the service writes."""
        place = PLACES[service]
        if not place.folder:
            self._shell(service, "cat /dev/zero > /tmp/verify-filler 2>/dev/null; true")
            try:
                yield partial(self._refuses_a_byte, service)
            finally:
                self._shell(service, "rm -f /tmp/verify-filler")
            return
        volume = f"{self.project.name}_verify_full"
        options = {"type": "tmpfs", "device": "tmpfs", "o": _options(place)}
        changed = {"volumes": [{"type": "volume", "source": "verify_full", "target": place.folder}]}
        declared = {"verify_full": {"name": volume, "driver_opts": options}}
        program = ("-c", (_OWN / "full_disk.py").read_text(encoding="utf-8"), "/full")
        with self._recreated(service, {"services": {service: changed}, "volumes": declared}, volume):
            self.well()  # on its small disk: only what comes after that is the full disk's doing
            with beside(self.project, "full", "--volume", f"{volume}:/full", program=program) as filler:
                yield partial(self._no_room, filler)

    @contextmanager
    def _mistaken(self, service: str) -> Iterator[Callable[[], str]]:
        """Whoever uses the service is told a wrong credential, or a wrong address where there is no credential."""
        client, change = PLACES[service].mistaken
        with self._recreated(client, {"services": {client: dict(change)}}):
            yield partial(self._is_told, client, change)

    @contextmanager
    def _recreated(self, service: str, change: Mapping[str, Any], volume: str = "") -> Iterator[None]:
        """A service anew, with something else in its file; afterwards anew as the file has it."""
        with tempfile.TemporaryDirectory(prefix="soma-verify-fault-") as folder:
            override = Path(folder, "override.yaml")
            override.write_text(yaml.safe_dump(dict(change)), encoding="utf-8")
            try:
                self.project.recreate(service, override)
                yield
            finally:
                self.project.recreate(service)
                if volume:
                    self._docker("volume", "rm", "--force", volume)

    # what shows that a fault is in force; empty while it is not

    def _state_of(self, service: str, wanted: str) -> str:
        state = self.project.inspect(service)[0]["State"]["Status"]
        return f"its container is {state}" if state == wanted else ""

    def _all_stopped(self, service: str) -> str:
        states = self._shell(service, _STATES).stdout.split()
        return f"{states.count('T')} processes are in state T" if "T" in states else ""

    def _leads_elsewhere(self, service: str) -> str:
        code = f"import socket; print(socket.gethostbyname({service!r}))"
        seen = self._try("exec", self._id("gateway"), "python", "-c", code).stdout.strip()
        networks = self.project.inspect(service)[0]["NetworkSettings"]["Networks"].values()
        own = {network["IPAddress"] for network in networks}
        return f"its name leads to something that is {SLOW_SECONDS:g} s late" if seen and seen not in own else ""

    def _refuses_a_byte(self, service: str) -> str:
        done = self._shell(service, "echo x > /tmp/verify-byte; code=$?; rm -f /tmp/verify-byte; exit $code")
        return "its /tmp takes no byte" if done.exit_code else ""

    def _no_room(self, filler: str) -> str:
        code = "import os; print(os.statvfs('/full').f_bavail)"
        return "its volume has no block left" if self._try("exec", filler, "python", "-c", code).stdout == "0\n" else ""

    def _is_told(self, client: str, change: Mapping[str, Any]) -> str:
        config = self.project.inspect(client)[0]["Config"]
        told = [f"{name}={value}" for name, value in change.get("environment", {}).items()]
        there = set(told) <= set(config["Env"]) and config["Cmd"] == change.get("command", config["Cmd"])
        return f"{client} was started with {', '.join(told or change['command'])}" if there else ""

    # the engine

    def _wait(self, shows: Callable[[], str], what: str) -> str:
        try:
            return until(shows, bool, IN_FORCE)
        except WaitedTooLong:
            raise Trouble(f"waited in vain for {what} to be in force", where=self.project.name) from None

    def _id(self, service: str) -> str:
        found = self.project.inspect(service)
        if not found:
            raise Trouble(f"{service} has no container", where=self.project.name)
        return str(found[0]["Id"])

    def _shell(self, service: str, script: str) -> Completed:
        return self._try("exec", self._id(service), "sh", "-c", script)

    def _try(self, *words: str) -> Completed:
        return self.project.execute(["docker", *words])

    def _docker(self, *words: str) -> Completed:
        return asked(self.project, *words)


def _options(place: Place) -> str:
    user, _, group = place.user.partition(":")
    return f"size={place.megabytes}m,uid={user},gid={group},mode=0700"
