"""Asking an HTTP endpoint. What goes wrong on the way is what was seen, not an exception."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from blueprint.evidence import JSON
from provision.waiting import Deadline, WaitedTooLong, until

ANSWER_SECONDS = 5.0


def fetch(url: str, *, method: str = "GET", body: JSON = None, seconds: float = ANSWER_SECONDS) -> dict[str, JSON]:
    """Ask once: ``{"status", "body"}``, or ``{"status": 0, "error"}`` where there was no answer.

    The body is parsed where it is JSON. No proxy of the environment is used, and no redirect is followed.
    """
    import httpx

    try:
        answer = httpx.request(method, url, json=body, timeout=seconds, trust_env=False)
    except httpx.HTTPError as error:
        return {"status": 0, "error": f"{type(error).__name__}: {error}"}
    return {"status": answer.status_code, "body": parsed(answer)}


def parsed(answer: Any) -> JSON:  # noqa: ANN401 - an httpx.Response; httpx is imported where it is used
    """The body of a response: JSON where it is that, else its text."""
    try:
        document: JSON = answer.json()
    except ValueError:
        return str(answer.text)
    return document


def settled(
    look: Callable[[], dict[str, JSON]], holds: Callable[[dict[str, JSON]], bool], deadline: Deadline
) -> dict[str, JSON]:
    """What is seen once it holds, or else at the deadline: for a rule, not for whoever waits, to judge."""
    last: dict[str, JSON] = {}

    def keep() -> dict[str, JSON]:
        nonlocal last
        last = look()
        return last

    try:
        return until(keep, holds, deadline)
    except WaitedTooLong:
        return last
