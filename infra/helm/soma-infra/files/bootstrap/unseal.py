"""Open one member of Vault whenever it is sealed, with shares from a mounted file; `--check` says if we live."""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.request
from pathlib import Path

ADDRESS = os.environ.get("VAULT_ADDR", "http://127.0.0.1:8200")
SHARES = Path(os.environ.get("SHARES", "/run/secrets/vault/keys.json"))
ALIVE = Path(os.environ.get("ALIVE", "/tmp/alive"))  # noqa: S108 - the pod's own volume
THRESHOLD = 3
EVERY_SECONDS = 3.0
STALE_SECONDS = 30.0


def ask(path: str, body: object = None) -> dict[str, object]:
    """Ask our member, in JSON."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{ADDRESS}/v1/{path}", data, method="PUT" if data else "GET")  # noqa: S310 - our own pod
    with urllib.request.urlopen(request, timeout=EVERY_SECONDS) as answer:  # noqa: S310 - as above
        found: dict[str, object] = json.load(answer)
    return found


def look() -> str:
    """Open it where it is sealed and shares are there; what there was to do."""
    state = ask("sys/seal-status")
    if not state["initialized"] or not state["sealed"]:
        return "open" if state["initialized"] else "not initialised"
    if not SHARES.is_file():
        return "sealed, and no shares yet"
    for share in json.loads(SHARES.read_text(encoding="utf-8"))["shares"][:THRESHOLD]:
        ask("sys/unseal", {"key": share})
    return "unsealed"


def main() -> int:
    """Look for ever, or once at whether the one that does is alive."""
    if "--check" in sys.argv:
        is_fresh = ALIVE.is_file() and time.time() - ALIVE.stat().st_mtime < STALE_SECONDS
        return 0 if is_fresh else 1
    said = ""
    while True:
        try:
            now = look()
        except OSError as error:
            now = str(error)
        if now != said:
            print(now, flush=True)  # noqa: T201 - the log of the container
            said = now
        ALIVE.touch()
        time.sleep(EVERY_SECONDS)  # noqa: TID251 - runs in the cluster, where the suite's waiter is not


if __name__ == "__main__":
    sys.exit(main())
