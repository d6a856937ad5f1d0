"""Running out of disk, told as such: how much is free where, and what to type next."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from blueprint.trouble import Trouble
from provision.processes import ProgramFailed, run

_FULL = ("no space left on device", "disk quota exceeded", "not enough free space")


def is_full(text: str) -> bool:
    """Whether a program's output says that a disk is full."""
    lowered = text.lower()
    return any(sign in lowered for sign in _FULL)


@contextmanager
def disk_full_told(doing: str, *folders: Path) -> Iterator[None]:
    """Turn a full disk, found by us or by a program that we ran, into one clear message.

    Args:
        doing: what needed the space, as it completes "the disk is full while …".
        folders: where the space may have run out.
    """
    try:
        yield
    except ProgramFailed as failure:
        if not is_full(failure.completed.stdout + failure.completed.stderr):
            raise
        raise disk_full(doing, folders) from failure
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise disk_full(doing, folders) from error


def disk_full(doing: str, folders: tuple[Path, ...]) -> Trouble:
    """The message: what was being done, how much is free where, and how to see what takes the space."""
    shown = "; ".join(f"{folder} has {_free(folder)} left" for folder in dict.fromkeys(folders))
    return Trouble(
        f"the disk is full while {doing}: {shown or 'where the engine keeps its images'}. Nothing half-made was tagged",
        next_command=f"df -h {' '.join(str(folder) for folder in folders)} && docker system df".replace("  ", " "),
    )


def data_root(env: Mapping[str, str]) -> tuple[Path, ...]:
    """Where the engine keeps its images, if that is a folder of this machine."""
    answer = run(["docker", "info", "--format", "{{.DockerRootDir}}"], env=env, check=False, timeout=10)
    folder = Path(answer.stdout.strip() or "/nowhere")
    return (folder,) if answer.exit_code == 0 and folder.is_dir() else ()


def _free(folder: Path) -> str:
    nearest = next((path for path in (folder, *folder.parents) if path.exists()), Path("/"))
    return f"{shutil.disk_usage(nearest).free / 2**20:,.0f} MiB"
