"""Where a rendered thing comes from: the line of a template, of a helper that it includes, or of the values.

A rule names what it looks for at a place (:attr:`Place.sought`), and :func:`traced` puts the likely origin in its
stead. What is rendered is told in the key as before, so that a reader knows both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import PurePosixPath
from typing import TypeAlias

from blueprint.charts import CHARTS, FOLDER, Charts
from blueprint.compose.nodes import Node
from blueprint.compose.reading import read_yaml
from blueprint.evidence import Finding, Place

Way: TypeAlias = tuple[str, ...]

VALUE, SETTING = "=", "."
"""How a word begins that is looked for among keys and values of the values, or names a value that a template reads."""
_RUN = re.compile(r"\[(no values|[\w-]+)\]")
_DEFINE = re.compile(r"\{\{-?\s*define\s+\"([^\"]+)\"")
_INCLUDE = re.compile(r"\b(?:include|template)\s+\"([^\"]+)\"")
_READ = re.compile(r"\.Values((?:\.[A-Za-z_]\w*)+)")
_GUARD = re.compile(r"\{\{-?\s*if\b")


@dataclass(frozen=True, slots=True)
class _Text:
    """A part of a template: the whole file, or one helper in it."""

    file: str
    line: int
    text: str


def traced(charts: Charts, found: Iterable[Finding]) -> Iterator[Finding]:
    """The findings, each at the likely origin of what it speaks of; where none is found, where it was."""
    for each in found:
        origin = _origin(charts, each.place) if each.place.sought else None
        yield replace(each, place=origin) if origin else each


def value_at(charts: Charts, chart: str, values: str, way: Way) -> Place | None:
    """Where a value stands: in the values file of a run, else in the chart's own."""
    for root in _roots(charts, chart, values):
        node = _at(root, way)
        if node is not None:
            return node.place(".".join(way))
    return None


def guard_of(charts: Charts, chart: str, values: str, path: str) -> Place:
    """What keeps a template from being rendered: a value that is off, else the line of its condition."""
    document = charts.document(path)
    lines = document.text.splitlines()
    line = next((number for number, line in enumerate(lines, 1) if _GUARD.search(line)), 1)
    for way in _ways(lines[line - 1] if lines else ""):
        node = next((node for root in _roots(charts, chart, values) if (node := _at(root, way)) is not None), None)
        if node is not None and not node.value:
            return node.place(".".join(way))
    return Place(path, line)


def _origin(charts: Charts, place: Place) -> Place | None:
    chart = place.file.removeprefix(f"{FOLDER}/").partition("/")[0]
    run = _RUN.match(place.key)
    values = run[1] if run and run[1] != "no values" else ""
    texts = list(_texts(charts, chart, place.file)) if chart in CHARTS else []
    for word in place.sought if texts else ():
        if word.startswith(SETTING):
            found = _setting(charts, chart, values, texts[0].text, word[1:].casefold())
        elif word.startswith(VALUE):
            found = _value(charts, chart, values, word[1:])
        else:
            found = _line(texts, word)
        if found:
            key = " for ".join(part for part in (found.key, place.key) if part)
            return Place(found.file, found.line, key)
    return None


def _texts(charts: Charts, chart: str, path: str) -> Iterator[_Text]:
    """A template, those beside it, then the helpers that they include, and those that these include."""
    document = charts.texts.get(path)
    if not document:
        return
    folder = PurePosixPath(path).parent
    beside = [name for name in charts.texts if PurePosixPath(name).parent == folder and folder.name != "templates"]
    own = [_Text(name, 1, charts.texts[name].text) for name in dict.fromkeys([path, *beside])]
    yield from own
    helpers = _helpers(tuple(sorted((name, each.text) for name, each in charts.texts.items() if _is_of(name, chart))))
    queue, seen = [name for each in own for name in _INCLUDE.findall(each.text)], set[str]()
    while queue:
        name = queue.pop(0)
        if name in helpers and name not in seen:
            seen.add(name)
            yield helpers[name]
            queue += _INCLUDE.findall(helpers[name].text)


def _is_of(path: str, chart: str) -> bool:
    return path.startswith(f"{FOLDER}/{chart}/templates/")


@cache
def _helpers(texts: tuple[tuple[str, str], ...]) -> Mapping[str, _Text]:
    found: dict[str, _Text] = {}
    for path, text in texts:
        starts = [(each.start(), each[1]) for each in _DEFINE.finditer(text)]
        ends = [*(start for start, _ in starts), len(text)][1:]
        for (start, name), end in zip(starts, ends, strict=True):
            found.setdefault(name, _Text(path, text.count("\n", 0, start) + 1, text[start:end]))
    return found


def _line(texts: Iterable[_Text], word: str) -> Place | None:
    whole = re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])")
    for each in texts:
        for number, line in enumerate(each.text.splitlines()):
            if whole.search(line):
                return Place(each.file, each.line + number)
    return None


def _value(charts: Charts, chart: str, values: str, word: str) -> Place | None:
    whole = re.compile(rf"(?<![\w.-]){re.escape(word)}(?![\w-])")
    for root in _roots(charts, chart, values):
        for key in (CHARTS[chart], "global"):
            for way, node in _leaves(root.get(key), (key,)):
                if whole.search(way[-1]) or whole.search(node.text):
                    return node.place(".".join(way))
    return None


def _setting(charts: Charts, chart: str, values: str, text: str, word: str) -> Place | None:
    """A value that a template reads, by its last name or that of a key below it; one that is off goes first."""
    found: list[tuple[bool, Place]] = []
    for way in dict.fromkeys(_ways(text)):
        for root in _roots(charts, chart, values):
            node = _at(root, way)
            inner = {way: node} if node else {}
            inner |= {(*way, key): below for key, below in (node.mapping if node else {}).items()}
            named = {each: one for each, one in inner.items() if word in each[-1].casefold()}
            found += [(bool(one.value), one.place(".".join(each))) for each, one in named.items()]
            if named:
                break
    return min(found, key=lambda each: each[0])[1] if found else None


def _ways(text: str) -> Iterator[Way]:
    return (tuple(found.strip(".").split(".")) for found in _READ.findall(text))


def _at(root: Node, way: Way) -> Node | None:
    node = root
    for key in way:
        if key not in node.mapping:
            return None
        node = node.mapping[key]
    return node


def _leaves(node: Node, way: Way) -> Iterator[tuple[Way, Node]]:
    if node.mapping:
        for key, inner in node.mapping.items():
            yield from _leaves(inner, (*way, key))
    else:
        yield way, node


def _roots(charts: Charts, chart: str, values: str) -> Iterator[Node]:
    for path in (*([charts.values_path(chart, values)] if values else []), f"{FOLDER}/{chart}/values.yaml"):
        document = charts.texts.get(path)
        if document and (root := _root(path, document.text)):
            yield root


@cache
def _root(path: str, text: str) -> Node | None:
    documents = read_yaml(text, path).documents
    return documents[0] if documents else None
