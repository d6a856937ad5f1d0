"""HLM-002, the half about dependencies: what is switched on is rendered."""

from __future__ import annotations

from collections.abc import Iterator

from blueprint.charts import FOLDER, Charts, Render
from blueprint.compose.nodes import Node
from blueprint.compose.reading import read_yaml
from blueprint.evidence import Finding, Findings
from blueprint.rules.chart_sources import rendered

_OFF = frozenset({"false", ""})


def idle_dependencies(charts: Charts) -> Findings:
    """Dependencies that a chart switches on, and of which nothing is rendered."""
    found: list[Finding] = []
    for render in charts.renders:
        if not render.exit_code:
            found += _idle(charts, render)
    examined, population = rendered(charts)
    return Findings.of(examined, population & examined, found, "every dependency that is switched on is rendered")


def _idle(charts: Charts, render: Render) -> Iterator[Finding]:
    folder = f"{FOLDER}/{render.chart}"
    sources = [each.source for each in render.documents]
    for node in _root(charts, f"{folder}/Chart.yaml").get("dependencies").items:
        name = node.get("alias").text or node.get("name").text
        switch = _switch(charts, render, node)
        if switch and not any(source.startswith(f"{folder}/charts/{name}/") for source in sources):
            what = f"the dependency {name} is switched on by {switch}, and renders nothing"
            place = node.place(f"[{render.values or 'no values'}] dependencies.{name}")
            yield Finding(what, place, "give it the values that it renders by, or drop it")


def _switch(charts: Charts, render: Render, dependency: Node) -> str:
    """The value by which a dependency is on: the first of its conditions that is set; empty where it is off.

    One without a condition may be a library, which renders nothing by itself.
    """
    paths = [f"{FOLDER}/{render.chart}/values.yaml"]
    paths = [charts.values_path(render.chart, render.values), *paths] if render.values else paths
    for condition in filter(None, dependency.get("condition").text.replace(" ", "").split(",")):
        for path in paths:
            node = _root(charts, path).get(*condition.split("."))
            if node.value is not None:
                return "" if node.text.casefold() in _OFF else condition
    return ""


def _root(charts: Charts, path: str) -> Node:
    document = charts.document(path)
    read = read_yaml(document.text, path) if document else None
    return read.documents[0] if read and read.documents else Node(None)
