"""One Kind cluster of our own, looked at and changed; knows no proof, no pytest and no recorder."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blueprint.trouble import Trouble
from provision.ledger import Kind, Thing, things
from provision.ownership import Progress
from provision.processes import Completed, ProgramFailed, run
from provision.tools import tool
from provision.waiting import Deadline, until
from worlds.forwarding import forwarding
from worlds.lost import WorldLost

ROOT = Path(__file__).parent.parent
CONFIG = "infra/kind.yaml"
CLUSTER_LABEL = "io.x-k8s.kind.cluster"
"""kind's own label of the containers of a cluster."""
QUICK = 60.0
"""Seconds that a question to the cluster may take."""
ANSWERS = 10.0
"""Seconds that a cluster has to say that it is there."""
CREATE_SECONDS = 600.0
LOAD_SECONDS = 900.0
DELETE_SECONDS = 120.0
CLUSTER_READY = Deadline("every node and every system pod of the cluster to be ready", 240)
SYSTEM = ("kube-system", "local-path-storage")
"""Namespaces whose pods make up a cluster."""


@dataclass
class Cluster:
    """A cluster of ours.

    Attributes:
        name: of the cluster; its network has the same.
        folder: private to it: its kubeconfig, and what pytest-kind writes beside itself.
        engine: environment that leads to the engine and says whose a started program is.
        progress: is told what happens, line by line.
        lost: set once the cluster has stopped answering; from then on nothing is tried any more.
    """

    name: str
    folder: Path
    engine: Mapping[str, str]
    progress: Progress
    lost: WorldLost | None = field(default=None, init=False)

    @property
    def selector(self) -> str:
        """The label that everything of the cluster on the engine carries."""
        return f"{CLUSTER_LABEL}={self.name}"

    @property
    def kubeconfig(self) -> Path:
        """The only file that knows the cluster; the user's own is neither read nor written."""
        return self.folder / "kubeconfig"

    @property
    def env(self) -> dict[str, str]:
        """What a program needs to use the cluster and the engine that it stands on."""
        return {
            **self.engine,
            "KUBECONFIG": str(self.kubeconfig),
            "KIND_EXPERIMENTAL_PROVIDER": "docker",
            "KIND_EXPERIMENTAL_DOCKER_NETWORK": self.name,
            "PYTHONPATH": str(ROOT),
        }

    def create(self, image: str, config: Path) -> None:
        """Make the network, and on it the cluster of a node image; wait until all of it is ready.

        Raises:
            Trouble: the configuration is missing, or the cluster does not come up.
        """
        if not config.is_file():
            raise Trouble("there is no configuration of Kind", where=str(config))
        label = ("--label", self.selector)
        run(["docker", "network", "create", *label, self.name], env=self.engine, timeout=QUICK)
        self._kind("create", "--image", image, "--config", str(config.resolve()), timeout=CREATE_SECONDS)
        self.wait_ready()

    def export(self) -> None:
        """Write the kubeconfig of a cluster that stands already."""
        words = ("export", "kubeconfig", "--name", self.name, "--kubeconfig", str(self.kubeconfig))
        run(_argv("kind", *words), env=self.env, timeout=QUICK)

    def wait_ready(self) -> None:
        """Wait until every node and every system pod is ready.

        Raises:
            WaitedTooLong: one is not; names those that are not.
        """
        until(self.unready, lambda names: not names, CLUSTER_READY, every=0.5)

    def unready(self) -> list[str]:
        """Nodes and system pods that are not ready, by their names; and what has not even begun."""
        nodes, pods = self.get("nodes"), [pod for space in SYSTEM for pod in self.get("pods", space)]
        named = [f"node {_name(node)}" for node in nodes if not _is_ready(node)]
        named += [f"pod {_name(pod)}" for pod in pods if not _is_ready(pod)]
        begun = {pod["metadata"]["namespace"] for pod in pods}
        return [*named, *(f"pods of {space}" for space in SYSTEM if space not in begun)]

    def get(self, resource: str, namespace: str = "") -> list[dict[str, Any]]:
        """Objects of a kind, of one namespace or of all."""
        where = ("--namespace", namespace) if namespace else ("--all-namespaces",)
        listed: list[dict[str, Any]] = json.loads(self.kubectl("get", resource, *where, "-o", "json").stdout)["items"]
        return listed

    def apply(self, manifest: str) -> None:
        """Apply a manifest as it is."""
        self.kubectl("apply", "-f", "-", given=manifest)

    def load(self, images: Sequence[str]) -> None:
        """Bring images of the engine onto the nodes, all in one go: what they share is brought once.

        pytest-kind brings one at a time, so kind itself is asked.
        """
        words = ("load", "docker-image", "--name", self.name, *images)
        self.refuse_lost()
        run(_argv("kind", *words), env=self.env, timeout=LOAD_SECONDS, on_line=self._tell)

    @contextmanager
    def forwarded(self, target: str, port: int, namespace: str = "default") -> Iterator[int]:
        """A port of this machine that leads to one of a pod or of one pod of a Service.

        Args:
            target: e.g. ``svc/gateway``.
            port: of the target.
            namespace: of the target.
        """
        self.refuse_lost()
        with forwarding(_argv("kubectl", "--namespace", namespace), target, port, self.env) as local:
            yield local

    def kubectl(self, *words: str, given: str | None = None, timeout: float = QUICK, check: bool = True) -> Completed:
        """Run kubectl against the cluster.

        Raises:
            ProgramFailed: its exit code is not 0, where that is checked.
            WorldLost: the cluster does not answer any more.
        """
        self.refuse_lost()
        try:
            done = run(_argv("kubectl", *words), env=self.env, input=given, timeout=timeout, check=check)
        except ProgramFailed as failure:
            self.check(failure)
            raise
        if done.exit_code:
            self.check()
        return done

    def check(self, cause: Trouble | None = None) -> None:
        """Ask the cluster whether it is there.

        Raises:
            WorldLost: it is not; from now on nothing is tried any more.
        """
        self.refuse_lost()
        asked = _argv("kubectl", "get", "--raw", "/version", f"--request-timeout={ANSWERS - 2:.0f}s")
        try:
            run(asked, env=self.env, timeout=ANSWERS)
        except ProgramFailed as failure:
            self.lost = WorldLost(
                f"the cluster {self.name} stopped answering: {failure.completed.stderr.strip() or failure.what}",
                next_command="nox -s verify-cluster",
            )
            raise self.lost from cause

    def stock(self) -> list[str]:
        """Names of all that stands of the cluster on the engine."""
        return sorted(str(thing) for thing in self._things(*Kind))

    def down(self) -> None:
        """``kind delete cluster``; where no node stands, nothing happens."""
        if self._things(Kind.CONTAINER):
            self._kind("delete", timeout=DELETE_SECONDS)

    def logs(self) -> str:
        """What helps to find out why something failed: pods, and the last events."""
        asked = (("get", "pods", "-A", "-o", "wide"), ("get", "events", "-A", "--sort-by=.lastTimestamp"))
        return "\n".join(self.kubectl(*words, check=False).stdout for words in asked)

    def _things(self, *kinds: Kind) -> list[Thing]:
        return things(self.engine, f"label={self.selector}", kinds=kinds)

    def _kind(self, act: str, *words: str, timeout: float) -> None:
        places = {"kind": tool("kind").path, "kubectl": tool("kubectl").path, "kubeconfig": self.kubeconfig}
        programs = [part for name, path in places.items() for part in (f"--{name}", str(path))]
        argv = [sys.executable, "-m", "worlds.kind", act, self.name, *programs, *words]
        run(argv, env=self.env, cwd=self.folder, timeout=timeout, on_line=self._tell)

    def _tell(self, line: str) -> None:
        """Of what kind says, what it has done; the rest stands in the message where it fails."""
        if line.strip().startswith(("✓", "Image:")):
            self.progress(f"kind: {line.strip()}")

    def refuse_lost(self) -> None:
        """Refuse to try anything on a cluster that has stopped answering.

        Raises:
            WorldLost: it has.
        """
        if self.lost:
            raise self.lost


def _argv(name: str, *words: str) -> list[str | Path]:
    return [tool(name).path, *words]


def _name(document: Mapping[str, Any]) -> str:
    return str(document["metadata"]["name"])


def _is_ready(document: Mapping[str, Any]) -> bool:
    conditions = document.get("status", {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
