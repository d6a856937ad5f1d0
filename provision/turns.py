"""One process at a time, across processes: whoever comes second waits, and says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from blueprint.trouble import Trouble

_AT_ONCE = 0.5  # seconds after which a wait is worth a line


@contextmanager
def turn(lock: Path, what: str, seconds: float, say: Callable[[str], None]) -> Iterator[None]:
    """Hold a lock; the system takes it from a process that dies.

    Args:
        lock: the file of the lock; its folder is made.
        what: what only one may do at a time, as it completes "another run is …".
        seconds: how long another may take.
        say: is given a line when we have to wait.

    Raises:
        Trouble: the other one is not done in time.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    held = FileLock(lock)
    try:
        held.acquire(timeout=min(_AT_ONCE, seconds))
    except Timeout:
        say(f"another run is {what}; waiting for it, at most {seconds:.0f} s")
        try:
            held.acquire(timeout=seconds)
        except Timeout:
            raise Trouble(
                f"another run is {what}, and was not done in {seconds:.0f} s",
                where=str(lock),
                next_command=f"fuser -v {lock}",
            ) from None
    try:
        yield
    finally:
        held.release()
