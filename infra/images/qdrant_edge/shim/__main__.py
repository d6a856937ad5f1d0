"""``python -m shim``: serve on port 6333 until SIGTERM, and leave with exit code 0."""

import os
import signal
import sys

import uvicorn

from .app import shim

if __name__ == "__main__":
    # uvicorn raises the signal again once it has stopped, and a clean stop would look like a death
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        shim(),
        host=os.environ.get("QDRANT__SERVICE__HOST", "0.0.0.0"),  # noqa: S104 - a container's own address
        port=int(os.environ.get("QDRANT__SERVICE__HTTP_PORT", "6333")),
        access_log=False,
        timeout_graceful_shutdown=3,
    )
