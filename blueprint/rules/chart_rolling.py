"""CFG-008, as far as files tell: a pod template changes when the configuration that it uses does, and only then."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from blueprint.chart_origins import traced
from blueprint.charts import CHARTS, FOLDER, NONE, WORKLOADS, Charts, Render, Rendered, at, shown
from blueprint.evidence import Finding, Findings, Place
from blueprint.rules.chart_sources import absences, rendered

_USERS = "workloads that use a ConfigMap"
_NOTHING = json.dumps({})
_MOUNTED_FIRST = "put a hash of the ConfigMap on the pod template"


def stale_pods(charts: Charts) -> Findings:
    """Workloads that a change of their ConfigMaps would not roll, and those that a change of another's would.

    Two renders of a chart are held against each other: each with each values file, and one in which a single setting
    of one component is changed.
    """
    found = absences(charts)
    examined, population = map(set, rendered(charts))
    for render in charts.renders:
        examined |= {each.label for each in render.of_kind(*WORKLOADS)}
        population |= {label for label in render.population if label.split()[-2] in WORKLOADS}
    for chart in CHARTS:
        renders = [each for each in charts.renders if each.chart == chart and not each.exit_code]
        for one, other in combinations(renders, 2):
            found += _not_rolled(one, other)
        found += _of_one_change(charts, chart)
    users = [
        each for render in charts.renders for each in render.of_kind(*WORKLOADS) if _used(each, render) != _NOTHING
    ]
    population.add(_USERS)
    examined |= {_USERS} if users else set()
    observed = "pod templates change with the configuration that they use, and one setting changes no other's"
    return Findings.of(examined, population, traced(charts, _once(found)), observed)


def _once(found: Sequence[Finding]) -> Iterator[Finding]:
    """The same workload is wrong in many pairs: told once."""
    seen = set()
    for each in found:
        key = (each.place.file, each.what.partition(";")[0])
        if key not in seen:
            seen.add(key)
            yield each


def _of_one_change(charts: Charts, chart: str) -> Iterator[Finding]:
    plain = [each for each in charts.renders if (each.chart, each.values) == (chart, NONE) and not each.exit_code]
    nudged = charts.nudged.get(chart)
    if nudged is None or not plain:
        return
    if nudged.exit_code:
        place = Place(f"{FOLDER}/{chart}", 0, "one setting changed")
        yield Finding(f"does not render with one setting changed: {nudged.said.strip()[:300]}", place)
        return
    yield from _not_rolled(plain[0], nudged)
    if not any(_used(one, plain[0]) != _used(other, nudged) for one, other in _pairs(plain[0], nudged)):
        what = f"no workload of {shown(chart, NONE)} uses a ConfigMap that changed with one setting of one component"
        yield Finding(what, Place(f"{FOLDER}/{chart}"), "keep settings in ConfigMaps of their component")
    for one, other in _pairs(plain[0], nudged):
        if _used(one, plain[0]) == _used(other, nudged) and one.pod != other.pod:
            what = "rolls though nothing that it uses has changed; a setting of another component did"
            changed = [key for key, value in _template(one).items() if _template(other).get(key) != value]
            yield Finding(what, one.place("spec.template", *changed), "hash what the pod reads, and no more")


def _not_rolled(one: Render, other: Render) -> Iterator[Finding]:
    for before, after in _pairs(one, other):
        if _used(before, one) != _used(after, other) and _template(before) == _template(after):
            where = f"between {shown(one.chart, one.values)} and {shown(other.chart, other.values)}"
            what = f"keeps its template though a ConfigMap that it uses changed; {where}"
            sought = [key for key in _template(before) if "hash" in key.casefold() or "checksum" in key.casefold()]
            yield Finding(what, before.place("spec.template", *sought, "annotations"), _MOUNTED_FIRST)


def _template(each: Rendered) -> Mapping[str, object]:
    """The pod template without what differs between environments by itself: its bounds and images."""
    return at(each.pod, "metadata", "annotations") or {}


def _pairs(one: Render, other: Render) -> Iterator[tuple[Rendered, Rendered]]:
    others = {(each.kind, each.name): each for each in other.of_kind(*WORKLOADS)}
    for each in one.of_kind(*WORKLOADS):
        if (each.kind, each.name) in others:
            yield each, others[each.kind, each.name]


def _used(each: Rendered, render: Render) -> str:
    """The data of the ConfigMaps that a workload mounts or takes variables from."""
    names = set()
    for volume in at(each.pod, "spec", "volumes") or ():
        names.add(at(volume, "configMap", "name"))
        names |= {at(source, "configMap", "name") for source in at(volume, "projected", "sources") or ()}
    for _, container in each.containers():
        names |= {at(source, "configMapRef", "name") for source in container.get("envFrom") or ()}
        names |= {at(one, "valueFrom", "configMapKeyRef", "name") for one in container.get("env") or ()}
    maps = {other.name: other.body.get("data") for other in render.of_kind("ConfigMap")}
    return json.dumps({name: maps.get(name) for name in sorted(filter(None, names))}, sort_keys=True)
