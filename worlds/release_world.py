"""Both releases as proofs see them: every look and every change goes through the recorder and replays offline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from blueprint.evidence import JSON, Observation
from blueprint.live import rows
from blueprint.trouble import Trouble
from provision.image_settler import ImageRecord
from worlds.cluster import Cluster
from worlds.kind_world import KindWorld
from worlds.lost import WorldLost
from worlds.recorder import Recorder
from worlds.release import Release
from worlds.release_edges import edges
from worlds.release_environments import tried
from worlds.release_traces import release_traces

Bring = Callable[[Release], Sequence[ImageRecord]]
"""Has the images of both charts on the nodes, and the release know of them."""


@dataclass
class ReleaseWorld:
    """soma-infra and soma-stack, installed once and shared by the proofs of a session.

    Attributes:
        kind: the cluster that they are in.
        root: the subject.
        bring: has the images that they run on.
        environment: whose values they take.
        made: how the releases in a cluster are come by.
    """

    kind: KindWorld
    root: Path
    bring: Bring
    environment: str = "dev"
    made: Callable[[Cluster, Path, str], Release] = Release
    _release: Release | None = field(default=None, init=False)
    _installed: Observation | None = field(default=None, init=False)
    _images: Observation | None = field(default=None, init=False)
    _failed: Trouble | None = field(default=None, init=False)

    @property
    def recorder(self) -> Recorder:
        """Every look and change goes through it."""
        return self.kind.recorder

    @property
    def namespace(self) -> str:
        """Where both are."""
        return f"soma-{self.environment}"

    @property
    def release(self) -> Release:
        """The release, for what happens within an act; never on replay.

        Raises:
            WorldLost: the cluster has stopped answering.
        """
        if self._release is None:
            self._release = self.made(self.kind.cluster, self.root, self.environment)
        self.kind.cluster.refuse_lost()
        return self._release

    def rest(self) -> Mapping[str, Any]:
        """Have both releases installed, and let the current proof rest on that; what became of the install flow.

        Raises:
            Trouble: they do not come up, now or when they were wanted before: it is tried once a session.
        """
        self.rest_on_images()
        if self._failed:
            raise self._failed
        if self._installed is None:
            self._installed = self._install()
        self.recorder.cite(self._installed.id)
        return self._installed.seen if isinstance(self._installed.seen, dict) else {}

    def rest_on_images(self) -> None:
        """Have the images of both charts on the nodes, and let the current proof rest on that and on the cluster."""
        self.kind.rest()
        if self._images is None:
            with self.recorder.session():
                self._images = self.recorder.do("release:images", {}, self._bring)
        self.recorder.cite(self._images.id)
        self.recorder.touch(*rows(self._images.seen))

    def get(self, resource: str) -> Observation:
        """Objects of a kind in the namespace."""
        return self.kind.get(resource, self.namespace)

    def look(self, target: str, asked: JSON, act: Callable[[], JSON]) -> Observation:
        """Look, with an act that may use :attr:`release`."""
        return self.recorder.look(target, asked, act)

    def do(self, target: str, asked: JSON, act: Callable[[], JSON]) -> Observation:
        """Change something, with an act that may use :attr:`release`."""
        return self.recorder.do(target, asked, act)

    def uninstall(self, act: Callable[[], JSON]) -> Observation:
        """Take both down by an act; whoever rests on them next has them installed again."""
        self._installed = None
        return self.do("release:uninstall", {"namespace": self.namespace}, act)

    def other_environment(self, environment: str) -> Observation:
        """The values of another environment, asked about as they are and installed sized down, beside this one."""
        return self.do("release:environment", {"environment": environment}, lambda: tried(self.release, environment))

    def edges(self) -> Observation:
        """Who reaches whom in fact, by connections from services and from guests beside them."""
        return self.do("release:edges", {"namespace": self.namespace}, lambda: edges(self.release))

    def traces(self) -> dict[str, str]:
        """What helps to find out why a proof failed, by file name; nothing on replay or where the cluster is gone."""
        if self._release is None or self._release.cluster.lost:
            return {}
        try:
            return release_traces(self._release)
        except Trouble as trouble:
            return {"trouble.txt": str(trouble)}

    def _bring(self) -> JSON:
        return [asdict(record) for record in self.bring(self.release)]

    def _install(self) -> Observation:
        asked: JSON = {"namespace": self.namespace, "environment": self.environment}
        try:
            with self.recorder.session():
                return self.recorder.do("release:install", asked, lambda: {"lines": list[JSON](self.release.install())})
        except WorldLost:
            raise
        except Trouble as trouble:
            self._failed = trouble
            raise
