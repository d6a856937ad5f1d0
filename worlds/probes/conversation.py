"""A message to the gateway and what comes back of it, over the message API."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from blueprint.evidence import JSON
from worlds.probes.http import fetch

POST_SECONDS = 10.0
REPLY_SECONDS = 20.0
"""How long after the post an answer may come."""
LAST = frozenset({"answered", "failed"})
"""Events after which nothing more comes for a message."""


def exchange(gateway: str, text: str, session_id: str = "", token: str = "") -> dict[str, JSON]:
    """Post a message, in a session that is given or in a new one, and follow its events up to the last.

    Args:
        gateway: its base URL.
        text: of the message.
        session_id: a session to go on with.
        token: a bearer token, where the gateway asks for one.

    Returns:
        ``posted`` as the HTTP probe has it, ``session_id``, and ``events``; ``error`` where the stream broke off.
    """
    return follow(gateway, post(gateway, text, session_id, token), token=token)


def post(gateway: str, text: str, session_id: str = "", token: str = "") -> dict[str, JSON]:
    """Post a message; what `exchange` returns, with no events yet."""
    body: dict[str, JSON] = {"message": text, **({"session_id": session_id} if session_id else {})}
    posted = fetch(f"{gateway}/v1/session/message", method="POST", body=body, token=token, seconds=POST_SECONDS)
    return {"posted": posted, "session_id": session_id, "events": []}


def follow(gateway: str, seen: Mapping[str, JSON], seconds: float = REPLY_SECONDS, token: str = "") -> dict[str, JSON]:
    """What `post` returned, with the events of the message up to its last."""
    posted = seen.get("posted")
    taken = posted.get("body") if isinstance(posted, dict) else None
    if not isinstance(taken, dict) or not isinstance(taken.get("session_id"), str):
        return dict(seen)
    url = f"{gateway}/v1/session/{taken['session_id']}/events"
    return {**seen, "session_id": taken["session_id"], **_followed(url, taken.get("message_id"), seconds, token)}


def _followed(url: str, message_id: JSON, seconds: float, token: str) -> dict[str, JSON]:
    """The events of one message, as they come, until its last one or the end of patience."""
    import httpx

    events: list[JSON] = []
    end = time.monotonic() + seconds
    headers = {"Accept": "text/event-stream", **({"Authorization": f"Bearer {token}"} if token else {})}
    try:
        with (
            httpx.Client(timeout=seconds, trust_env=False) as client,
            client.stream("GET", url, headers=headers) as stream,
        ):
            for event in server_sent(_before(end, stream.iter_lines())):
                if event.get("message_id") == message_id:
                    events.append(event)
                    if event.get("event") in LAST:
                        return {"events": events}
            if time.monotonic() > end:
                return {"events": events, "error": f"no last event within {seconds:g} s"}
    except httpx.HTTPError as error:
        return {"events": events, "error": f"{type(error).__name__}: {error}"}
    return {"events": events}


def _before(end: float, lines: Iterable[str]) -> Iterator[str]:
    """Lines that come before a moment; a comment, which a quiet stream sends, is one too."""
    for line in lines:
        yield line
        if time.monotonic() > end:
            return


def server_sent(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The JSON documents of a stream of server-sent events; comments and what is no JSON are passed over."""
    data: list[str] = []
    for line in lines:
        if line.startswith("data:"):
            data.append(line.removeprefix("data:").removeprefix(" "))
        elif not line and data:
            text, data = "\n".join(data), []
            try:
                document = json.loads(text)
            except ValueError:
                continue
            if isinstance(document, dict):
                yield document
