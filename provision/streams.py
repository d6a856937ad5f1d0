"""What a program writes on its streams, line by line, as it comes."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import IO

_LINGER = 1.0  # a grandchild may keep the pipe open after the child is gone: do not wait for it longer than this
_LOOK = 0.1  # seconds between two looks at whether the child is gone

_Lines = queue.SimpleQueue[tuple[str, str] | None]


def lines(
    streams: Mapping[str, IO[bytes] | None], has_ended: Callable[[], bool], end: float | None
) -> Iterator[tuple[str, str]]:
    """Name of the stream and line, until all streams are closed or the program has been gone for a while.

    Args:
        streams: what is read, by name; one that is None was not asked for.
        has_ended: whether the program is gone.
        end: when to give up, on the monotonic clock; None never does.

    Raises:
        TimeoutError: the streams are still open at the end.
    """
    found: _Lines = queue.SimpleQueue()
    asked_for = {name: stream for name, stream in streams.items() if stream is not None}
    for name, stream in asked_for.items():
        threading.Thread(target=_read, args=(name, stream, found), daemon=True).start()
    open_streams, gone_at = len(asked_for), None
    while open_streams:
        if end is not None and time.monotonic() >= end:
            raise TimeoutError
        wait = _LOOK if end is None else max(0.0, min(_LOOK, end - time.monotonic()))
        try:
            item = found.get(timeout=wait)
        except queue.Empty:
            if has_ended():
                gone_at = gone_at or time.monotonic()
                if time.monotonic() - gone_at > _LINGER:
                    return
            continue
        if item is None:
            open_streams -= 1
        else:
            yield item


def _read(name: str, stream: IO[bytes], found: _Lines) -> None:
    with stream:
        for line in stream:
            found.put((name, line.decode("utf-8", "replace")))
    found.put(None)
