"""HLM-001 and HLM-002: the charts are charts, and helm lints and renders them with every values file and with none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from blueprint.chart_origins import value_at
from blueprint.charts import CHARTS, ENVIRONMENTS, FOLDER, NONE, Charts, shown, values_file
from blueprint.compose.nodes import Node
from blueprint.compose.reading import read_yaml
from blueprint.documents import Document
from blueprint.evidence import Finding, Findings, Place
from blueprint.versions import read_version

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST_NAME = 250
_UPDATE = "run `helm dependency update` and commit Chart.lock and charts/ together"
_PACKAGE = re.compile(r"(?P<name>.+)-(?P<version>v?\d+\.\d+\.\d+.*)\.tgz")
_AT = re.compile(r"\b(?P<file>[\w-]+/(?:templates|charts)/[\w./-]+?):(?P<line>\d+)(?::\d+)?")
_WAY = re.compile(rf"(?<![\w.])(?:global|{'|'.join(CHARTS.values())})(?:\.[A-Za-z_]\w*)+")
_SHOWN = 400


def runs() -> Iterator[tuple[str, str]]:
    """Every chart with every values file that it must render with."""
    return ((chart, values) for chart in CHARTS for values in (*ENVIRONMENTS, NONE))


def absences(charts: Charts, *only: str) -> list[Finding]:
    """A finding for each chart of the blueprint, or of those named, that is not there."""
    paths = (f"{FOLDER}/{chart}/Chart.yaml" for chart in only or CHARTS)
    return [charts.document(path).absence() for path in paths if not charts.document(path)]


def rendered(charts: Charts, *only: str) -> tuple[frozenset[str], frozenset[str]]:
    """The runs that gave something to examine, and all that there should be: part of every population here.

    Where no run of any chart renders anything, none gave something to examine.
    """
    wanted = only or tuple(CHARTS)
    is_something = any(each.documents for each in charts.renders)
    done = (each for each in charts.renders if not each.exit_code and each.chart in wanted and is_something)
    return (
        frozenset(shown(each.chart, each.values) for each in done),
        frozenset(shown(*run) for run in runs() if run[0] in wanted),
    )


def is_whole(charts: Charts, values: str) -> bool:
    """Whether both charts were rendered: what they share a namespace with is known."""
    done = {render.chart for render in charts.renders if render.values == values and not render.exit_code}
    return done >= set(CHARTS)


def malformed_charts(charts: Charts, sources: Sequence[Document], population: Iterable[str]) -> Findings:
    """HLM-001: apiVersion v2, a valid name, versions, and a lock that agrees with what is listed and vendored.

    Args:
        charts: both charts.
        sources: the Chart.yaml of each chart that there is, or must be.
        population: their paths, counted by a second path.
    """
    found: list[Finding] = []
    for source in sources:
        found += _offences_of_chart(source, charts.texts) if source else [source.absence()]
    names = ", ".join(sorted(str(PurePosixPath(source.path).parent) for source in sources))
    return Findings.of([source.path for source in sources], population, found, f"{names} are charts, locks agree")


def _offences_of_chart(source: Document, texts: Mapping[str, Document]) -> Iterator[Finding]:
    read = read_yaml(source.text, source.path)
    if read.faults or not read.documents:
        yield from read.faults or [Finding("is empty", Place(source.path, 1))]
        return
    root, folder = read.documents[0], PurePosixPath(source.path).parent
    if root.get("apiVersion").text != "v2":
        yield Finding(f"apiVersion is {_said(root.get('apiVersion'))}", root.get("apiVersion").place(), "write v2")
    name = root.get("name").text
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        yield Finding(f"{name!r} is no name of a chart", root.get("name").place("name"), "a-z, 0-9 and single hyphens")
    elif name != folder.name:
        yield Finding(f"is named {name} in the folder {folder.name}", root.get("name").place("name"), "name both alike")
    if not read_version(root.get("version").text):
        said = _said(root.get("version"))
        yield Finding(f"the version is {said}, no semantic version", root.get("version").place("version"), "x.y.z")
    if not root.get("appVersion").text:
        yield Finding("has no appVersion", root.place("appVersion"), "say which version of the application it brings")
    yield from _offences_of_dependencies(root, str(folder), texts)


def _said(node: Node) -> str:
    return repr(node.text) if node.text else "missing"


def _offences_of_dependencies(root: Node, folder: str, texts: Mapping[str, Document]) -> Iterator[Finding]:
    wanted = {node.get("name").text: node for node in root.get("dependencies").items}
    lock = texts.get(f"{folder}/Chart.lock")
    locked = _locked(lock) if lock else {}
    vendored = dict(_vendored(folder, texts))
    for name, node in wanted.items():
        if name not in locked:
            yield Finding(f"the dependency {name} is not in Chart.lock", node.place(f"dependencies.{name}"), _UPDATE)
        if name not in vendored:
            yield Finding(f"the dependency {name} is not in charts/", node.place(f"dependencies.{name}"), _UPDATE)
        elif name in locked and vendored[name] and vendored[name] != locked[name].get("version").text:
            what = f"charts/ holds {name} {vendored[name]}, Chart.lock says {locked[name].get('version').text}"
            yield Finding(what, node.place(f"dependencies.{name}"), _UPDATE)
    for name in sorted({*locked, *vendored} - set(wanted)):
        where, place = "Chart.lock", locked.get(name, Node("")).place(f"dependencies.{name}")
        if name not in locked:
            where, place = "charts/", _vendored_at(folder, name, texts)
        yield Finding(f"{where} has {name}, which Chart.yaml does not list", place, _UPDATE)


def _vendored_at(folder: str, name: str, texts: Mapping[str, Document]) -> Place:
    unpacked = f"{folder}/charts/{name}/Chart.yaml"
    return Place(unpacked if unpacked in texts else f"{folder}/charts", 0, name)


def _locked(lock: Document) -> dict[str, Node]:
    read = read_yaml(lock.text, lock.path)
    nodes = read.documents[0].get("dependencies").items if read.documents else []
    return {node.get("name").text: node for node in nodes}


def _vendored(folder: str, texts: Mapping[str, Document]) -> Iterator[tuple[str, str]]:
    """Name and version of what stands in charts/, as a package or as a folder."""
    for path, document in texts.items():
        inside = PurePosixPath(path).relative_to(folder).parts if path.startswith(f"{folder}/charts/") else ()
        if len(inside) == 2 and (package := _PACKAGE.fullmatch(inside[1])):  # noqa: PLR2004 - charts/<package>
            yield package["name"], package["version"]
        elif len(inside) == 3 and inside[2] == "Chart.yaml":  # noqa: PLR2004 - charts/<chart>/Chart.yaml
            read = read_yaml(document.text, path)
            root = read.documents[0] if read.documents else Node(None)
            yield root.get("name").text, root.get("version").text


def unrenderable_charts(charts: Charts) -> Findings:
    """HLM-002: helm lints each chart strictly and renders it with each values file, and with none."""
    found = absences(charts)
    for render in charts.renders:
        if render.exit_code:
            found.append(_failure("does not render", charts, render.chart, render.values, render.said))
    for (chart, values), (exit_code, said) in charts.lints.items():
        if exit_code and not any(
            each.exit_code for each in charts.renders if (each.chart, each.values) == (chart, values)
        ):
            found.append(_failure("does not lint", charts, chart, values, said))
    found += drifted_names(charts)
    examined = [shown(*run) for run in charts.lints]
    observed = f"{len(charts.renders)} renders and as many strict lints without a complaint"
    return Findings.of(examined, rendered(charts)[1], found, observed)


def drifted_names(charts: Charts) -> Iterator[Finding]:
    """The values files that are used though they are not where the blueprint has them."""
    for each in dict.fromkeys(charts.drifted.values()):
        wanted = values_file(each.environment)
        what = f"stands for {wanted}, which is not there: {each.difference}"
        yield Finding(what, Place(each.path, 1), f"git mv {each.path} {wanted}")


def _failure(what: str, charts: Charts, chart: str, values: str, said: str) -> Finding:
    """At the value that helm's message names, else at the line of the template that it names."""
    lines = [line for line in said.splitlines() if not line.startswith(("==>", "[INFO]"))]
    text = " ".join(" ".join(lines).split())[:_SHOWN]
    at = _AT.search(said)
    place = Place(f"{FOLDER}/{at['file']}", int(at["line"])) if at else Place(f"{FOLDER}/{chart}")
    for way in _WAY.findall(said):
        place = value_at(charts, chart, values, tuple(way.split("."))) or place
    with_what = PurePosixPath(charts.values_path(chart, values)).name if values else "no values file"
    return Finding(f"{chart} {what} with {with_what}: {text}", place)
