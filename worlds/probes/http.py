"""Asking an HTTP endpoint. What goes wrong on the way is what was seen, not an exception."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from blueprint.evidence import JSON
from provision.waiting import Deadline, WaitedTooLong, until

ANSWER_SECONDS = 5.0


def fetch(  # noqa: PLR0913 - by keyword, each a part of a request
    url: str,
    *,
    method: str = "GET",
    body: JSON = None,
    form: Mapping[str, str] | None = None,
    token: str = "",
    seconds: float = ANSWER_SECONDS,
) -> dict[str, JSON]:
    """Ask once: ``{"status", "body"}``, or ``{"status": 0, "error"}`` where there was no answer.

    The body is parsed where it is JSON. No proxy of the environment is used, and no redirect is followed.

    Args:
        url: what is asked.
        method: of the request.
        body: sent as JSON; ``form`` is sent as a form is.
        form: fields of a form.
        token: a bearer token; none where it is empty.
        seconds: how long connecting, and each part of the answer, may take.
    """
    import httpx

    sent: dict[str, Any] = {"json": body} if form is None else {"data": dict(form)}
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        answer = httpx.request(method, url, headers=headers, timeout=seconds, trust_env=False, **sent)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
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
    look: Callable[[], dict[str, JSON]],
    holds: Callable[[dict[str, JSON]], bool],
    deadline: Deadline,
    *,
    every: float = 0.2,
) -> dict[str, JSON]:
    """What is seen once it holds, or else at the deadline: for a rule, not for whoever waits, to judge."""
    last: dict[str, JSON] = {}

    def keep() -> dict[str, JSON]:
        nonlocal last
        last = look()
        return last

    try:
        return until(keep, holds, deadline, every=every)
    except WaitedTooLong:
        return last
