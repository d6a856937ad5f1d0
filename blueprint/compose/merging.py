"""One Compose tree over another: a further document, a file that includes, a service that extends.

Mappings merge, lists grow without repeats, a command replaces the command before it, and of two mounts on one
target the later holds. Both trees stand in their canonical form.
"""

from __future__ import annotations

from collections.abc import Callable

from blueprint.compose.nodes import Node

_REPLACED = frozenset({"command", "entrypoint", "healthcheck.test"})
_IDENTITY: dict[str, Callable[[Node], str]] = {
    "volumes": lambda item: item.get("target").text,
    "secrets": lambda item: item.get("target").text or item.get("source").text,
    "configs": lambda item: item.get("target").text or item.get("source").text,
    "ports": lambda item: "|".join(item.get(key).text for key in ("host_ip", "published", "target", "protocol")),
}
_SERVICE_DEPTH = 2  # services.NAME


def merged(base: Node, over: Node, path: tuple[str, ...] = ()) -> Node:
    """The tree of ``over`` laid on that of ``base``."""
    if over.tag == "!override":
        return Node(over.value, over.file, over.line)
    if over.value is None:
        return base
    if isinstance(base.value, dict) and isinstance(over.value, dict):
        return over.of(_mappings(base.value, over.value, path))
    if isinstance(base.value, list) and isinstance(over.value, list):
        return over.of(_lists(base.value, over.value, ".".join(path[_SERVICE_DEPTH:])))
    return over


def without_resets(node: Node) -> Node:
    """The tree as it stands when there is nothing to reset."""
    if isinstance(node.value, dict):
        return node.of({key: without_resets(child) for key, child in node.value.items() if child.tag != "!reset"})
    if isinstance(node.value, list):
        return node.of([without_resets(child) for child in node.value if child.tag != "!reset"])
    return node


def _mappings(base: dict[str, Node], over: dict[str, Node], path: tuple[str, ...]) -> dict[str, Node]:
    entries = dict(base)
    for key, node in over.items():
        if node.tag == "!reset":
            entries.pop(key, None)
        elif key in entries:
            entries[key] = merged(entries[key], node, (*path, key))
        else:
            entries[key] = node
    return entries


def _whole(item: Node) -> str:
    return repr(item.plain())


def _lists(base: list[Node], over: list[Node], attribute: str) -> list[Node]:
    if attribute in _REPLACED:
        return over
    identity = _IDENTITY.get(attribute, _whole)
    kept: dict[str, Node] = {}
    for item in (*base, *over):
        name = identity(item)
        kept[name] = merged(kept[name], item) if name in kept and item.mapping else item
    return list(kept.values())
