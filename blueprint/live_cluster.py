"""Shapes of what a cluster with both releases answered, read from observations; rules take these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from blueprint.live import rows, table


@dataclass(frozen=True, slots=True)
class Line:
    """A command of the install flow, and what became of it."""

    command: str
    exit_code: int | None
    said: tuple[str, ...] = ()

    @classmethod
    def of(cls, seen: object) -> Self:
        """From what the world saw."""
        row = table(seen)
        return cls(str(row.get("command", "")), row.get("exit_code"), tuple(map(str, row.get("said", ()))))


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod of the namespace.

    Attributes:
        name: of the pod; uid: which one of that name.
        workload: what it belongs to, e.g. ``statefulset/redis``, ``job/bootstrap-before`` or ``pod/load``.
        phase: Pending, Running, Succeeded, Failed.
        ready: whether all of its containers are.
        restarts: of all of its containers.
        ending: whether it is being taken down.
    """

    name: str
    uid: str = ""
    workload: str = ""
    phase: str = ""
    ready: bool = False
    restarts: int = 0
    ending: bool = False

    @classmethod
    def of(cls, seen: object) -> Self:
        """From what the world saw."""
        row = table(seen)
        return cls(str(row.get("name", "")), **{name: row[name] for name in cls.__slots__[1:] if name in row})

    @property
    def is_of_a_job(self) -> bool:
        """Whether it ends by itself."""
        return self.workload.startswith(("job/", "pod/"))


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment or StatefulSet.

    Attributes:
        generation: counts changes of what is wanted of it.
        template: a digest of the template of its pods.
        replicas: how many pods are wanted.
    """

    name: str
    generation: int = 0
    template: str = ""
    replicas: int = 0

    @classmethod
    def of(cls, seen: object) -> Self:
        """From what the world saw."""
        row = table(seen)
        return cls(str(row.get("name", "")), **{name: row[name] for name in cls.__slots__[1:] if name in row})


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The namespace at one moment.

    Attributes:
        workloads: by name.
        pods: those that are not being taken down.
        configs: digest of the content of each ConfigMap, by name.
    """

    workloads: Mapping[str, Workload] = field(default_factory=dict)
    pods: tuple[Pod, ...] = ()
    configs: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, seen: object) -> Self:
        """From what the world saw."""
        row = table(seen)
        workloads = [Workload.of(one) for one in rows(row.get("workloads"))]
        pods = [Pod.of(one) for one in rows(row.get("pods"))]
        return cls({one.name: one for one in workloads}, tuple(pods), table(row.get("configs")))

    def standing(self, workload: str) -> frozenset[str]:
        """The pods of a workload that are not being taken down, each told from any other of its name."""
        return frozenset(pod.uid for pod in self.pods if pod.workload == workload and not pod.ending)


@dataclass(frozen=True, slots=True)
class Load:
    """Requests that were made from inside the cluster meanwhile, one after the other.

    Attributes:
        answered: how many were answered well.
        failed: of each other one, what came instead.
    """

    answered: int = 0
    failed: tuple[str, ...] = ()

    @classmethod
    def of(cls, seen: object) -> Self:
        """From what the world saw."""
        row = table(seen)
        return cls(int(row.get("answered", 0)), tuple(map(str, row.get("failed", ()))))


@dataclass(frozen=True, slots=True)
class Change:
    """A change of what is installed, under load.

    Attributes:
        before, after: the namespace.
        load: what was asked meanwhile.
        put, kept: what was stored before it, and what was there after it.
    """

    before: Snapshot
    after: Snapshot
    load: Load = field(default_factory=Load)
    put: str = ""
    kept: str = ""

    @classmethod
    def of(cls, seen: object) -> Self:
        """From what the world saw."""
        row = table(seen)
        stored = table(row.get("data"))
        return cls(
            Snapshot.of(row.get("before")),
            Snapshot.of(row.get("after")),
            Load.of(row.get("load")),
            str(stored.get("put", "")),
            str(stored.get("kept", "")),
        )
