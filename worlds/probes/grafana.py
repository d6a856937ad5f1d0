"""Grafana, asked whether it is well and which dashboards it has; and what a dashboard asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from blueprint.evidence import JSON
from worlds.probes.http import fetch

ANSWER_SECONDS = 15.0


def state(base: str) -> dict[str, JSON]:
    """``database`` and ``version`` as its health says, and the ``dashboards`` that it has, by their uid."""
    health = fetch(f"{base}/api/health", seconds=ANSWER_SECONDS)
    listed = fetch(f"{base}/api/search?type=dash-db", seconds=ANSWER_SECONDS).get("body")
    said = health.get("body")
    if not isinstance(said, dict):
        return {"status": health["status"], "error": str(health.get("error") or said)[:300], "dashboards": []}
    found = [str(one.get("uid")) for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return {
        "status": health["status"],
        "database": said.get("database"),
        "version": said.get("version"),
        "dashboards": list[JSON](sorted(found)),
    }


def expressions(dashboard: Mapping[str, Any]) -> Iterator[str]:
    """Every query to Prometheus that a dashboard makes."""
    for panel in dashboard.get("panels", ()):
        yield from expressions(panel)
        source = panel.get("datasource") or {}
        if isinstance(source, dict) and source.get("type", "prometheus") == "prometheus":
            yield from (str(target["expr"]) for target in panel.get("targets", ()) if target.get("expr"))
