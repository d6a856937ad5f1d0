"""CFG-003: the values files are there, feed both charts, and hold nothing that neither chart reads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from blueprint.charts import CHARTS, ENVIRONMENTS, FOLDER, WORKLOADS, Charts, at, values_file
from blueprint.compose.nodes import Node
from blueprint.compose.reading import read_yaml
from blueprint.evidence import Finding, Findings, Place
from blueprint.rules.chart_components import names_of
from blueprint.rules.chart_sources import drifted_names
from blueprint.values_files import chart_of_key

_ACTION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_READ = re.compile(r"\.Values\b((?:\.[A-Za-z_]\w*)*)")
_GET = re.compile(r"(?:get|index|hasKey)\s+[$\w]*\.Values((?:\.[A-Za-z_]\w*)+)")
_NAME = re.compile(r"\.([A-Za-z_]\w*)")
_RENAME = "rename it to what a template reads, or remove it"
_WHOLE = re.compile(r"\b(toYaml|toJson|range|join|tpl)\b")


def unread_values(charts: Charts, population: Iterable[str]) -> Findings:
    """Keys that no template reads, counts that do not come out as they stand, and files that are not there.

    Args:
        charts: both charts.
        population: the paths of the values files, counted by a second path.
    """
    found: list[Finding] = [*drifted_names(charts)]
    readers = {chart: _Reading.of(charts, chart) for chart in CHARTS}
    leaves = 0
    for environment in ENVIRONMENTS:
        given = _given(charts, environment)
        if not given:
            absent = charts.document(values_file(environment))
            found.append(absent.absence("write the overrides of this environment there, for both charts"))
        for path, fed in given.items():
            read = read_yaml(charts.document(path).text, path)
            found += read.faults
            for root in read.documents[:1]:
                leaves += len(list(_leaves(root, ())))
                found += _in_file(root, {chart: readers[chart] for chart in fed})
                found += _shadowed(root, charts, environment)
        if given and (left := set(CHARTS).difference(*given.values())):
            place = Place(values_file(environment))
            found.append(
                Finding(f"nothing of it is given to {', '.join(sorted(left))}", place, "write one file for both")
            )
    paths = [values_file(environment) for environment in ENVIRONMENTS]
    observed = f"{leaves} values in {len(paths)} files, each read by a chart"
    return Findings.of(paths, {*paths, *population}, found, observed)


def _given(charts: Charts, environment: str) -> dict[str, list[str]]:
    """The files that stand for an environment and can be read, each with the charts that it is given to."""
    found: dict[str, list[str]] = {}
    for chart in CHARTS:
        path = charts.values_path(chart, environment)
        if charts.document(path):
            found.setdefault(path, []).append(chart)
    return found


def _in_file(root: Node, readers: Mapping[str, _Reading]) -> Iterator[Finding]:
    """What is wrong with the keys of one file: with those at its root, then with what is below them."""
    fed: set[str] = set()
    for key, node in root.mapping.items():
        chart = chart_of_key(key)
        at_root = next((each for each, reading in readers.items() if reading.names_at_root(key)), "")
        if chart in readers and key != CHARTS[chart] and node.mapping:
            fed.add(chart)
            what = f"stands under {key}, which the blueprint spells {CHARTS[chart]}"
            yield Finding(what, node.place(key), f"rename it to {CHARTS[chart]}")
            for way, leaf in _leaves(node, (CHARTS[chart],)):
                if not readers[chart].reads(way) and not readers[chart].reads((key, *way[1:])):
                    yield Finding("no template reads it", leaf.place(".".join((key, *way[1:]))), _RENAME)
        elif key in CHARTS.values() or key == "global" or not at_root:
            fed |= {each for each, own in CHARTS.items() if own == key and node.mapping}
            yield from (each for way, leaf in _leaves(node, (key,)) if (each := _unread(way, leaf, readers)))
        else:
            fed.add(at_root)
            what = f"stands at the root, where {at_root} reads it; the blueprint has it under {CHARTS[at_root]}"
            yield Finding(what, node.place(key), f"put it under {CHARTS[at_root]}, in the chart too")
    for chart in readers:
        if chart not in fed:
            own = CHARTS[chart]
            yield Finding(f"feeds nothing to {chart}", root.place(own), f"put its overrides under `{own}`")


def _leaves(node: Node, way: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Node]]:
    if node.mapping:
        for key, inner in node.mapping.items():
            yield from _leaves(inner, (*way, key))
    elif way:
        yield way, node


class _Reading:
    """What the templates of one chart read."""

    def __init__(self, refers: Mapping[tuple[str, ...], bool], names: frozenset[str]) -> None:
        self._refers = refers
        self._names = names

    @classmethod
    def of(cls, charts: Charts, chart: str) -> _Reading:
        """Read the templates; each path is kept with whether all below it is rendered as it stands."""
        refers: dict[tuple[str, ...], bool] = {}
        names: set[str] = set()
        for path, document in charts.texts.items():
            if path.startswith(f"{FOLDER}/{chart}/templates/"):
                for action in _ACTION.findall(document.text):
                    whole = bool(_WHOLE.search(action) or _GET.search(action))
                    names |= set(_NAME.findall(action))
                    for found in _READ.findall(action):
                        way = tuple(filter(None, found.split(".")))
                        refers[way] = refers.get(way, False) or whole
        return cls(refers, frozenset(names))

    def names_at_root(self, key: str) -> bool:
        """Whether a template names a key at the root of the values by itself."""
        return any(way[:1] == (key,) for way in self._refers)

    def reads(self, way: Sequence[str]) -> bool:
        """Whether a template names the key, or gives on a part of the values in which another names the rest."""
        for length in range(len(way), -1, -1):
            whole = self._refers.get(tuple(way[:length]))
            if whole is not None:
                rest = way[length:]
                return not rest or whole or rest[0] in self._names
        return False


def _unread(way: tuple[str, ...], node: Node, readers: Mapping[str, _Reading]) -> Finding | None:
    own = next((reading for chart, reading in readers.items() if CHARTS[chart] == way[0]), None)
    if own.reads(way) if own else way[0] == "global" and any(each.reads(way) for each in readers.values()):
        return None
    key = ".".join(way)
    if own or way[0] == "global":
        return Finding("no template reads it", node.place(key), _RENAME)
    return Finding(
        f"neither chart reads {way[0]}", node.place(key), f"put it under {', '.join(CHARTS.values())} or global"
    )


def _shadowed(root: Node, charts: Charts, environment: str) -> Iterator[Finding]:
    """Counts of replicas that something else overrides, so that what is rendered is another."""
    for chart, own in CHARTS.items():
        renders = [each for each in charts.renders if (each.chart, each.values) == (chart, environment)]
        spelled = next((key for key in root.mapping if chart_of_key(key) == chart), own)
        for component, values in root.get(spelled).mapping.items():
            wanted = values.get("replicas")
            for render in renders if isinstance(wanted.value, int) else ():
                for each in render.of_kind(*WORKLOADS):
                    if _plain(component) in map(_plain, names_of(each)):
                        scaled = [
                            _least(other.body)
                            for other in render.of_kind("HorizontalPodAutoscaler")
                            if other.name == each.name
                        ]
                        got = scaled[0] if scaled else at(each.body, "spec", "replicas") or 1
                        if got != wanted.value:
                            what = f"asks for {wanted.text} replicas, and {each.kind} {each.name} is rendered with "
                            what += f"{got} by {each.source}"
                            yield Finding(what, wanted.place(f"{spelled}.{component}.replicas"), "let one value decide")


def _least(body: Mapping[str, object]) -> int:
    return int(at(body, "spec", "minReplicas") or 1)


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name)).casefold()
