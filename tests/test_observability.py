"""Rules, dashboards and their two homes: what Compose mounts and what the chart renders ask the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from tests.breakages import ROOT

SERVICES = ("gateway", "ui", "conversation_worker", "memory_service", "tool_executor")
LOCAL = ROOT / "infra" / "observability"
CHART = ROOT / "infra" / "helm" / "soma-infra" / "files"
ONLY_IN_THE_CHART = {"Vault is open", "Etcd has a leader"}
RULES_ONLY_IN_THE_CHART = {"VaultSealed", "EtcdHasNoLeader"}


def panels(path: Path) -> dict[str, list[str]]:
    """Title of each panel to its queries."""
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return {panel["title"]: [target["expr"] for target in panel["targets"]] for panel in document["panels"]}


def rules(path: Path) -> dict[str, tuple[str, str]]:
    """Name of each alert to its query, spelled as the services are called in Compose, and how long it must hold."""
    document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    rows = [rule for group in document["groups"] for rule in group["rules"]]
    spelled = {row["alert"]: " ".join(row["expr"].split()) for row in rows}
    for name in SERVICES:
        spelled = {alert: expr.replace(name.replace("_", "-"), name) for alert, expr in spelled.items()}
    return {row["alert"]: (spelled[row["alert"]], row.get("for", "")) for row in rows}


def test_the_dashboard_of_each_service_is_the_charts() -> None:
    sheet = (CHART / "grafana" / "service.json").read_text(encoding="utf-8")
    for name in SERVICES:
        mounted = (LOCAL / "grafana" / "dashboards" / f"{name}.json").read_text(encoding="utf-8")
        assert mounted == sheet.replace("SERVICE_NAME", name)


def test_the_dashboard_of_what_they_rest_on_is_the_charts_without_what_only_it_installs() -> None:
    charted = panels(CHART / "grafana" / "infrastructure.json")
    mounted = panels(LOCAL / "grafana" / "dashboards" / "infrastructure.json")
    assert mounted == {title: asked for title, asked in charted.items() if title not in ONLY_IN_THE_CHART}
    assert set(charted) - set(mounted) == ONLY_IN_THE_CHART


def test_the_rules_are_the_charts_without_what_only_it_installs() -> None:
    charted, mounted = rules(CHART / "prometheus" / "rules.yaml"), rules(LOCAL / "rules.yaml")
    assert mounted == {name: asked for name, asked in charted.items() if name not in RULES_ONLY_IN_THE_CHART}
    assert set(charted) - set(mounted) == RULES_ONLY_IN_THE_CHART
