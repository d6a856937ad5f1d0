"""Images written as the archives that `docker save` writes, without an engine; and the tarball that kind builds of."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

BIN = "/usr/local/bin"
EXECUTABLE = 0o755
_PATH = f"PATH=/usr/local/sbin:{BIN}:/usr/sbin:/usr/bin:/sbin:/bin"
_EPOCH = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Packed:
    """An image that is to stand in an archive.

    Attributes:
        reference: with its registry.
        layers: tars, the lowest first.
        entrypoint: the program that it starts; empty where a pod names it.
    """

    reference: str
    layers: tuple[Path, ...]
    entrypoint: str = ""


def layer(program: Path, name: str, target: Path) -> Path:
    """A layer of one program, and nothing of this machine: no owner, no time."""
    with tarfile.open(target, "w") as archive:
        _add(archive, f"{BIN}/{name}".lstrip("/"), program, EXECUTABLE)
    return target


def write_archive(images: Iterable[Packed], architecture: str, target: Path) -> Path:
    """Write images into one archive; a layer that several share stands in it once.

    kind takes the tags from the first ``repositories`` or ``manifest.json`` that it meets, and of a manifest those of
    the first image alone: ``repositories`` comes first, and names all.
    """
    images = tuple(images)
    digests = {path: _digest(path) for image in images for path in image.layers}
    configs = {image: _config(image, architecture, digests) for image in images}
    with tarfile.open(target, "w") as archive:
        _add_text(archive, "repositories", json.dumps(_repositories(images, digests)))
        for path, digest in digests.items():
            _add(archive, _member(digest), path)
        for text in configs.values():
            _add_text(archive, _config_name(text), text)
        manifest = [
            {
                "Config": _config_name(configs[image]),
                "RepoTags": [image.reference],
                "Layers": [_member(digests[path]) for path in image.layers],
            }
            for image in images
        ]
        _add_text(archive, "manifest.json", json.dumps(manifest))
    return target


def write_server(version: str, files: Mapping[str, Path], target: Path) -> Path:
    """Write the tarball that ``kind build node-image --type file`` takes: programs and archives by their names.

    It is read once on this machine, so nothing is compressed.
    """
    with tarfile.open(target, "w:gz", compresslevel=0) as archive:
        _add_text(archive, "kubernetes/version", version)
        for name, path in files.items():
            _add(archive, f"kubernetes/server/bin/{name}", path, EXECUTABLE)
    return target


def _config(image: Packed, architecture: str, digests: Mapping[Path, str]) -> str:
    runs = {"Env": [_PATH], **({"Entrypoint": [image.entrypoint]} if image.entrypoint else {})}
    layers = [f"sha256:{digests[path]}" for path in image.layers]
    return json.dumps(
        {
            "architecture": architecture,
            "os": "linux",
            "created": _EPOCH,
            "config": runs,
            "rootfs": {"type": "layers", "diff_ids": layers},
        }
    )


def _config_name(text: str) -> str:
    return f"{hashlib.sha256(text.encode()).hexdigest()}.json"


def _repositories(images: Iterable[Packed], digests: Mapping[Path, str]) -> dict[str, dict[str, str]]:
    named: dict[str, dict[str, str]] = {}
    for image in images:
        repository, _, tag = image.reference.rpartition(":")
        named.setdefault(repository, {})[tag] = digests[image.layers[-1]]
    return named


def _member(digest: str) -> str:
    return f"{digest}/layer.tar"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _add(archive: tarfile.TarFile, name: str, path: Path, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = path.stat().st_size, mode
    with path.open("rb") as file:
        archive.addfile(entry, file)


def _add_text(archive: tarfile.TarFile, name: str, text: str) -> None:
    entry, body = tarfile.TarInfo(name), text.encode()
    entry.size, entry.mode = len(body), 0o644
    archive.addfile(entry, io.BytesIO(body))
