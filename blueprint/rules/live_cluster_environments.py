"""What can be wrong with values that were made for bigger clusters than the one they are tried in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from blueprint.charts import SIZING
from blueprint.evidence import Finding, Findings, Place
from blueprint.rules.live_cluster import finding

SIZES = frozenset({"replicas", "minReplicas", "maxReplicas", "resources", "storage", "heap", "maxMemory"})
"""The keys of values that say how many there are of something, or how much it may use."""


def refused_objects(seen: Mapping[str, Any]) -> Findings:
    """Objects of a render that the API server does not admit.

    Args:
        seen: ``rendered``: names of all objects, the population; ``created``: those that it would make; ``refused``:
            what it says otherwise.
    """
    rendered, created = frozenset(seen.get("rendered") or ()), frozenset(seen.get("created") or ())
    refused = [str(line) for line in seen.get("refused") or ()]
    found = [finding("kubectl create --dry-run=server", line) for line in refused]
    if not refused:
        found += [finding(name, "was not admitted in a dry run") for name in sorted(rendered - created)]
    return Findings.of(rendered, rendered, found, f"{len(created)} objects admitted as they are")


def more_than_sizes(overlay: Iterable[str]) -> Findings:
    """Values of the overlay that are neither a count nor a resource.

    Args:
        overlay: the path of every value that it sets, e.g. ``infra.kafka.replicas``; the population.
    """
    paths = frozenset(overlay)
    remedy = "leave in it what says how many or how much, and put the rest into values-<env>.yaml"
    found = [
        Finding("is neither a count nor a resource", Place(SIZING, key=path), remedy)
        for path in paths
        if not SIZES.intersection(path.split("."))
    ]
    return Findings.of(paths, paths or {SIZING}, found, f"sized down by {len(paths)} counts and resources")
