"""The Kind cluster as proofs see it: every look and every change goes through the recorder and replays offline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from blueprint.evidence import JSON, Observation
from blueprint.live import rows, table
from blueprint.trouble import Trouble
from provision.tools import tool
from worlds.cluster import Cluster
from worlds.cluster_opening import Opened
from worlds.recorder import Recorder


@dataclass
class KindWorld:
    """One cluster for a session.

    Attributes:
        recorder: every look and change goes through it.
        opening: gives the cluster; entered once, and never on replay.
        tools: as the report names them.
    """

    recorder: Recorder
    opening: Callable[[], AbstractContextManager[Opened]]
    tools: tuple[Mapping[str, Any], ...] = field(default=(), init=False)
    _opened: Opened | None = field(default=None, init=False)
    _exit: ExitStack = field(default_factory=ExitStack, init=False)
    _created: Observation | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        with self.recorder.session():
            self._created = self.recorder.do("kind:create", {}, self._open)
        self.tools = tuple(rows(table(self._created.seen).get("tools")))
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    @property
    def cluster(self) -> Cluster:
        """The cluster, for what happens within an act.

        Raises:
            WorldLost: it has stopped answering.
        """
        if self._opened is None:
            raise Trouble("the cluster is asked before it is there")
        if self._opened.cluster.lost:
            raise self._opened.cluster.lost
        return self._opened.cluster

    def rest(self) -> None:
        """Let the current proof rest on the cluster, and on the images that it was made of."""
        if self._created is None:
            raise Trouble("a proof rests on a cluster that is not there")
        self.recorder.cite(self._created.id)
        self.recorder.touch(*rows(table(self._created.seen).get("images")))

    def get(self, resource: str, namespace: str = "") -> Observation:
        """Objects of a kind, of one namespace or of all."""
        asked: JSON = {"resource": resource, "namespace": namespace}
        return self.recorder.look("kubectl:get", asked, lambda: list[JSON](self.cluster.get(resource, namespace)))

    def apply(self, manifest: str) -> Observation:
        """Apply a manifest."""
        return self.recorder.do("kubectl:apply", {"manifest": manifest}, lambda: self.cluster.apply(manifest))

    def load(self, images: Sequence[str]) -> Observation:
        """Bring images of the engine onto the nodes."""
        asked: JSON = {"images": list[JSON](images)}
        return self.recorder.do("kind:load", asked, lambda: self.cluster.load(images))

    def traces(self) -> dict[str, str]:
        """What helps to find out why a proof failed, by file name; nothing on replay or where the cluster is gone."""
        if self._opened is None or self._opened.cluster.lost:
            return {}
        try:
            return {"cluster.txt": self._opened.cluster.logs()}
        except Trouble as trouble:
            return {"trouble.txt": str(trouble)}

    def _open(self) -> JSON:
        self._opened = opened = self._exit.enter_context(self.opening())
        tools = [asdict(tool(name)) for name in ("kind", "kubectl")]
        return {
            "cluster": opened.cluster.name,
            "swept": [str(thing) for thing in opened.swept],
            "taken_up": opened.taken_up,
            "images": [asdict(record) for record in opened.images],
            "tools": [{key: one[key] for key in ("name", "version", "provenance")} for one in tools],
        }
