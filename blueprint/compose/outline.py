"""A second, much simpler reader to count by: PyYAML's own composer, nothing merged and nothing substituted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import yaml

from blueprint.compose.nodes import DEEPEST

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Outline:
    """Names that stand in the files."""

    services: frozenset[str] = frozenset()
    profiles: frozenset[str] = frozenset()


def outline(texts: Iterable[str]) -> Outline:
    """The names of services and profiles in some files that were read to their end once."""
    services: set[str] = set()
    profiles: set[str] = set()
    for text in texts:
        for document in _documents(text):
            for name, service in _entries(_value(document, "services")):
                services.add(name)
                listed = _value(service, "profiles")
                if isinstance(listed, yaml.SequenceNode):
                    profiles |= {item.value for item in listed.value if isinstance(item, yaml.ScalarNode)}
    return Outline(frozenset(services), frozenset(profiles))


def _documents(text: str) -> list[yaml.Node]:
    try:
        return list(yaml.compose_all(text, Loader=_LOADER))
    except (yaml.YAMLError, RecursionError, ValueError):
        return []


def _entries(node: yaml.Node | None) -> Iterator[tuple[str, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        yield from ((str(key.value), value) for key, value in node.value)


def _value(node: yaml.Node | None, name: str, deeper: int = DEEPEST) -> yaml.Node | None:
    """The value of a key, found through merge keys too; one that merges itself has an end."""
    if not deeper:
        return None
    merges: list[yaml.Node] = []
    for key, value in _entries(node):
        if key == name:
            return value
        if key == "<<":
            merges += value.value if isinstance(value, yaml.SequenceNode) else [value]
    return next((found for merge in merges if (found := _value(merge, name, deeper - 1)) is not None), None)
