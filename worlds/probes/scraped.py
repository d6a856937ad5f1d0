"""What a Prometheus scrapes, and what its data is enough for: targets, expressions, alert rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from blueprint.evidence import JSON
from worlds.probes.http import fetch

QUERY_SECONDS = 10.0


def ask(base: str, path: str, **parameters: str) -> dict[str, Any]:
    """What is answered under ``data``, or ``{"error": why there is nothing}``."""
    answer = fetch(f"{base}/api/v1/{path}?{urlencode(parameters)}", seconds=QUERY_SECONDS)
    body = answer.get("body")
    if not isinstance(body, dict) or body.get("status") != "success":
        told = body.get("error") if isinstance(body, dict) else answer.get("error", body)
        return {"error": str(told)[:300]}
    data = body.get("data")
    return data if isinstance(data, dict) else {"list": data}


def targets(base: str) -> list[dict[str, JSON]]:
    """What it scrapes now, each with its service, job, health and last error."""
    rows = ask(base, "targets", state="active").get("activeTargets") or []
    found = [
        {
            "service": row["labels"].get("service", ""),
            "job": row["labels"].get("job", ""),
            "health": row["health"],
            "error": row["lastError"],
        }
        for row in rows
    ]
    return sorted(found, key=lambda row: (str(row["service"]), str(row["job"])))


def query(base: str, expression: str) -> dict[str, JSON]:
    """How many series an expression has now that are a number, and why it could not be evaluated."""
    data = ask(base, "query", query=expression)
    if "error" in data:
        return {"series": 0, "error": data["error"]}
    result = data.get("result") or []
    if data.get("resultType") in {"scalar", "string"}:
        return {"series": 1, "error": ""}
    return {"series": sum(row["value"][1] != "NaN" for row in result), "error": ""}


def values(base: str, expression: str, *labels: str) -> list[dict[str, JSON]]:
    """The series of an expression, each with some of its labels and its value."""
    rows = ask(base, "query", query=expression).get("result") or []
    found = [
        {**{label: row["metric"].get(label, "") for label in labels}, "value": float(row["value"][1])} for row in rows
    ]
    return sorted(found, key=lambda row: [str(row[label]) for label in labels])


def alerts(base: str) -> list[dict[str, JSON]]:
    """The alert rules that it has loaded: name, query, health, last error."""
    groups: list[Mapping[str, Any]] = ask(base, "rules", type="alert").get("groups") or []
    return [
        {"name": rule["name"], "query": rule["query"], "health": rule["health"], "error": rule.get("lastError", "")}
        for group in groups
        for rule in group["rules"]
    ]


def metrics(base: str) -> list[str]:
    """Names of the metrics that it has."""
    return sorted(str(name) for name in ask(base, "label/__name__/values").get("list") or [])
