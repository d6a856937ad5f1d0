"""A Loki, asked for lines of log. It is published nowhere, so whoever asks says how a path of it is fetched."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from blueprint.evidence import JSON
from provision.processes import Completed

PORT = 3100
Inside = Callable[[str, Sequence[str]], Completed]
"""Runs a program in the container of a service."""


def lines(inside: Inside, selector: str, limit: int = 20) -> dict[str, JSON]:
    """The newest lines of a selector within the last hour, parsed where they are JSON; ``error`` where none came."""
    asked = urlencode({"query": selector, "limit": str(limit), "direction": "backward"})
    url = f"http://127.0.0.1:{PORT}/loki/api/v1/query_range?{asked}"
    done = inside("loki", ["wget", "-q", "-O", "-", url])
    try:
        streams: Any = json.loads(done.stdout)["data"]["result"]
    except (ValueError, KeyError, TypeError):
        return {"lines": [], "error": (done.stderr or done.stdout).strip()[:300]}
    found = [_parsed(line) for stream in streams for _, line in stream["values"]]
    return {"lines": list[JSON](found), "error": ""}


def _parsed(line: str) -> JSON:
    try:
        document: JSON = json.loads(line)
    except ValueError:
        return line[:300]
    return document
