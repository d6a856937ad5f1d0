"""Prometheus, asked what it scrapes, and whether a query says anything."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

from blueprint.evidence import JSON
from worlds.probes.http import fetch

QUERY_SECONDS = 15.0
_NAME = re.compile(r"\b(?:[a-z]\w*_\w+|up|ALERTS)\b(?=\s*[{\[),]|\s*$|\s+(?:or|and|unless|[=<>!*/+-]))")
_KINDS = re.compile(r"_(?:total|bucket|count|sum|info|created)$")
_LABELS = re.compile(r"\{[^}]*\}|\b(?:by|without|on|ignoring)\s*\([^)]*\)")


def targets(base: str) -> dict[str, JSON]:
    """What it scrapes: ``targets``, each with its labels ``service`` and ``pod``, its health and its last error."""
    answer = fetch(f"{base}/api/v1/targets?state=active", seconds=QUERY_SECONDS)
    listed = _data(answer).get("activeTargets")
    if not isinstance(listed, list):
        return {**answer, "targets": []}
    return {"status": answer["status"], "targets": [_target(one) for one in listed]}


def _target(one: dict[str, Any]) -> dict[str, JSON]:
    labels = one.get("labels", {})
    return {
        "service": str(labels.get("service", labels.get("job", ""))),
        "pod": str(labels.get("pod", "")),
        "health": str(one.get("health", "")),
        "error": str(one.get("lastError", "")),
    }


def query(base: str, expression: str) -> dict[str, JSON]:
    """How a query is answered: ``status``, ``series`` (how many), ``unknown`` (names that no target has), ``error``.

    A name is known where it has a series, or where a target describes it though nothing has happened yet.
    """
    answer = fetch(f"{base}/api/v1/query?{urlencode({'query': expression})}", seconds=QUERY_SECONDS)
    result = _data(answer).get("result")
    body = answer.get("body")
    error = answer.get("error") or (body.get("error") if isinstance(body, dict) else body)
    if not isinstance(result, list):
        return {"status": answer["status"], "series": 0, "unknown": [], "error": str(error)[:300]}
    unknown = [] if result else [name for name in names(expression) if not _is_known(base, name)]
    return {"status": answer["status"], "series": len(result), "unknown": list[JSON](unknown)}


def names(expression: str) -> list[str]:
    """The names of series in a query, sorted."""
    return sorted(set(_NAME.findall(_LABELS.sub(lambda found: "{}" if found[0][0] == "{" else "", expression))))


def _is_known(base: str, name: str) -> bool:
    if name in {"up", "ALERTS"} or _data(fetch(f"{base}/api/v1/query?{urlencode({'query': name})}")).get("result"):
        return True
    described = {name, _KINDS.sub("", name)}
    return any(_data(fetch(f"{base}/api/v1/metadata?{urlencode({'metric': each})}")) for each in described)


def _data(answer: dict[str, JSON]) -> dict[str, Any]:
    body = answer.get("body")
    data = body.get("data") if isinstance(body, dict) else None
    return data if isinstance(data, dict) else {}
