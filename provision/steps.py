"""Progress of long work: one line when a step begins, one when it ends, and one now and then in between."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Say = Callable[[str], None]
OFTEN = 10.0
"""Seconds between two lines of one step."""
_WIDTH = 100


@contextmanager
def step(say: Say, name: str, waits_for: str, *, often: float = OFTEN) -> Iterator[Say]:
    """One step of long work.

    Args:
        say: is given each line.
        name: whose work it is, e.g. ``pgvector``.
        waits_for: what it does, e.g. ``building soma.local/pgvector:17``.
        often: seconds between two lines.

    Yields:
        What takes the output of the program that works, line by line; it passes one on every ``often`` seconds.
    """
    began = said = time.monotonic()

    def line(text: str) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= often and text.strip():
            said = now
            say(f"{name}: {waits_for}, {now - began:.0f} s so far: {text.strip()[:_WIDTH]}")

    say(f"{name}: {waits_for} …")
    try:
        yield line
    except BaseException:
        say(f"{name}: {waits_for} stopped after {time.monotonic() - began:.1f} s")
        raise
    say(f"{name}: {waits_for}: done in {time.monotonic() - began:.1f} s")
