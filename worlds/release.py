"""Both charts in one namespace of a cluster, by the blueprint's install flow; knows no proof and no recorder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import cycle
from pathlib import Path
from typing import Any

import yaml

from blueprint.charts import CHARTS, FOLDER, INFRA, values_file
from blueprint.trouble import Trouble
from provision.ownership import LABEL
from provision.processes import Completed, run, start
from provision.tools import tool
from provision.waiting import Deadline, until
from worlds.cluster import QUICK, Cluster
from worlds.unready import hopeless, reasons

ENDS = 600
"""Seconds that helm waits for a release to be ready: Keycloak alone takes minutes on a small machine."""
ENDED = Deadline("helm to end by itself", ENDS + 60)
OURS = f"{LABEL}release"
"""Label of a namespace that we installed into."""
KEPT_BY_KUBERNETES = frozenset({"configmap/kube-root-ca.crt", "serviceaccount/default"})
ASKED_FOR = "configmaps,secrets,serviceaccounts,services,persistentvolumeclaims,pods,deployments.apps,statefulsets.apps"


@dataclass
class Release:
    """soma-infra and soma-stack in a namespace.

    Attributes:
        cluster: where they are.
        root: the subject, whose charts they are.
        environment: whose values file they take.
        overlays: further values files, the strongest last.
        digests: of each image that was loaded onto the nodes, by its reference.
        patience: seconds that helm waits for a release to be ready.
    """

    cluster: Cluster
    root: Path
    environment: str = "dev"
    overlays: tuple[Path, ...] = ()
    digests: dict[str, str] = field(default_factory=dict)
    patience: int = ENDS

    @property
    def namespace(self) -> str:
        """As the blueprint names it."""
        return f"soma-{self.environment}"

    def install(self) -> list[dict[str, Any]]:
        """The install flow: both lines as the blueprint writes them, with our overlays and a wait added.

        Returns:
            A row for each chart: the command, its exit code, its last lines, and how long it took.

        Raises:
            Trouble: the namespace holds what is not ours, or a release does not become ready; says what is not.
        """
        self.refuse_foreign()
        return [self.upgrade(chart) for chart in CHARTS]

    def upgrade(self, chart: str, settings: Mapping[str, str] | None = None) -> dict[str, Any]:
        """``helm upgrade --install`` of one chart, to its values, or with some of them changed.

        Raises:
            Trouble: it does not become ready; says which pods are not, and why.
        """
        words = ["upgrade", "--install", chart, f"{FOLDER}/{chart}", "-n", self.namespace]
        words += ["--create-namespace"] if chart == INFRA else []
        words += self.values()
        for name, value in (settings or {}).items():
            words += ["--set-string", f"{name}={value}"]
        return self._waited(words)

    def rollback(self, chart: str, revision: int) -> dict[str, Any]:
        """``helm rollback`` to a revision; arguments and errors as of :meth:`upgrade`."""
        return self._waited(["rollback", chart, str(revision), "-n", self.namespace])

    def uninstall(self, *, wait: bool = True) -> list[dict[str, Any]]:
        """Uninstall both, the application first; without waiting where the whole namespace goes next."""
        waiting = ("--wait", "--timeout", f"{self.patience}s") if wait else ()
        gone = []
        for chart in reversed(CHARTS):
            done = self.helm("uninstall", chart, "-n", self.namespace, *waiting, check=False)
            gone.append({"chart": chart, "exit_code": done.exit_code, "said": (done.stdout + done.stderr).strip()})
        return gone

    def values(self) -> list[str]:
        """The words that give helm the values of the environment."""
        files = [values_file(self.environment), *map(str, self.overlays)]
        return [word for file in files for word in ("-f", file)]

    def render(self, chart: str, *words: str) -> list[dict[str, Any]]:
        """What the tree makes of a chart for this namespace, hooks left out; no cluster is asked."""
        told = ("template", chart, f"{FOLDER}/{chart}", "-n", self.namespace, "--no-hooks", *self.values(), *words)
        return [document for document in yaml.safe_load_all(self.helm(*told).stdout) if document]

    def named_images(self) -> list[str]:
        """Every image that a pod of both charts may run on."""
        found: set[str] = set()
        for chart in CHARTS:
            told = self.helm("template", chart, f"{FOLDER}/{chart}", "-n", self.namespace, *self.values()).stdout
            for document in yaml.safe_load_all(told):
                found |= set(_images(document))
        return sorted(found)

    def revision(self, chart: str) -> int:
        """The number of the revision that is deployed; 0 where there is none."""
        listed = json.loads(self.helm("list", "-n", self.namespace, "-o", "json").stdout)
        return next((int(one["revision"]) for one in listed if one["name"] == chart), 0)

    @contextmanager
    def forwarded(self, service: str, port: int) -> Iterator[int]:
        """A port of this machine that leads to one pod of a Service of the namespace, or to the pod ``pod/<name>``."""
        target = service if "/" in service else f"svc/{service}"
        with self.cluster.forwarded(target, port, self.namespace) as local:
            yield local

    def kubectl(self, *words: str, given: str | None = None, timeout: float = QUICK, check: bool = True) -> Completed:
        """Run kubectl in the namespace; errors as of :meth:`Cluster.kubectl`."""
        return self.cluster.kubectl("-n", self.namespace, *words, given=given, timeout=timeout, check=check)

    def get(self, resource: str) -> list[dict[str, Any]]:
        """Objects of a kind in the namespace."""
        return self.cluster.get(resource, self.namespace)

    def helm(self, *words: str, timeout: float = ENDS + 60, check: bool = True) -> Completed:
        """Run helm against the cluster, in the subject's folder."""
        self.cluster.refuse_lost()
        return run([tool("helm").path, *words], env=self.env, cwd=self.root, timeout=timeout, check=check)

    @cached_property
    def env(self) -> dict[str, str]:
        """What helm needs: the cluster, and no plugin or repository of the user's."""
        home = self.cluster.folder / "helm"
        own = {f"HELM_{name}_HOME": str(home / name.casefold()) for name in ("CACHE", "CONFIG", "DATA")}
        return {**self.cluster.env, **own, "HELM_PLUGINS": str(home / "plugins")}

    def refuse_foreign(self) -> None:
        """Refuse a namespace that somebody else uses.

        Raises:
            Trouble: it is there, without our label, and not empty.
        """
        there = {space["metadata"]["name"]: space["metadata"].get("labels", {}) for space in self._namespaces()}
        if self.namespace not in there or OURS in there[self.namespace]:
            return
        found = sorted(f"{one['kind'].casefold()}/{one['metadata']['name']}" for one in self.get(ASKED_FOR))
        foreign = [name for name in found if name not in KEPT_BY_KUBERNETES]
        if foreign:
            more = f" and {len(foreign) - 5} more" if len(foreign) > 5 else ""  # noqa: PLR2004 - as many as one reads
            raise Trouble(
                f"the namespace {self.namespace} holds what is not ours: {', '.join(foreign[:5])}{more}",
                next_command=f"kubectl get all -n {self.namespace}",
            )

    def _namespaces(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = json.loads(self.cluster.kubectl("get", "namespaces", "-o", "json").stdout)[
            "items"
        ]
        return listed

    def _waited(self, words: Sequence[str]) -> dict[str, Any]:
        """Run helm until its release is ready, or until it is clear that it never will be."""
        told = [*words, "--wait", "--timeout", f"{self.patience}s"]
        self.cluster.progress(f"helm {' '.join(words[:4])}")
        self.cluster.refuse_lost()
        turns = cycle((True, *(False,) * 5))  # every third second: asking costs as much as some pod has
        with start([tool("helm").path, *told], env=self.env, cwd=self.root) as running:
            until(lambda: running.poll() is not None or (next(turns) and self._is_hopeless()), bool, ENDED, every=0.5)
            exit_code, said = running.poll(), running.output.strip()
        if INFRA in words:
            self._mark()
        if exit_code:
            self.cluster.check()
        if exit_code != 0:
            why = "\n".join(reasons(self.cluster, self.namespace)) or said
            raise Trouble(
                f"`helm {' '.join(words)}` came to nothing:\n{why}", next_command="nox -s verify-cluster -- --keep"
            )
        return {"command": f"helm {' '.join(told)}", "exit_code": exit_code, "said": said.splitlines()[:8]}

    def claim(self) -> None:
        """Make the namespace, and say that it is ours."""
        self.cluster.kubectl("create", "namespace", self.namespace)
        self._mark()

    def _is_hopeless(self) -> bool:
        return bool(hopeless(self.get("pods")))

    def _mark(self) -> None:
        self.cluster.kubectl("label", "namespace", self.namespace, f"{OURS}=true", "--overwrite", check=False)


def _images(document: object) -> Iterator[str]:
    """Every image that a rendered object names: of its containers, and of those that are injected."""
    if isinstance(document, dict):
        for name, value in document.items():
            if name == "image" and isinstance(value, str):
                yield value
            elif name == "name" and str(value).endswith("_IMAGE") and isinstance(document.get("value"), str):
                yield document["value"]
            else:
                yield from _images(value)
    elif isinstance(document, list):
        for one in document:
            yield from _images(one)
