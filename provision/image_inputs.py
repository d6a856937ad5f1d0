"""What an image is made of, as one key: the same key, the same image. And the files that stand behind it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from provision.image_catalogue import ROOT, Build, Recipe
from provision.programs import identity

_LENGTH = 24
_NOISE = {"__pycache__", ".mypy_cache", ".ruff_cache"}
RECIPES_VERSION = 2
"""Raised when the code that carries recipes out makes something else of the same inputs."""


def key_of(build: Build, base: str, platform: str, root: Path = ROOT) -> str:
    """The key of a built image.

    Args:
        build: how it is made.
        base: identity of its base: the key of a built one, the id of a pulled one; empty where there is none.
        platform: of the engine, e.g. ``linux/amd64``.
        root: the tree that its files are in.
    """
    told = {"recipes": RECIPES_VERSION, "build": _essence(build), "base": base, "platform": platform}
    if build.programs:
        told["programs"] = identity(build.programs)
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for path in files_of(build, root):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:_LENGTH]


def layer_key(build: Build, base: str, platform: str) -> str:
    """The key of the packages under an image's Dockerfile: a change of the Dockerfile installs nothing again."""
    told = {
        "recipes": RECIPES_VERSION,
        "packages": build.packages,
        "prepare": build.prepare,
        "base": base,
        "platform": platform,
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:_LENGTH]


def files_of(build: Build, root: Path = ROOT) -> list[Path]:
    """Every file of the tree that an image is made of, in one order."""
    found = set(_matched(build.inputs, root))
    if build.dockerfile and build.context == "folder":
        found |= set(_matched([f"{Path(build.dockerfile).parent.as_posix()}/**/*"], root))
    found |= {root / path for path in (build.dockerfile, build.wheels, build.files) if path}
    return sorted(found)


def _essence(build: Build) -> dict[str, object]:
    """What changes the image; what only describes it, or is not used, does not build it again."""
    described = {"software", "kind", "settings", "proves", "does_not_prove"}
    return {name: value for name, value in asdict(build).items() if value and name not in described}


def _matched(patterns: Iterable[str], root: Path) -> Iterator[Path]:
    for pattern in patterns:
        for path in root.glob(pattern):
            if path.is_file() and not _NOISE & set(path.relative_to(root).parts) and path.suffix != ".pyc":
                yield path


def needs_packages(build: Build) -> bool:
    """Whether Debian packages go under or into it."""
    return build.recipe in {Recipe.DEBIAN, Recipe.LAYER}
