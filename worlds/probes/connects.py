"""TCP connections from where this runs; its text runs in a pod, where the suite is not."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

SECONDS = 4.0
"""How long a connection may take that nobody answers: what is closed is refused at once or never answered."""
OPEN = "open"


def reached(target: str) -> str:
    """``open``, or the name of the error that came instead.

    Args:
        target: ``host:port``.
    """
    host, _, port = target.rpartition(":")
    try:
        socket.create_connection((host, int(port)), SECONDS).close()
    except OSError as error:
        return type(error).__name__
    return OPEN


def main(targets: Sequence[str]) -> None:
    """Try all of them side by side, and print what became of each."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        print(json.dumps(dict(zip(targets, pool.map(reached, targets), strict=True))))  # noqa: T201 - how it is read


if __name__ == "__main__":
    main(sys.argv[1:])
