"""CFG-003: the values files are there, feed both charts, and hold nothing that neither chart reads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from blueprint.charts import CHARTS, ENVIRONMENTS, FOLDER, WORKLOADS, Charts, at, values_file
from blueprint.compose.nodes import Node
from blueprint.compose.reading import read_yaml
from blueprint.evidence import Finding, Findings
from blueprint.rules.chart_components import names_of

_ACTION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_READ = re.compile(r"\.Values\b((?:\.[A-Za-z_]\w*)*)")
_GET = re.compile(r"(?:get|index|hasKey)\s+[$\w]*\.Values((?:\.[A-Za-z_]\w*)+)")
_NAME = re.compile(r"\.([A-Za-z_]\w*)")
_WHOLE = re.compile(r"\b(toYaml|toJson|range|join|tpl)\b")


def unread_values(charts: Charts, population: Iterable[str]) -> Findings:
    """Keys that no template reads, counts that do not come out as they stand, and files that are not there.

    Args:
        charts: both charts.
        population: the paths of the values files, counted by a second path.
    """
    found: list[Finding] = []
    readers = {key: _Reading.of(charts, chart) for chart, key in CHARTS.items()}
    leaves = 0
    for environment in ENVIRONMENTS:
        document = charts.document(values_file(environment))
        if not document:
            found.append(document.absence("write the overrides of this environment there, for both charts"))
            continue
        read = read_yaml(document.text, document.path)
        found += read.faults
        for root in read.documents[:1]:
            ways = list(_leaves(root, ()))
            leaves += len(ways)
            found += [finding for way, node in ways if (finding := _unread(way, node, readers))]
            found += _shadowed(root, charts, environment)
            found += [_unfed(root, key) for key in CHARTS.values() if not root.get(key).mapping]
    paths = [values_file(environment) for environment in ENVIRONMENTS]
    observed = f"{leaves} values in {len(paths)} files, each read by a chart"
    return Findings.of(paths, {*paths, *population}, found, observed)


def _unfed(root: Node, key: str) -> Finding:
    chart = next(chart for chart, own in CHARTS.items() if own == key)
    return Finding(f"feeds nothing to {chart}", root.place(key), f"put its overrides under `{key}`")


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

    def reads(self, way: Sequence[str]) -> bool:
        """Whether a template names the key, or gives on a part of the values in which another names the rest."""
        for length in range(len(way), -1, -1):
            whole = self._refers.get(tuple(way[:length]))
            if whole is not None:
                rest = way[length:]
                return not rest or whole or rest[0] in self._names
        return False


def _unread(way: tuple[str, ...], node: Node, readers: Mapping[str, _Reading]) -> Finding | None:
    own = readers.get(way[0])
    if own.reads(way) if own else way[0] == "global" and any(each.reads(way) for each in readers.values()):
        return None
    key = ".".join(way)
    if own or way[0] == "global":
        return Finding("no template reads it", node.place(key), "rename it to what a template reads, or remove it")
    return Finding(
        f"neither chart reads {way[0]}", node.place(key), f"put it under {', '.join(CHARTS.values())} or global"
    )


def _shadowed(root: Node, charts: Charts, environment: str) -> Iterator[Finding]:
    """Counts of replicas that something else overrides, so that what is rendered is another."""
    for chart, own in CHARTS.items():
        renders = [each for each in charts.renders if (each.chart, each.values) == (chart, environment)]
        for component, values in root.get(own).mapping.items():
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
                            yield Finding(what, wanted.place(f"{own}.{component}.replicas"), "let one value decide")


def _least(body: Mapping[str, object]) -> int:
    return int(at(body, "spec", "minReplicas") or 1)


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name)).casefold()
