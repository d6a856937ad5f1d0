"""An existing cluster of somebody else, with both releases in it: looked at, and changed only as far as was allowed."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blueprint.charts import CHARTS
from blueprint.target import READ, Target
from blueprint.trouble import Trouble
from provision.ownership import Progress
from provision.processes import Completed, ProgramFailed, run
from provision.tools import tool
from worlds.cluster import QUICK, Cluster
from worlds.cluster_opening import Opened
from worlds.lost import WorldLost
from worlds.release import Release

READING = frozenset({"get", "describe", "logs", "version", "port-forward", "wait", "auth", "api-resources"})
"""What kubectl may be asked where nothing but reading is allowed; and helm, below."""
HELM_READING = frozenset({"list", "status", "get", "template", "history"})
_WITH_A_WORD = frozenset({"-n", "--namespace"})


@dataclass
class ExistingCluster(Cluster):
    """A cluster of somebody else: nothing of it is made, filled or removed; commands are held to what was allowed."""

    target: Target = field(kw_only=True)

    def create(self, image: str, config: Path) -> None:
        """Never."""
        del image, config
        raise self._refused("create")

    def load(self, images: Sequence[str]) -> None:
        """Never: it pulls its own images."""
        del images
        raise self._refused("load")

    def down(self) -> None:
        """Never."""
        raise self._refused("delete")

    def logs(self) -> str:
        """Nothing: events and pods of other namespaces are none of our business."""
        return ""

    def kubectl(self, *words: str, given: str | None = None, timeout: float = QUICK, check: bool = True) -> Completed:
        """As its parent, where it reads or more than reading is allowed."""
        self.allow(words, READING)
        return super().kubectl(*words, given=given, timeout=timeout, check=check)

    def allow(self, words: Sequence[str], reading: frozenset[str]) -> None:
        """Refuse a command that may do more than read, where reading alone is allowed.

        Raises:
            Trouble: it may.
        """
        if self.target.allowed == {READ} and verb_of(words) not in reading:
            raise self._refused(" ".join(words[:4]))

    def _refused(self, what: str) -> Trouble:
        return Trouble(f"`{what}` is not done to a cluster that exists already", where=self.target.context)


def verb_of(words: Sequence[str]) -> str:
    """The first word of a command that is no option and no value of one."""
    before = ""
    for word in words:
        if not word.startswith("-") and before not in _WITH_A_WORD:
            return word
        before = word
    return ""


@dataclass
class ExistingRelease(Release):
    """Both releases, as somebody else installed them."""

    def install(self) -> list[dict[str, Any]]:
        """Look whether both are there; nothing is installed.

        Raises:
            Trouble: one is not deployed.
        """
        listed = {one["name"]: one["status"] for one in json.loads(self._listed())}
        for chart in CHARTS:
            if listed.get(chart) != "deployed":
                raise Trouble(
                    f"the release {chart} is {listed.get(chart, 'not there')} in the namespace {self.namespace}",
                    where=self.cluster.name,
                    next_command=f"helm list -n {self.namespace} --kube-context {self.cluster.name}",
                )
        return []

    def helm(self, *words: str, timeout: float = QUICK, check: bool = True) -> Completed:
        """As its parent, where it reads or more than reading is allowed."""
        if isinstance(self.cluster, ExistingCluster):
            self.cluster.allow(words, HELM_READING)
        return super().helm(*words, timeout=timeout, check=check)

    def _waited(self, words: Sequence[str]) -> dict[str, Any]:
        if isinstance(self.cluster, ExistingCluster):
            self.cluster.allow(words, HELM_READING)
        return super()._waited(words)

    def _mark(self) -> None:
        """It is not ours, and never says that it is."""

    def _listed(self) -> str:
        return self.helm("list", "-n", self.namespace, "-o", "json").stdout


@contextmanager
def open_target(target: Target, progress: Progress) -> Iterator[Opened]:
    """The cluster at a context of the user's kubeconfig, which is read once and not written.

    Raises:
        Trouble: there is no such context, no cluster answers there, it has no namespace of that environment, or more
            than reading and writing is allowed and the namespace does not say that it is disposable.
    """
    with tempfile.TemporaryDirectory(prefix="soma-verify-target-") as folder:
        cluster = ExistingCluster(target.context, Path(folder), {}, progress, target=target)
        cluster.kubeconfig.write_text(borrowed(target.context), encoding="utf-8")
        cluster.kubeconfig.chmod(0o600)
        refuse_unfit(cluster, target)
        progress(f"looking at {target.address}; allowed: {', '.join(sorted(target.allowed))}")
        yield Opened(cluster, None, (), (), taken_up=True)


def borrowed(context: str) -> str:
    """What the user's kubeconfig says of one context, and nothing else of it.

    Raises:
        Trouble: it has no such context.
    """
    asked = ("config", "view", "--raw", "--minify", "--flatten", "--context", context, "-o", "json")
    try:
        return run([tool("kubectl").path, *asked], timeout=QUICK).stdout
    except ProgramFailed:
        named = run([tool("kubectl").path, "config", "get-contexts", "-o", "name"], timeout=QUICK, check=False)
        known = ", ".join(named.stdout.split()) or "none"
        raise Trouble(
            f"the kubeconfig has no context {context!r}; known: {known}", next_command="kubectl config get-contexts"
        ) from None


def refuse_unfit(cluster: Cluster, target: Target) -> None:
    """Refuse a cluster that does not answer, and a namespace that is not there or was not given up.

    Raises:
        Trouble: it is one of these.
    """
    try:
        cluster.check()
    except WorldLost as lost:
        raise Trouble(
            f"no cluster answers at the context {target.context}: {lost.what.partition(': ')[2]}",
            next_command=f"kubectl --context {target.context} get --raw /version",
        ) from None
    found = cluster.kubectl("get", "namespace", target.namespace, "--ignore-not-found", "-o", "json").stdout
    if not found.strip():
        raise Trouble(
            f"the cluster has no namespace {target.namespace}",
            where=target.context,
            next_command=f"kubectl --context {target.context} get namespaces",
        )
    target.refuse_kept(json.loads(found)["metadata"].get("labels") or {})
