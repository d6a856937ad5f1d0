"""Requests from inside the cluster, one after the other, until somebody says stop; its text runs in a pod."""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from pathlib import Path

STOP = Path("/tmp/stop")  # noqa: S108 - the pod's own volume
STARTED = Path("/tmp/started")  # noqa: S108 - as above
STEADY = 100
"""Good answers in a row, of some seconds, after which the network of the pod is made and a failure is one."""
PAUSE = 0.05
SECONDS = 10.0


def main(address: str) -> None:
    """Ask an address again and again, each time over a new connection, and say how that went.

    What fails before some were answered in a row is not told: until then the pod's own network, with the policies
    that let it through, is being made.
    """
    answered, failed = 0, []
    while not STOP.exists():
        try:
            with urllib.request.urlopen(address, timeout=SECONDS) as answer:  # noqa: S310 - of the pod's own cluster
                answer.read()
            answered += 1
            if answered == STEADY:
                STARTED.touch()
        except OSError as error:
            if not STARTED.exists():
                answered = 0
            else:
                failed.append(f"after {answered} good ones: {type(error).__name__}: {error}")
        time.sleep(PAUSE)  # noqa: TID251 - runs in the cluster, where the suite's waiter is not
    told = {"answered": answered - STEADY, "failed": failed}
    print(json.dumps(told), flush=True)  # noqa: T201 - how the suite reads it


if __name__ == "__main__":
    main(sys.argv[1])
