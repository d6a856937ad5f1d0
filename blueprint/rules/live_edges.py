"""HLM-017, in fact: which connections between pods come about in a cluster that runs both releases."""

from __future__ import annotations

from collections.abc import Iterator

from blueprint.evidence import Finding, Findings, Place
from blueprint.live_edges import API_SERVER, OPEN, OUTSIDER, SERVICES, STRANGER, Edges
from blueprint.rules.chart_edges import FORBIDDEN, NEEDED

PUBLIC = frozenset({"gateway", "ui", "vault-injector"})
"""What may be reached from outside the namespace: by callers, by browsers, and by the API server."""
_OF_SERVICES = tuple((pair, wanted) for pairs, wanted in ((NEEDED, True), (FORBIDDEN, False)) for pair in pairs)


def edges_in_fact(edges: Edges, namespace: str) -> Findings:
    """Needed edges that are closed, and edges that are open to whom no policy names, or to whom one forbids them."""
    found = list(_found(edges, namespace))
    pairs = _pairs(edges)
    examined = {f"{source} to {target}" for source, target in pairs if any(edges.of_pair(source, target))}
    if API_SERVER in edges.reached.get(STRANGER, {}):
        examined.add(f"{STRANGER} to {API_SERVER}")
    population = {f"{source} to {target}" for source, target in pairs} | {f"{STRANGER} to {API_SERVER}"}
    closed = sum(word != OPEN for source, target in pairs for _, word in edges.of_pair(source, target))
    return Findings.of(
        examined, population, found, f"{len(pairs)} edges tried, {closed} of them closed, as they should"
    )


def _pairs(edges: Edges) -> list[tuple[str, str]]:
    """What has to be tried: the edges of the services, and every Service from whom no policy names."""
    named = [pair for pair, _ in _OF_SERVICES if pair[0] in SERVICES and pair[1] in edges.endpoints]
    return named + [(guest, target) for guest in (STRANGER, OUTSIDER) for target in sorted(edges.endpoints)]


def _found(edges: Edges, namespace: str) -> Iterator[Finding]:
    for (source, service), wanted in _OF_SERVICES:
        for target, word in edges.of_pair(source, service) if source in SERVICES else ():
            if (word == OPEN) != wanted:
                state = f"needed edge is closed: {word}" if wanted else "forbidden edge is open"
                yield Finding(f"the {state}", _place(namespace, source, target), "mend the policies of both ends")
    if edges.reached.get(STRANGER, {}).get(API_SERVER) == OPEN:
        yield Finding(
            "a pod that no policy names reaches the API server", _place(namespace, STRANGER, API_SERVER), _DENY
        )
    for service in sorted(edges.endpoints):
        for target, word in edges.of_pair(STRANGER, service):
            if word == OPEN:
                yield Finding("a pod that no policy names reaches it", _place(namespace, STRANGER, target), _DENY)
        for target, word in edges.of_pair(OUTSIDER, service):
            if word == OPEN and service not in PUBLIC:
                yield Finding("a pod of another namespace reaches it", _place(namespace, OUTSIDER, target), _DENY)


_DENY = "deny everything by default, in both directions, and use a network plugin that enforces it"


def _place(namespace: str, source: str, target: str) -> Place:
    return Place(f"namespace {namespace}", 0, f"{source} to {target}")
