"""Waiting for a condition. The only module that sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from blueprint.trouble import Trouble

Seen = TypeVar("Seen")
SHOWN = 2000
"""How many characters of what was seen last a message shows."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """How long something may take; the name tells a reader what was waited for.

    Attributes:
        name: the condition, as it completes "waited for …", e.g. ``the stack to be healthy``.
        seconds: how long.
    """

    name: str
    seconds: float


class WaitedTooLong(Trouble):
    """A condition did not hold before its deadline."""


def until(
    look: Callable[[], Seen],
    holds: Callable[[Seen], bool],
    deadline: Deadline,
    *,
    every: float = 0.2,
    on_wait: Callable[[Seen], None] | None = None,
) -> Seen:
    """Look again and again until what is seen holds, and return it.

    Looks at least once, and once more when the deadline is reached. A look that blocks is not interrupted: give it
    a timeout of its own. What ``look`` or ``holds`` raises ends the wait.

    Args:
        look: observes the world.
        holds: says whether what was seen is what is waited for.
        deadline: name and length of the wait.
        every: seconds between two looks.
        on_wait: told what was seen after each look that did not hold; for progress.

    Raises:
        WaitedTooLong: it does not hold in time; the message has the deadline's name and what was seen last.
    """
    started = time.monotonic()
    looks = 0
    while True:
        late = time.monotonic() - started >= deadline.seconds
        seen = look()
        looks += 1
        if holds(seen):
            return seen
        if late:
            raise WaitedTooLong(
                f"waited {deadline.seconds:g} s for {deadline.name}, looked {looks} times; seen last: {_shown(seen)}"
            )
        if on_wait:
            on_wait(seen)
        time.sleep(max(0.0, min(every, started + deadline.seconds - time.monotonic())))


def _shown(seen: object) -> str:
    text = seen if isinstance(seen, str) else repr(seen)
    return text if len(text) <= SHOWN else f"… {text[-SHOWN:]}"
