"""DRR-007, as far as files tell: what was drilled is what the traffic managers are told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields

from blueprint.compose.nodes import Node
from blueprint.compose.reading import read_yaml
from blueprint.documents import Document
from blueprint.evidence import Finding, Findings, Place

FOLDER = "infra/failover"
CLOUDFLARE, ROUTE_53, DRILL = (f"{FOLDER}/{name}.json" for name in ("cloudflare", "route53", "drill"))
FILES = (CLOUDFLARE, ROUTE_53, DRILL)
"""What the two APIs are given, in their own words, and what the drill reads."""
_REMEDY = f"make it what {DRILL} says, and drill it again"


@dataclass(frozen=True, slots=True)
class Failover:
    """Where traffic goes, and when it goes elsewhere; None where a definition does not say it.

    Attributes:
        targets: addresses, first the one that has the traffic while it is well.
        path: what is asked of a target.
        interval: seconds between two questions.
        threshold: how many of them have to fail.
    """

    targets: tuple[str, ...] | None
    path: str | None
    interval: str | None
    threshold: str | None


def disagreeing_failover(documents: Sequence[Document]) -> Findings:
    """Both traffic managers are given the targets, path, interval and threshold that are drilled.

    Args:
        documents: the three of :data:`FILES`, whether they are there or not.
    """
    found: list[Finding] = []
    examined: list[str] = []
    read: dict[str, tuple[Node, Failover]] = {}
    for document in documents:
        examined.append(document.path)
        root = _root(document, found)
        if root:
            read[document.path] = root, _READERS[document.path](root)
    for path, (root, told) in read.items():
        found += _unsaid(path, root, told)
        if path != DRILL and DRILL in read:
            found += _differences(path, root, told, read[DRILL][1])
    return Findings.of(examined, FILES, found, "both traffic managers are given what is drilled")


def _root(document: Document, found: list[Finding]) -> Node | None:
    if not document:
        found.append(document.absence(f"write {document.path}"))
        return None
    read = read_yaml(document.text, document.path)  # JSON is YAML, and this reader knows its lines
    found += read.faults
    if not read.faults and not (read.documents and read.documents[0].mapping):
        found.append(Finding("is empty, or no mapping", Place(document.path, 1)))
        return None
    return read.documents[0] if not read.faults else None


def _unsaid(path: str, root: Node, told: Failover) -> Iterator[Finding]:
    for field in fields(told):
        if getattr(told, field.name) is None:
            yield Finding(f"does not say the {field.name}", Place(path, root.line), "write it down")
    if told.targets is not None and len(set(told.targets)) < 2:  # noqa: PLR2004 - to move traffic takes two
        yield Finding("has no second target that traffic could go to", Place(path, root.line), "name two regions")


def _differences(path: str, root: Node, told: Failover, drilled: Failover) -> Iterator[Finding]:
    for field in fields(told):
        here, there = getattr(told, field.name), getattr(drilled, field.name)
        if here is not None and there is not None and here != there:
            what = f"says {_shown(here)}, where {_shown(there)} was drilled"
            yield Finding(what, Place(path, root.line, field.name), _REMEDY)


def _shown(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else ", ".join(value)


def _cloudflare(root: Node) -> Failover:
    """A load balancer as Cloudflare's API has it: pools in order, each with origins, and one monitor."""
    pools = {pool.get("name").text or pool.get("id").text: pool for pool in root.get("pools").items}
    order = [node.text for node in root.get("load_balancer", "default_pools").items] or [*pools]
    origins = [origin for name in order if name in pools for origin in pools[name].get("origins").items]
    monitor = root.get("monitor")
    return Failover(
        _targets(origin.get("address") for origin in origins),
        monitor.get("path").text or None,
        monitor.get("interval").text or None,
        monitor.get("consecutive_down").text or None,
    )


def _route_53(root: Node) -> Failover:
    """Health checks and failover records as Route 53's API has them: the primary first."""
    records = sorted(root.get("ResourceRecordSets").items, key=lambda record: record.get("Failover").text != "PRIMARY")
    checks = [check.get("HealthCheckConfig") for check in root.get("HealthChecks").items]
    return Failover(
        _targets(value.get("Value") for record in records for value in record.get("ResourceRecords").items),
        _agreed(checks, "ResourcePath"),
        _agreed(checks, "RequestInterval"),
        _agreed(checks, "FailureThreshold"),
    )


def _drill(root: Node) -> Failover:
    return Failover(
        _targets(root.get("targets").items),
        root.get("path").text or None,
        root.get("interval").text or None,
        root.get("threshold").text or None,
    )


def _targets(nodes: Iterable[Node]) -> tuple[str, ...] | None:
    found = tuple(node.text for node in nodes if node.text)
    return found or None


def _agreed(checks: Sequence[Node], key: str) -> str | None:
    """What all health checks say; where they differ, all of it, which equals nothing that was drilled."""
    said = list(dict.fromkeys(check.get(key).text for check in checks if check.get(key).text))
    return " and ".join(said) or None


_READERS = {CLOUDFLARE: _cloudflare, ROUTE_53: _route_53, DRILL: _drill}
