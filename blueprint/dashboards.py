"""Dashboards of Grafana and rules of Prometheus, as files: the expressions in them. Counted again by a second path."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from blueprint.documents import Document
from blueprint.evidence import Finding, Place

DASHBOARDS = "infra/observability/grafana/dashboards/*.json"
RULES = "infra/observability/rules.yaml"
_IN_DASHBOARD = re.compile(r'"expr"\s*:')
_IN_RULES = re.compile(r"^\s*-?\s*alert\s*:", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Panel:
    """A query of a panel.

    Attributes:
        file: of the dashboard.
        number: the how many-th query of its file, from 1.
        dashboard, title: what it is called.
        expression: of its query.
    """

    file: str
    number: int
    dashboard: str
    title: str
    expression: str


def read_panels(documents: Iterable[Document]) -> tuple[tuple[Panel, ...], tuple[Finding, ...]]:
    """Every query of every panel, rows opened; and what cannot be read as a dashboard."""
    panels: list[Panel] = []
    faults: list[Finding] = []
    for document in documents:
        try:
            board = json.loads(document.text) if document else None
        except ValueError as error:
            faults.append(Finding(f"is not JSON: {error}", Place(document.path, getattr(error, "lineno", 1))))
            continue
        if not isinstance(board, dict) or not isinstance(board.get("panels"), list):
            faults.append(document.absence() if not document else Finding("has no panels", Place(document.path, 1)))
            continue
        found = [(str(panel.get("title", "")), str(expr)) for panel in _opened(board["panels"]) for expr in _of(panel)]
        panels += [
            Panel(document.path, number, str(board.get("title", "")), title, expr)
            for number, (title, expr) in enumerate(found, 1)
        ]
    return tuple(panels), tuple(faults)


def queries_counted(documents: Iterable[Document]) -> frozenset[str]:
    """``file number`` of every query of dashboards, counted in their text."""
    return frozenset(_counted(documents, _IN_DASHBOARD))


def alerts_counted(documents: Iterable[Document]) -> frozenset[str]:
    """``file number`` of every alert of rule files, counted in their text."""
    return frozenset(_counted(documents, _IN_RULES))


def _counted(documents: Iterable[Document], sign: re.Pattern[str]) -> Iterator[str]:
    for document in documents:
        yield from (f"{document.path} {number}" for number in range(1, len(sign.findall(document.text)) + 1))


def _opened(panels: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """Panels, and those within a row that is closed."""
    for panel in panels:
        if isinstance(panel, dict):
            yield panel
            inner = panel.get("panels")
            yield from _opened(inner if isinstance(inner, list) else ())


def _of(panel: dict[str, Any]) -> Iterator[object]:
    targets = panel.get("targets")
    for target in targets if isinstance(targets, list) else ():
        if isinstance(target, dict) and "expr" in target:
            yield target["expr"]
