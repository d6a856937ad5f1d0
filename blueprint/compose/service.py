"""A service of the merged tree, and the parts of it that rules ask for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from blueprint.compose.nodes import Node
from blueprint.compose.ports import bounds
from blueprint.evidence import Place


@dataclass(frozen=True, slots=True)
class Dependency:
    """What one service needs another for.

    Attributes:
        name: of the other service.
        required: whether Compose refuses to start without it.
        condition: ``service_started``, ``service_healthy`` or ``service_completed_successfully``.
        through: the key that says so, e.g. ``depends_on`` or ``network_mode``.
        place: where it stands.
    """

    name: str
    required: bool
    condition: str
    through: str
    place: Place


@dataclass(frozen=True, slots=True)
class Port:
    """A port of a container that is published on the host.

    Attributes:
        first: lowest host port; 0 where the engine chooses one.
        last: highest host port.
        address: host address, empty for all of them.
        target: port in the container.
        protocol: ``tcp`` or ``udp``.
        place: where it stands.
    """

    first: int
    last: int
    address: str
    target: str
    protocol: str
    place: Place

    def __str__(self) -> str:
        host = f"{self.first}" if self.first == self.last else f"{self.first}-{self.last}"
        host = host if self.first else "any"
        return f"{self.address or '*'}:{host}/{self.protocol}"


@dataclass(frozen=True, slots=True)
class Mount:
    """Something that a container finds at a path of its own."""

    kind: str
    source: str
    target: str
    read_only: bool
    place: Place


@dataclass(frozen=True, slots=True)
class EnvFile:
    """A file of variables that a service asks for; ``absent`` says why it could not be read."""

    path: str
    required: bool
    absent: str
    place: Place


@dataclass(frozen=True)
class Service:
    """A service under one selection of profiles.

    Attributes:
        name: its name in the file.
        node: its canonical form.
        environment: variables in force, those of env files included; a value of null is not set.
        env_files: the files of variables that it names.
    """

    name: str
    node: Node
    environment: dict[str, Node]
    env_files: tuple[EnvFile, ...]

    def place(self, *keys: str) -> Place:
        """Where a key of the service stands; where the nearest that is there does."""
        return self.node.get(*keys).place(".".join(("services", self.name, *keys)))

    @cached_property
    def profiles(self) -> frozenset[str]:
        """The profiles that switch it on; without any it is always on."""
        return frozenset(item.text for item in self.node.get("profiles").items)

    def is_on(self, selection: frozenset[str]) -> bool:
        """Whether a selection of profiles starts it."""
        return not self.profiles or "*" in selection or bool(self.profiles & selection)

    @cached_property
    def hosts(self) -> frozenset[str]:
        """Names under which others find it."""
        named = {self.name, self.node.get("container_name").text, self.node.get("hostname").text}
        networks = self.node.get("networks").mapping.values()
        return frozenset(named | {item.text for network in networks for item in network.get("aliases").items})

    @property
    def image(self) -> str:
        """The image it names, substituted; empty where it names none."""
        return self.node.get("image").text

    @cached_property
    def dependencies(self) -> tuple[Dependency, ...]:
        """Every service that it cannot run without or waits for, whatever the key that says so."""
        return tuple(self._declared()) + tuple(self._implied())

    def _declared(self) -> Iterator[Dependency]:
        for name, node in self.node.get("depends_on").mapping.items():
            required = node.get("required").text.lower() not in {"false", "no", "off", "n", "f", "0"}
            place = node.place(f"services.{self.name}.depends_on.{name}")
            yield Dependency(name, required, node.get("condition").text or "service_started", "depends_on", place)

    def _implied(self) -> Iterator[Dependency]:
        for key in ("links", "volumes_from"):
            for index, item in enumerate(self.node.get(key).items):
                if key == "volumes_from" and item.text.startswith("container:"):
                    continue
                place = item.place(f"services.{self.name}.{key}[{index}]")
                yield Dependency(item.text.partition(":")[0], True, "service_started", key, place)
        for key in ("network_mode", "ipc", "pid"):
            kind, _, name = self.node.get(key).text.partition(":")
            if kind == "service" and name:
                yield Dependency(name, True, "service_started", key, self.place(key))

    @cached_property
    def ports(self) -> tuple[Port, ...]:
        """Its published ports; those of the host's network where it runs in it are not known."""
        return tuple(self._ports())

    def _ports(self) -> Iterator[Port]:
        for index, item in enumerate(self.node.get("ports").items):
            try:
                first, last = bounds(item.get("published").text or "0")
            except ValueError:
                continue
            yield Port(
                first,
                last,
                item.get("host_ip").text,
                item.get("target").text,
                item.get("protocol").text or "tcp",
                item.place(f"services.{self.name}.ports[{index}]"),
            )

    @cached_property
    def mounts(self) -> tuple[Mount, ...]:
        """Its mounts, tmpfs of the short form aside."""
        return tuple(
            Mount(
                item.get("type").text,
                item.get("source").text,
                item.get("target").text,
                item.get("read_only").value is True,
                item.place(f"services.{self.name}.volumes[{index}]"),
            )
            for index, item in enumerate(self.node.get("volumes").items)
            if item.mapping
        )
