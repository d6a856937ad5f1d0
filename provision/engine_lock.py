"""One run at a time on an engine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

from blueprint.trouble import Trouble
from provision.ownership import Owner, Progress
from provision.processes import run
from provision.waiting import Deadline, WaitedTooLong, until

ENGINE_FREE = Deadline("another run to release the engine", 1800)
QUICK = 60.0
"""Seconds that the engine has to say its name."""
_held: list[str] = []


def engine_id(env: Mapping[str, str]) -> str:
    """What an engine calls itself; two addresses of one engine give the same."""
    return run(["docker", "info", "--format", "{{.ID}}"], env=env, timeout=QUICK).stdout.strip()


@contextmanager
def engine_lock(
    engine_id: str, owner: Owner, progress: Progress, deadline: Deadline = ENGINE_FREE, folder: Path | None = None
) -> Iterator[None]:
    """Have the engine to ourselves; another run of this user is waited for. Re-entrant in one process.

    Raises:
        Trouble: the other run holds the engine beyond the deadline; names its process.
    """
    folder = folder or platformdirs.user_cache_path("soma-verify") / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    name = "".join(letter for letter in engine_id if letter.isalnum())
    lock, told = FileLock(folder / f"{name}.lock", is_singleton=True), folder / f"{name}.owner"
    _acquire(lock, told, progress, deadline)
    _held.append(name)
    try:
        told.write_text(json.dumps(asdict(owner)), encoding="utf-8")
        yield
    finally:
        _held.remove(name)
        lock.release()


def is_held_here() -> bool:
    """Whether this very process has an engine to itself; a program that it starts would wait for it in vain."""
    return bool(_held)


def _acquire(lock: FileLock, told: Path, progress: Progress, deadline: Deadline) -> None:
    said: list[str] = []

    def attempt() -> bool:
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return False
        return True

    def say(_: bool) -> None:
        holder = _holder(told)
        if said[-1:] != [holder]:
            said.append(holder)
            progress(f"the engine is held by {holder}; waiting for it")

    try:
        until(attempt, bool, deadline, every=0.5, on_wait=say)
    except WaitedTooLong:
        raise Trouble(
            f"the engine is held by {_holder(told)} for more than {deadline.seconds:.0f} s",
            next_command="wait for that run to end, or end it with Ctrl-C where it runs",
        ) from None


def _holder(told: Path) -> str:
    try:
        return str(Owner(**json.loads(told.read_text(encoding="utf-8"))))
    except (OSError, ValueError, TypeError):
        return "another run that has only just begun"
