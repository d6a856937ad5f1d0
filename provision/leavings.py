"""What the packages and the daemon of a container engine leave on a disk, and no package takes away again."""

from __future__ import annotations

import grp
from collections.abc import Iterable
from pathlib import Path

from provision.processes import run

DATA = "/var/lib/docker"
FOLDERS = ("/etc/docker", "/opt/containerd", "/run/docker", "/run/containerd")
GROUP = "docker"
_KEY = "key.json"  # an identity that the daemon makes for itself in /etc/docker, wherever its settings are


def absent(root: Path = Path("/")) -> tuple[str, ...]:
    """Those of them that are not there: folders by their paths, the group by its name."""
    folders = [folder for folder in (DATA, *FOLDERS) if not _below(root, folder).exists()]
    return (*folders, *([] if _group() else [GROUP]))


def remove(absent_before: Iterable[str], root: Path = Path("/")) -> list[str]:
    """Take away what was not there before and is empty now; says what went, one line each.

    Of files only the daemon's own key goes. A group that has members is somebody's, and stays.
    """
    before, done = set(absent_before), []
    for folder in FOLDERS:
        place = _below(root, folder)
        if folder in before and place.is_dir():
            (place / _KEY).unlink(missing_ok=True)
            for path in sorted((path for path in place.rglob("*") if path.is_dir()), reverse=True):
                _remove_if_empty(path)
            if _remove_if_empty(place):
                done.append(f"{folder} is gone")
    group = _group()
    if GROUP in before and group and not group.gr_mem:
        run(["groupdel", GROUP])
        done.append(f"the group {GROUP} is gone")
    return done


def _below(root: Path, folder: str) -> Path:
    return root / folder.lstrip("/")


def _group() -> grp.struct_group | None:
    try:
        return grp.getgrnam(GROUP)
    except KeyError:
        return None


def _remove_if_empty(path: Path) -> bool:
    try:
        path.rmdir()
    except OSError:
        return False
    return True
