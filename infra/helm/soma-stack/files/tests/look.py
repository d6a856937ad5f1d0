"""Look at every address given, http:// or tcp://, and say of each what came; exit 1 where one did not answer.

A new pod is let through by the network policies a moment after it has started, so one that refuses is asked again.
"""

from __future__ import annotations

import socket
import sys
import time
import urllib.request
from urllib.parse import urlsplit

SECONDS = 10.0
PATIENCE = 60.0
EVERY_SECONDS = 1.0


def look(address: str) -> str:
    """What an address answers.

    Raises:
        OSError: nothing, or an error.
    """
    parts = urlsplit(address)
    if parts.scheme == "tcp":
        with socket.create_connection((parts.hostname, parts.port), timeout=SECONDS):
            return "takes connections"
    with urllib.request.urlopen(address, timeout=SECONDS) as answer:  # noqa: S310 - the addresses are the chart's own
        return str(answer.status)


def patient_look(address: str, end: float) -> str:
    """What an address answers in the end.

    Raises:
        OSError: nothing, or an error, until then.
    """
    while True:
        try:
            return look(address)
        except OSError:
            if time.monotonic() > end:
                raise
        time.sleep(EVERY_SECONDS)  # noqa: TID251 - runs in the cluster, where the suite's waiter is not


def main() -> int:
    """Look at all of them, whatever the first says."""
    failed = 0
    end = time.monotonic() + PATIENCE
    for address in sys.argv[1:]:
        try:
            print(f"ok      {address}: {patient_look(address, end)}")  # noqa: T201 - the output of the test
        except OSError as error:
            failed = 1
            print(f"failed  {address}: {error}")  # noqa: T201 - as above
    return failed


if __name__ == "__main__":
    sys.exit(main())
