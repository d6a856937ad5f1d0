"""The one form of everything that Compose lets be written in several: lists become mappings, short becomes long.

Places stay with the values. What is of a wrong type stays as it is: the schema has a finding for it.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import TypeAlias

from blueprint.compose.nodes import Node, Scalar
from blueprint.compose.paths import resolved
from blueprint.compose.ports import port_entries
from blueprint.evidence import Finding

Faults: TypeAlias = list[Finding]
Form: TypeAlias = Callable[[Node, str, str, Faults], Node]


def canonical_document(document: Node, base: str, faults: Faults) -> Node:
    """A whole document in its one form; ``base`` is the directory that its paths start from."""
    parts = dict(document.mapping)
    if isinstance(parts.get("services", Node(None)).value, dict):
        services = parts["services"]
        parts["services"] = services.of(
            {name: canonical_service(node, name, base, faults) for name, node in services.mapping.items()}
        )
    for kind in ("secrets", "configs"):
        if kind in parts:
            entries = {name: _path_of(node, "file", base) for name, node in parts[kind].mapping.items()}
            parts[kind] = parts[kind].of(entries) if parts[kind].mapping else parts[kind]
    return document.of(parts)


def canonical_service(service: Node, name: str, base: str, faults: Faults) -> Node:
    """A service in its one form."""
    if not isinstance(service.value, dict):
        return service
    entries = {
        key: _FORMS[key](node, base, f"services.{name}.{key}", faults) if key in _FORMS else node
        for key, node in service.mapping.items()
    }
    return service.of(entries)


def with_defaults(service: Node, base: str) -> Node:
    """A service, once it stands on all that it extends, with what Compose supposes where it says nothing."""
    build = service.get("build")
    if not build.mapping or "context" in build.mapping:
        return service
    context = build.of({"context": build.of(resolved(base, ".")), **build.mapping})
    return service.of({**service.mapping, "build": context})


def _path_of(node: Node, key: str, base: str) -> Node:
    path = node.mapping.get(key)
    if path is None or not isinstance(path.value, str):
        return node
    return node.of({**node.mapping, key: path.of(resolved(base, path.value))})


def _pairs(node: Node, _base: str, _key: str, _faults: Faults) -> Node:
    """``[A=1, B]`` as ``{A: "1", B: null}``."""
    if not isinstance(node.value, list):
        return node
    entries: dict[str, Node] = {}
    for item in node.value:
        name, equals, value = item.text.partition("=")
        entries[name] = item.of(value if equals else None)
    return node.of(entries)


def _labels(node: Node, base: str, key: str, faults: Faults) -> Node:
    pairs = _pairs(node, base, key, faults)
    if not isinstance(pairs.value, dict):
        return node
    return pairs.of({name: item.of(item.text) for name, item in pairs.value.items()})


def _words(node: Node, _base: str, key: str, faults: Faults) -> Node:
    if not isinstance(node.value, str):
        return node
    try:
        return node.of([node.of(word) for word in shlex.split(node.value)])
    except ValueError as error:
        faults.append(Finding(f"is no command line: {str(error).lower()}", node.place(key)))
        return node


def _listed(node: Node, _base: str, _key: str, _faults: Faults) -> Node:
    return node.of([node]) if isinstance(node.value, str | int | float) else node


def _depends_on(node: Node, _base: str, _key: str, _faults: Faults) -> Node:
    started: dict[str, Scalar] = {"condition": "service_started", "required": True}
    if isinstance(node.value, list):
        return node.of(
            {item.text: item.of({key: item.of(value) for key, value in started.items()}) for item in node.value}
        )
    entries = {}
    for name, item in node.mapping.items():
        defaults = {key: item.of(value) for key, value in started.items()}
        entries[name] = item.of({**defaults, **item.mapping})
    return node.of(entries) if node.mapping else node


def _named(node: Node, _base: str, _key: str, _faults: Faults) -> Node:
    """``[a, b]`` as ``{a: null, b: null}``."""
    if not isinstance(node.value, list):
        return node
    return node.of({item.text: item.of(None) for item in node.value})


def _extends(node: Node, base: str, _key: str, _faults: Faults) -> Node:
    if isinstance(node.value, str):
        return node.of({"service": node})
    return _path_of(node, "file", base)


def _build(node: Node, base: str, key: str, faults: Faults) -> Node:
    if isinstance(node.value, str):
        node = node.of({"context": node})
    if not isinstance(node.value, dict):
        return node
    entries = dict(node.mapping)
    if "context" in entries and isinstance(entries["context"].value, str):
        entries["context"] = entries["context"].of(resolved(base, entries["context"].value))
    if "args" in entries:
        entries["args"] = _pairs(entries["args"], base, key, faults)
    if "labels" in entries:
        entries["labels"] = _labels(entries["labels"], base, key, faults)
    return node.of(entries)


def _env_file(node: Node, base: str, _key: str, _faults: Faults) -> Node:
    items = node.items if isinstance(node.value, list) else [node]
    return node.of(
        [_path_of(item if item.mapping else item.of({"path": item}), "path", base) for item in items if item.value]
    )


def _health(node: Node, _base: str, _key: str, _faults: Faults) -> Node:
    test = node.mapping.get("test")
    if test is None or not isinstance(test.value, str):
        return node
    return node.of({**node.mapping, "test": test.of([test.of("CMD-SHELL"), test])})


def _granted(node: Node, _base: str, _key: str, _faults: Faults) -> Node:
    """Secrets and configs of a service: ``[a]`` as ``[{source: a}]``."""
    if not isinstance(node.value, list):
        return node
    return node.of([item if item.mapping else item.of({"source": item}) for item in node.value])


def _volumes(node: Node, base: str, _key: str, _faults: Faults) -> Node:
    if not isinstance(node.value, list):
        return node
    return node.of([_volume(item, base) for item in node.value])


def _volume(item: Node, base: str) -> Node:
    if isinstance(item.value, str):
        item = item.of(_short_volume(item))
    if item.get("type").value == "bind":
        return _path_of(item, "source", base)
    return item


def _short_volume(item: Node) -> dict[str, Node]:
    parts = item.text.split(":")
    if len(parts) == 1 or (len(parts[0]) == 1 and parts[0].isalpha()):  # one letter is a drive of Windows
        return {"type": item.of("volume"), "target": item}
    source, target, *modes = parts
    kind = "bind" if source.startswith((".", "/", "~")) else "volume"
    volume = {"type": item.of(kind), "source": item.of(source), "target": item.of(target)}
    if "ro" in ",".join(modes).split(","):
        volume["read_only"] = item.of(value=True)
    return volume


def _ports(node: Node, _base: str, key: str, faults: Faults) -> Node:
    if not isinstance(node.value, list):
        return node
    entries: list[Node] = []
    for index, item in enumerate(node.value):
        entries += port_entries(item, f"{key}[{index}]", faults)
    return node.of(entries)


_FORMS: dict[str, Form] = {
    "annotations": _labels,
    "build": _build,
    "command": _words,
    "configs": _granted,
    "depends_on": _depends_on,
    "dns": _listed,
    "dns_search": _listed,
    "entrypoint": _words,
    "env_file": _env_file,
    "environment": _pairs,
    "extends": _extends,
    "healthcheck": _health,
    "labels": _labels,
    "networks": _named,
    "ports": _ports,
    "secrets": _granted,
    "sysctls": _pairs,
    "tmpfs": _listed,
    "volumes": _volumes,
}
