"""What pods tell of themselves from inside, beside what their manifests say."""

from __future__ import annotations

from collections.abc import Iterable

from blueprint.evidence import Findings
from blueprint.live import Inside
from blueprint.rules.live_cluster import finding
from blueprint.rules.live_compose import rights


def unconfined_pods(seen: Iterable[Inside], containers: Iterable[str]) -> Findings:
    """Containers with a root process, a writable root file system, a way to new privileges, or a port that is shut.

    A port that listens and is not declared is no offence: policies keep others from it.

    Args:
        seen: of each container what it tells; those of a pod listen together.
        containers: ``kind/workload/container`` of those that the charts render; the population.
    """
    facts = list(seen)
    found = [offence for one in facts for offence in rights(one)]
    found += [
        finding(one.service, f"declares port {port}, on which nothing listens", "declare the port that it has")
        for one in facts
        for port in sorted(set(one.declared) - set(one.listening))
        if not one.error
    ]
    examined = [one.service for one in facts if not one.error]
    observed = f"{len(examined)} containers without root, read-only, and open where they say so"
    return Findings.of(examined, containers, found, observed)
