"""Having a Kind cluster of our own, and leaving nothing of it behind."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from platformdirs import user_cache_path

from blueprint.trouble import Trouble
from provision.engine import Engine, engine
from provision.engine_lock import engine_id, engine_lock
from provision.image_settler import ImageRecord
from provision.ledger import Thing
from provision.ownership import (
    PREFIX,
    Mark,
    Owner,
    Progress,
    free_mark,
    newest_kept,
    remove_own,
    set_mark,
    sweep,
)
from provision.privilege import require_privileged
from provision.processes import ProgramFailed
from worlds.cluster import CLUSTER_LABEL, Cluster
from worlds.cluster_policies import enforce_policies

NODE_IMAGE = Callable[[Engine], Sequence[ImageRecord]]
"""Has a node image on an engine; its record comes first."""
OWNER = "owner.json"


@dataclass(frozen=True, slots=True)
class Choices:
    """What whoever opens a cluster chose.

    Attributes:
        config: of kind.
        keep: leave the cluster standing.
        reuse: take up a cluster that was kept, where there is one.
        name: of the cluster; by default one that holds the id of the run.
    """

    config: Path
    keep: bool = False
    reuse: bool = False
    name: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """A cluster that is ours while the ``with`` lasts."""

    cluster: Cluster
    engine: Engine | None
    images: tuple[ImageRecord, ...]
    swept: tuple[Thing, ...]
    taken_up: bool


@contextmanager
def open_cluster(choices: Choices, node_image: NODE_IMAGE, progress: Progress) -> Iterator[Opened]:
    """A cluster on the engine in use, which is ours alone meanwhile; what dead runs left is removed first.

    Raises:
        Trouble: there is no engine that runs privileged containers, another run holds it, there is no node image, a
            cluster of that name is there without our mark, or the cluster does not come up.
    """
    found, owner = engine(), Owner.current(keep=choices.keep)
    env = {**found.env(), **owner.env()}
    with engine_lock(engine_id(env), owner, progress):
        require_privileged(found)
        swept = tuple(sweep(env, progress))
        forget_folders()
        kept = kept_cluster(env, choices)
        mark = kept or free_mark(owner, f"{CLUSTER_LABEL}={choices.name or PREFIX + owner.run}", env)
        images = tuple(node_image(found))
        with _folder(mark, keep=choices.keep) as folder:
            cluster = Cluster(mark.owner.selector.rpartition("=")[2], folder, env, progress)
            with _torn_down(cluster, mark, keep=choices.keep):
                if kept:
                    progress(f"taking up {kept.thing.name}, which {kept.owner} kept")
                    cluster.export()
                    cluster.wait_ready()
                else:
                    set_mark(mark, env)
                    cluster.create(images[0].reference, choices.config)
                images += tuple(enforce_policies(cluster, found, images))
                yield Opened(cluster, found, images, swept, taken_up=kept is not None)


def folders() -> Path:
    """Where the folders of clusters are: one a cluster, of its name."""
    return user_cache_path("soma-verify") / "clusters"


def forget_folders() -> list[str]:
    """Remove the folders of clusters whose run is dead and did not keep them; their names."""
    gone = []
    for folder in sorted(folders().glob(f"{PREFIX}*")):
        owner = _owner_of(folder)
        if owner and owner.is_dead() and not owner.keep:
            shutil.rmtree(folder)
            gone.append(folder.name)
    return gone


def _owner_of(folder: Path) -> Owner | None:
    try:
        return Owner(**json.loads((folder / OWNER).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


@contextmanager
def _folder(mark: Mark, *, keep: bool) -> Iterator[Path]:
    """The private folder of a cluster, which says whose it is before anything else is in it."""
    folder = folders() / mark.thing.name
    if not folder.is_dir():
        draft = folders() / f".{folder.name}.{os.getpid()}"
        draft.mkdir(mode=0o700, parents=True)
        (draft / OWNER).write_text(json.dumps(asdict(mark.owner)), encoding="utf-8")
        draft.rename(folder)
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder)


def kept_cluster(env: Mapping[str, str], choices: Choices) -> Mark | None:
    """The cluster that was kept, to be taken up.

    Raises:
        Trouble: one was kept, and is not wanted: a second one would take as much memory again.
    """
    newest = newest_kept(CLUSTER_LABEL, env)
    if newest and not choices.reuse:
        raise Trouble(
            f"the cluster {newest.thing.name}, which {newest.owner} kept, stands on this engine",
            next_command="the same with --reuse: it is taken up, and without --keep taken down at the end",
        )
    return newest


@contextmanager
def _torn_down(cluster: Cluster, mark: Mark, *, keep: bool) -> Iterator[None]:
    """Everything of the cluster is gone afterwards, whatever happens inside; with ``keep``, all of it stays."""
    try:
        yield
    finally:
        if keep:
            cluster.progress(f"kept {cluster.name}: KUBECONFIG={cluster.kubeconfig}; --reuse takes it up")
        else:
            _take_down(cluster)
            remove_own(mark, cluster.engine)


def _take_down(cluster: Cluster) -> None:
    try:
        cluster.down()
    except ProgramFailed as failure:
        cluster.progress(f"kind does not remove {cluster.name}, so it is removed piece by piece: {failure.what}")
