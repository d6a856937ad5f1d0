"""HLM-004, HLM-005 and HLM-019: each component has a workload and a Service in front of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from blueprint.chart_origins import guard_of
from blueprint.charts import CHARTS, FOLDER, INFRA, WORKLOADS, Charts, Render, Rendered, at, shown
from blueprint.evidence import Finding, Findings, Place
from blueprint.rules.chart_selectors import selects
from blueprint.rules.chart_sources import absences, rendered

SHARED = ("auth", "opa", "kafka", "redis", "prometheus", "grafana", "vault", "etcd")
BUNDLE = ("gateway", "conversation-worker", "memory-service", "ui", "tool-executor")
_KIND = re.compile(r"^kind:[ \t]*(\w+)", re.MULTILINE)
SWITCHED = ("postgres", "qdrant", "schema-registry", "object-store")
"""What soma-infra has besides, and must be able to leave out."""


def missing_components(charts: Charts, chart: str, names: Sequence[str]) -> Findings:
    """Components that a chart renders no workload or no Service for, with whichever values."""
    found = absences(charts, chart)
    renders = [render for render in charts.renders if render.chart == chart]
    examined, population = ({f"{name} {run}" for run in runs for name in names} for runs in rendered(charts, chart))
    for render in renders:
        if not render.exit_code:
            for name in names:
                found += _missing(charts, render, name)
    observed = f"{', '.join(names)}: a workload and a Service each, in {len(renders)} renders"
    return Findings.of(examined, population, found, observed)


def _missing(charts: Charts, render: Render, name: str) -> Iterator[Finding]:
    workloads = [each for each in render.of_kind(*WORKLOADS) if name in names_of(each)]
    services = [each for each in render.of_kind("Service") if each.name == name]
    remedy = f"switch it on under `{CHARTS[render.chart]}`, or add its template"
    if not workloads:
        yield Finding(f"renders no workload for {name}", _lack(charts, render, name, *WORKLOADS), remedy)
    if not services:
        yield Finding(f"renders no Service named {name}", _lack(charts, render, name, "Service"), remedy)
    for service in services if workloads else []:
        selector = at(service.body, "spec", "selector") or {}
        if not any(selects({"matchLabels": selector}, each.pod_labels) for each in workloads):
            yield Finding(f"the Service {name} selects no pod of it", service.place("spec.selector"))


def _lack(charts: Charts, render: Render, name: str, *kinds: str) -> Place:
    """Where what is missing should come from: its template, what keeps it from being rendered, or its place to be."""
    folder = f"{FOLDER}/{render.chart}"
    key = f"[{render.values or 'no values'}] {name}"
    for path, document in charts.texts.items():
        made = set(_KIND.findall(document.text)) & set(kinds)
        if made and path.startswith(f"{folder}/templates/") and name in PurePosixPath(path).with_suffix("").parts:
            place = guard_of(charts, render.chart, render.values, path)
            return Place(place.file, place.line, f"{place.key} for {key}" if place.key else key)
    beside = [each.source for each in render.of_kind(*kinds) if f"/templates/{each.name}/" in each.source]
    if beside and any(path.startswith(f"{folder}/templates/{name}/") for path in charts.texts):
        return Place(f"{folder}/templates/{name}/{PurePosixPath(beside[0]).name}", 0, key)
    return Place(folder, 0, key)


def names_of(workload: Rendered) -> set[str]:
    """What a workload may be known by."""
    labels = workload.pod_labels
    return {workload.name, *(str(labels.get(key)) for key in ("app.kubernetes.io/name", "app") if labels.get(key))}


def fixed_components(charts: Charts) -> Findings:
    """Of what an operator may have elsewhere, that which cannot be left out."""
    population = {f"{name} off" for name in SWITCHED}
    place = Place(f"{FOLDER}/{INFRA}/values.yaml")
    off = charts.off
    if off is None:
        remedy = "give each of them an `enabled`"
        return Findings.of(population, population, [Finding("nothing can be switched off", place, remedy)])
    if off.exit_code:
        what = f"does not render with {', '.join(SWITCHED)} switched off: {off.said.strip()[:300]}"
        return Findings.of(population, population, [Finding(what, place)])
    found = [
        Finding(f"is rendered though {name} is switched off", each.place(), f"guard it by infra.….enabled of {name}")
        for name in SWITCHED
        for each in off.objects
        if each.kind in WORKLOADS | {"Service"} and name in names_of(each) | {each.name}
    ]
    observed = f"{', '.join(SWITCHED)} can be switched off: {len(off.objects)} objects are left of {shown(INFRA, '')}"
    return Findings.of(population, population, found, observed)
