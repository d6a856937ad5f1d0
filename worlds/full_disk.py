"""Fills a folder to the last byte and keeps it full: run on its own, in a container, by `worlds.faults`.

    python full_disk.py FOLDER

What the service that shares the folder gives back is taken too. It imports nothing of ours.
"""

from __future__ import annotations

import errno
import sys
import threading
from pathlib import Path

PIECE = 65536
EVERY_SECONDS = 0.2


def fill(path: Path) -> None:
    """Write until there is no room, in ever smaller pieces."""
    piece = PIECE
    with path.open("ab", buffering=0) as file:
        while piece:
            try:
                file.write(b"\0" * piece)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                piece //= 2


if __name__ == "__main__":
    while True:
        fill(Path(sys.argv[1], "verify-filler"))
        threading.Event().wait(EVERY_SECONDS)
