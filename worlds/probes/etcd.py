"""etcd over its JSON gateway: put, get, delete, watch."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from blueprint.evidence import JSON
from worlds.probes.http import fetch

WATCH_SECONDS = 20.0
"""Until a change that is watched for may be told."""


def put(base: str, key: str, value: str) -> dict[str, JSON]:
    """Put a value; ``status`` and the ``revision`` that it made."""
    return _revised(fetch(f"{base}/v3/kv/put", method="POST", body={"key": _coded(key), "value": _coded(value)}))


def get(base: str, key: str) -> dict[str, JSON]:
    """``status``, and the ``value`` of a key, None where it has none."""
    answer = fetch(f"{base}/v3/kv/range", method="POST", body={"key": _coded(key)})
    found = _table(answer.get("body")).get("kvs") or [{}]
    return {**_revised(answer), "value": _plain(found[0].get("value")) if found[0] else None}


def delete(base: str, key: str) -> dict[str, JSON]:
    """Delete a key; ``status`` and the ``revision``."""
    return _revised(fetch(f"{base}/v3/kv/deleterange", method="POST", body={"key": _coded(key)}))


def watched(base: str, key: str, count: int, change: Callable[[], None]) -> dict[str, JSON]:
    """Begin to watch a key, let it be changed, and follow until that many changes were told.

    Args:
        base: URL of a member.
        key: what is watched.
        count: how many changes are waited for.
        change: called once the watch stands.

    Returns:
        ``events``, each with ``kind`` (put or delete), ``value`` and ``revision``; ``error`` where the stream ended
        before.
    """
    import httpx

    events: list[JSON] = []
    asked = {"create_request": {"key": _coded(key)}}
    try:
        with (
            httpx.Client(timeout=WATCH_SECONDS, trust_env=False) as client,
            client.stream("POST", f"{base}/v3/watch", json=asked) as stream,
        ):
            for line in stream.iter_lines():
                result = _table(_table(json.loads(line)).get("result"))
                if result.get("created"):
                    change()
                events += [_event(one) for one in result.get("events", ())]
                if len(events) >= count:
                    return {"events": events}
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        return {"events": events, "error": f"{type(error).__name__}: {error}"}
    return {"events": events, "error": "the watch ended"}


def _event(one: dict[str, Any]) -> dict[str, JSON]:
    pair = one.get("kv", {})
    kind = str(one.get("type", "PUT")).lower()
    return {"kind": kind, "value": _plain(pair.get("value")), "revision": int(pair.get("mod_revision", 0))}


def _revised(answer: dict[str, JSON]) -> dict[str, JSON]:
    header = _table(_table(answer.get("body")).get("header"))
    seen: dict[str, JSON] = {"status": answer["status"]}
    if "revision" in header:
        return {**seen, "revision": int(str(header["revision"]))}
    return {**seen, "error": str(answer.get("error") or answer.get("body"))[:300]}


def _coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _plain(coded: object) -> JSON:
    return base64.b64decode(coded).decode(errors="replace") if isinstance(coded, str) else ""


def _table(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}
