"""Look at every address given, http:// or tcp://, and say of each what came; exit 1 where one did not answer."""

from __future__ import annotations

import socket
import sys
import urllib.request
from urllib.parse import urlsplit

SECONDS = 10.0


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


def main() -> int:
    """Look at all of them, whatever the first says."""
    failed = 0
    for address in sys.argv[1:]:
        try:
            print(f"ok      {address}: {look(address)}")  # noqa: T201 - the output of the test
        except OSError as error:
            failed = 1
            print(f"failed  {address}: {error}")  # noqa: T201 - as above
    return failed


if __name__ == "__main__":
    sys.exit(main())
