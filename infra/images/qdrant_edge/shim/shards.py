"""Collections on disk: one shard of the embedded engine each, and its snapshots."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import shutil
import tarfile
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import qdrant_edge as edge

from .refusal import Refusal
from .translation import Json, config_of

Answer = TypeVar("Answer")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}")
_CONFIG = "collection.json"


@contextmanager
def engine_refusals() -> Iterator[None]:
    """What the engine refuses is the caller's fault, such as a vector of another size."""
    try:
        yield
    except Refusal:
        raise
    except Exception as error:  # the engine raises nothing narrower
        raise Refusal(400, f"{error}") from error


class Collection:
    """One collection. Whatever is done to it is done alone: a shard is closed while it is copied."""

    def __init__(self, folder: Path, snapshots: Path) -> None:
        self.name = folder.name
        self.snapshots = snapshots / folder.name
        self._folder = folder
        self._lock = threading.RLock()
        self._operations = 0
        self.config: Json = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
        self._shard: edge.EdgeShard = edge.EdgeShard.load(str(folder / "shard"))

    def ask(self, question: Callable[[edge.EdgeShard], Answer]) -> Answer:
        """Read from the shard."""
        with self._lock, engine_refusals():
            return question(self._shard)

    def change(self, *operations: edge.UpdateOperation) -> int:
        """Write to the shard's log and the shard; the number of the change."""
        with self._lock, engine_refusals():
            for operation in operations:
                self._shard.update(operation)
            self._operations += 1
            return self._operations

    def close(self) -> None:
        """Flush and close the shard."""
        with self._lock:
            self._shard.flush()
            self._shard.close()

    def take_snapshot(self) -> Json:
        """Copy the closed shard and the configuration into one file, and open the shard again."""
        self.snapshots.mkdir(parents=True, exist_ok=True)
        now = datetime.now(UTC)
        path = self.snapshots / f"{self.name}-{now:%Y-%m-%d-%H-%M-%S-%f}.snapshot"
        making = path.with_suffix(".making")
        with self._lock:
            self.close()
            try:
                with gzip.open(making, "wb", compresslevel=1) as packed, tarfile.open(fileobj=packed, mode="w|") as tar:
                    tar.add(self._folder / "shard", arcname=".")
                    tar.add(self._folder / _CONFIG, arcname=_CONFIG)
            finally:
                self._shard = edge.EdgeShard.load(str(self._folder / "shard"))
        making.with_suffix(".checksum").write_text(_sha256(making), encoding="ascii")
        making.rename(path)
        return told_snapshot(path)

    def listed_snapshots(self) -> list[Json]:
        """Every snapshot of this collection, oldest first."""
        return [told_snapshot(path) for path in sorted(self.snapshots.glob("*.snapshot"))]

    def snapshot(self, name: str) -> Path:
        """The file of a snapshot."""
        path = self.snapshots / name
        if path.parent != self.snapshots or path.suffix != ".snapshot" or not path.is_file():
            raise Refusal(404, f"Not found: Snapshot {name} of {self.name}")
        return path


def told_snapshot(path: Path) -> Json:
    """A snapshot as the REST interface tells it."""
    seen = path.stat()
    checksum = path.with_suffix(".checksum")
    return {
        "name": path.name,
        "creation_time": datetime.fromtimestamp(seen.st_mtime, UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "size": seen.st_size,
        "checksum": checksum.read_text(encoding="ascii") if checksum.exists() else None,
    }


class Collections:
    """All collections below one folder.

    Args:
        storage: where they are.
        snapshots: where their snapshots go.
    """

    def __init__(self, storage: Path, snapshots: Path) -> None:
        self._home = storage / "collections"
        self._snapshots = snapshots
        self._home.mkdir(parents=True, exist_ok=True)
        for left in self._home.glob(".*"):
            shutil.rmtree(left)  # what a killed process was making
        self._open = {path.name: Collection(path, snapshots) for path in sorted(self._home.iterdir())}
        self._lock = threading.RLock()

    def __iter__(self) -> Iterator[Collection]:
        return iter(list(self._open.values()))

    def __contains__(self, name: str) -> bool:
        return name in self._open

    def __getitem__(self, name: str) -> Collection:
        try:
            return self._open[name]
        except KeyError:
            raise Refusal(404, f"Not found: Collection `{name}` doesn't exist!") from None

    def create(self, name: str, body: Json) -> None:
        """Make a collection."""
        if not _NAME.fullmatch(name):
            raise Refusal(400, f"{name!r} is no name of a collection")
        with self._lock, tempfile.TemporaryDirectory(prefix=".making-", dir=self._home) as folder:
            if name in self._open:
                raise Refusal(409, f"Wrong input: Collection `{name}` already exists!")
            made = Path(folder) / name
            (made / "shard").mkdir(parents=True)
            (made / _CONFIG).write_text(json.dumps(body), encoding="utf-8")
            with engine_refusals():
                shard = edge.EdgeShard.create(str(made / "shard"), config_of(body))
                shard.flush()
                shard.close()
            made.rename(self._home / name)
            self._open[name] = Collection(self._home / name, self._snapshots)

    def delete(self, name: str) -> bool:
        """Remove a collection with its snapshots; whether there was one."""
        with self._lock:
            collection = self._open.pop(name, None)
            if collection is None:
                return False
            collection.close()
            shutil.rmtree(self._home / name)
            shutil.rmtree(collection.snapshots, ignore_errors=True)
            return True

    def recover(self, name: str, packed: Path, checksum: str | None) -> None:
        """Replace a collection, or make it, by a snapshot; a bad one changes nothing.

        Args:
            name: of the collection.
            packed: file of the snapshot.
            checksum: sha256 that it must have, where the caller knows it.
        """
        if not _NAME.fullmatch(name):
            raise Refusal(400, f"{name!r} is no name of a collection")
        if checksum and _sha256(packed) != checksum.lower():
            raise Refusal(400, "Wrong input: Snapshot checksum mismatch")
        with self._lock, tempfile.TemporaryDirectory(prefix=".making-", dir=self._home) as folder:
            made = Path(folder) / name
            _unpack(packed, made, Path(folder))
            if name in self._open:
                self._open.pop(name).close()
                (self._home / name).rename(Path(folder) / "before")
            made.rename(self._home / name)
            self._open[name] = Collection(self._home / name, self._snapshots)

    def close(self) -> None:
        """Flush and close every collection."""
        for collection in self:
            collection.close()


def _unpack(packed: Path, made: Path, folder: Path) -> None:
    """Unpack a snapshot with the engine's own hand, and open it once to see that it is whole."""
    made.mkdir()
    tar = folder / "snapshot.tar"
    try:
        with gzip.open(packed) as source, tar.open("wb") as target:
            shutil.copyfileobj(source, target, 2**20)
        edge.EdgeShard.unpack_snapshot(str(tar), str(made / "shard"))
        (made / "shard" / _CONFIG).rename(made / _CONFIG)
        json.loads((made / _CONFIG).read_text(encoding="utf-8"))
        shard = edge.EdgeShard.load(str(made / "shard"))
        shard.close()
    except Exception as error:  # the engine raises nothing narrower; whatever it is, the snapshot is bad
        raise Refusal(400, f"Wrong input: the snapshot cannot be read: {error}") from error
    tar.unlink()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def vectors_total(collection: Collection) -> int:
    """How many points a collection has."""
    info: Any = collection.ask(lambda shard: shard.info())
    return int(info.points_count)
