"""What the proofs of the chapter on cluster deployments look at and do, each through the recorder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from blueprint.charts import CHARTS, INFRA, STACK
from blueprint.evidence import JSON, Observation
from blueprint.live import rows, table
from worlds import release_acts as acts
from worlds import release_changes as changes
from worlds import release_drift as drift
from worlds.probes import settings
from worlds.release_inside import told
from worlds.release_world import ReleaseWorld

CHANGED = {INFRA: {"infra.redis.maxMemory": "97mb"}, STACK: {"stack.gateway.settings.SA01_REPLY_SECONDS": "31"}}
"""Values that the upgrade changes: one of a store, and one of what serves requests."""
ALONE = {"stack.toolExecutor.settings.SA01_REPLY_SECONDS": "31"}
"""A value that one service alone reads."""
WORD = "kept"


@dataclass
class ReleaseProofs:
    """Both releases, with everything that is looked at more than once kept for the session.

    Attributes:
        world: both releases.
        installed: what became of the install flow.
    """

    world: ReleaseWorld
    installed: Mapping[str, Any] = field(default_factory=dict)
    _kept: dict[str, Observation] = field(default_factory=dict)
    _revisions: dict[str, int] = field(default_factory=dict)

    def rest(self) -> None:
        """Have both installed, and let the current proof rest on that."""
        self.installed = self.world.rest()

    def deployed(self) -> Mapping[str, Any]:
        """Status of every release and of every Job that helm ran."""
        return self._once("helm:status", lambda: acts.deployed(self.world.release))

    def workloads(self) -> list[str]:
        """The workloads that both charts render."""
        return [name for name in self.rendered() if name.startswith(("deployment/", "statefulset/"))]

    def rendered(self) -> Mapping[str, Any]:
        """What the tree renders of both charts, object by object."""
        return self._once("helm:template", lambda: drift.rendered(self.world.release))

    def watched(self) -> Mapping[str, Any]:
        """The namespace once it has settled, and a while later."""
        return self._look("release:watched", {}, lambda: acts.watched(self.world.release))

    def health(self) -> Mapping[str, Any]:
        """What the gateway answers through a port-forward."""
        asked: JSON = {"command": "kubectl port-forward svc/gateway 8010:8010", "path": "/health"}
        return self._look("release:health", asked, lambda: acts.health(self.world.release))

    def manifests(self) -> Mapping[str, Any]:
        """The manifests of both releases."""
        return self._look("release:manifests", {}, lambda: drift.manifests(self.world.release))

    def objects(self) -> Mapping[str, Any]:
        """The live objects of the names that the tree renders, and who set their fields."""
        return self._look("release:objects", {}, lambda: drift.objects(self.world.release))

    def images(self) -> Mapping[str, Any]:
        """The images that run beside those that are meant."""
        return self._look("release:images-running", {}, lambda: drift.images(self.world.release))

    def tested(self, chart: str) -> Mapping[str, Any]:
        """``helm test`` of one release."""
        return self._do("helm:test", {"chart": chart}, lambda: acts.tested(self.world.release, chart))

    def repeated(self) -> Mapping[str, Any]:
        """Both lines run once more."""
        return self._do("helm:repeat", {}, lambda: acts.repeated(self.world.release))

    def upgraded(self) -> Mapping[str, Any]:
        """Both upgraded to changed values under load; once a session."""

        def act() -> JSON:
            release = self.world.release
            self._revisions = {chart: release.revision(chart) for chart in CHARTS}
            return changes.changed(release, CHANGED, word=WORD)

        return self._once(
            "helm:upgrade", act, asked={"settings": dict[str, JSON]({k: dict(v) for k, v in CHANGED.items()})}
        )

    def rolled_back(self) -> Mapping[str, Any]:
        """Both rolled back to what was before the upgrade, under load."""
        asked: JSON = {"charts": list[JSON](CHARTS)}
        return self._do(
            "helm:rollback", asked, lambda: changes.rolled_back(self.world.release, self._revisions, word=WORD)
        )

    def reconfigured(self) -> Mapping[str, Any]:
        """The configuration of one service changed, and changed back."""
        asked: JSON = {"settings": dict[str, JSON](ALONE)}
        return self._do("helm:reconfigure", asked, lambda: changes.reconfigured(self.world.release, STACK, ALONE))

    def containers(self) -> list[str]:
        """``kind/workload/container`` of all that both charts render."""
        return sorted(drift.containers_of(self.rendered()))

    def inside(self) -> list[Mapping[str, Any]]:
        """What each container tells of itself."""
        names = self.containers()
        asked: JSON = {"containers": list[JSON](names)}
        return rows(self.world.look("release:inside", asked, lambda: told(self.world.release, names)).seen)

    def effects(
        self, workloads: Sequence[str], candidates: Mapping[str, Sequence[str]], aliases: Mapping[str, Sequence[str]]
    ) -> Mapping[str, Any]:
        """Which fields change in each workload when a variable does; no value leaves a container."""
        asked: JSON = {"workloads": list[JSON](workloads), "variables": list[JSON](sorted(candidates))}

        def act() -> JSON:
            inside = partial(acts.inside, self.world.release)
            return {name: settings.effects(inside, name, candidates, aliases) for name in workloads}

        return self._look("release:settings", asked, act)

    def uninstalled(self) -> Mapping[str, Any]:
        """Both taken down; what there was, and what is left."""
        return table(self.world.uninstall(lambda: acts.uninstalled(self.world.release)).seen)

    def _look(self, target: str, asked: JSON, act: Callable[[], JSON]) -> Mapping[str, Any]:
        return table(self.world.look(target, asked, act).seen)

    def _do(self, target: str, asked: JSON, act: Callable[[], JSON]) -> Mapping[str, Any]:
        return table(self.world.do(target, asked, act).seen)

    def _once(self, target: str, act: Callable[[], JSON], asked: JSON = None) -> Mapping[str, Any]:
        """Look or do in session scope; whoever wants it afterwards cites it."""
        if target not in self._kept:
            with self.world.recorder.session():
                self._kept[target] = self.world.do(target, asked if asked is not None else {}, act)
        self.world.recorder.cite(self._kept[target].id)
        return table(self._kept[target].seen)
