"""Published ports, from the short form to the long one."""

from __future__ import annotations

import re

from blueprint.compose.nodes import Node
from blueprint.evidence import Finding

LAST_PORT = 65535
MOST_EXPANDED = 100
"""Ports of a range up to which each is an entry of its own; a longer range stays one."""
_RANGE = re.compile(r"(\d{1,6})(?:-(\d{1,6}))?")
_SHORT = re.compile(r"(?:(?P<ip>.*):(?=[^:]*:))?(?:(?P<published>[^:/]*):)?(?P<target>[^:/]+)(?:/(?P<protocol>\w+))?")


def port_entries(item: Node, key: str, faults: list[Finding]) -> list[Node]:
    """One entry of ``ports`` as long entries, one for each target; none, and a fault, where it makes no sense."""
    try:
        return [_long(item)] if item.mapping else _short(item)
    except ValueError as error:
        faults.append(Finding(f"{error}", item.place(key)))
        return []


def bounds(text: str) -> tuple[int, int]:
    """First and last port of ``80`` or ``80-90``.

    Raises:
        ValueError: the text is no port and no range of ports.
    """
    match = _RANGE.fullmatch(text)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if not 0 <= first <= last <= LAST_PORT:
        raise ValueError(f"{text!r} is no port from 0 to {LAST_PORT}")
    return first, last


def _long(item: Node) -> Node:
    defaults = {"protocol": item.of("tcp"), "mode": item.of("ingress")}
    entries = {**defaults, **item.mapping}
    bounds(entries["target"].text if "target" in entries else "")
    if entries.get("published", Node(None)).text:
        bounds(entries["published"].text)
    return item.of(entries)


def _short(item: Node) -> list[Node]:
    match = _SHORT.fullmatch(item.text)
    if not match:
        raise ValueError(f"{item.text!r} is no [address:][port:]port")
    first, last = bounds(match["target"])
    published = match["published"] or ""
    if not published:
        targets = range(first, last + 1) if last - first <= MOST_EXPANDED else (match["target"],)
        return [_entry(item, match, target, "") for target in targets]
    lowest, highest = bounds(published)
    if last == first:
        return [_entry(item, match, first, published if highest > lowest else str(lowest))]
    if last - first == highest - lowest > MOST_EXPANDED:
        return [_entry(item, match, match["target"], published)]
    if last - first != highest - lowest:
        raise ValueError(f"ranges {published} and {match['target']} are not of one length")
    return [_entry(item, match, target, str(lowest + target - first)) for target in range(first, last + 1)]


def _entry(item: Node, match: re.Match[str], target: int | str, published: str) -> Node:
    entries = {
        "target": item.of(target),
        "published": item.of(published),
        "protocol": item.of(match["protocol"] or "tcp"),
        "host_ip": item.of((match["ip"] or "").strip("[]")),
        "mode": item.of("ingress"),
    }
    return item.of({name: node for name, node in entries.items() if node.value != ""})
