"""Wheels for an image's Python, fetched by the host's own pip as this machine has it configured, checked by hash."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

from provision.disk import disk_full_told
from provision.processes import run
from provision.sources.pypi import bundled_pip, pip
from provision.steps import Say

PYTHON = "3.13"
"""Of the images: trixie's and upstream's."""
_MANYLINUX = ("2_34", "2_28", "2_17")
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_MARK = ".made-of"
_FETCHING = 1200.0


def is_staged(requirements: Path, folder: Path, architecture: str) -> bool:
    """Whether a folder holds just the wheels of this requirements file."""
    mark = folder / _MARK
    return mark.is_file() and mark.read_text(encoding="ascii") == _key(requirements, architecture)


def _key(requirements: Path, architecture: str) -> str:
    return hashlib.sha256(requirements.read_bytes() + f"{PYTHON} {architecture}".encode()).hexdigest()


def stage_wheels(requirements: Path, folder: Path, architecture: str, line: Say) -> None:
    """Fill a folder with the wheels of a requirements file.

    The folder is complete or not there: it is filled beside its place and moved.

    Args:
        requirements: with a hash for every one.
        folder: where the wheels go, and nothing else is.
        architecture: in Debian's words, e.g. ``amd64``.
        line: is given what pip says.

    Raises:
        Trouble: pip failed, e.g. over a hash, or the disk is full.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (
        disk_full_told(f"staging the wheels of {requirements.name}", folder.parent, Path(tempfile.gettempdir())),
        tempfile.TemporaryDirectory(prefix=".staging-", dir=folder.parent) as made,
    ):
        filled = Path(made) / "wheels"
        run(
            _command(requirements, filled, architecture),
            env={"PYTHONPATH": bundled_pip()},
            on_line=line,
            timeout=_FETCHING,
        )
        (filled / _MARK).write_text(_key(requirements, architecture), encoding="ascii")
        shutil.rmtree(folder, ignore_errors=True)
        filled.rename(folder)


def _command(requirements: Path, folder: Path, architecture: str) -> list[str | Path]:
    machine = _MACHINES.get(architecture, architecture)
    platforms = [part for glibc in _MANYLINUX for part in ("--platform", f"manylinux_{glibc}_{machine}")]
    python = ("--python-version", PYTHON, "--implementation", "cp", "--abi", "cp313", "--abi", "abi3", "--abi", "none")
    checked = ("--require-hashes", "--no-deps", "--only-binary=:all:", "--requirement", requirements)
    return [*pip(), "download", "--no-input", "--progress-bar=off", "--dest", folder, *python, *platforms, *checked]
