"""What can be wrong with an upgrade, a repeated upgrade and a rollback; from observations alone."""

from __future__ import annotations

from collections.abc import Collection

from blueprint.evidence import Finding, Findings
from blueprint.live_cluster import Change, Load, Snapshot
from blueprint.rules.live_cluster import finding

ENOUGH = 20
"""Requests under a change, at the least, before it can be said that none was dropped."""


def changed_by_repeating(before: Snapshot, after: Snapshot, rendered: Collection[str]) -> Findings:
    """What a repeated upgrade with the same chart and values changed.

    Args:
        before: the namespace.
        after: the same, once it was repeated.
        rendered: the workloads that the charts render; the population.
    """
    found = [finding(name, "its pods were replaced") for name in sorted(_rolled(before, after))]
    for name, workload in before.workloads.items():
        now = after.workloads.get(name)
        if now is None or now.generation != workload.generation:
            told = "is gone" if now is None else f"went from generation {workload.generation} to {now.generation}"
            found.append(finding(name, told))
    found += [finding(name, "its content changed") for name in _changed_configs(before, after)]
    observed = f"{len(before.workloads)} workloads keep their pods and their generation"
    return Findings.of(before.workloads, rendered, found, observed)


def unclean_change(change: Change, wanted: Collection[str], rendered: Collection[str]) -> Findings:
    """Pods that an upgrade rolled and should not have, or the other way round; lost data; dropped requests.

    Args:
        change: the upgrade.
        wanted: the workloads whose value was changed.
        rendered: the workloads that the charts render; the population.
    """
    found = [*_misrolled(change, wanted), *_lost(change), *_dropped(change.load)]
    observed = (
        f"only {', '.join(sorted(wanted))} rolled; {change.load.answered} requests answered, none dropped; data kept"
    )
    return Findings.of(change.before.workloads, rendered, found, observed)


def unread_configuration(change: Change, wanted: Collection[str], rendered: Collection[str]) -> Findings:
    """Pods that do not use a changed configuration and were rolled by it, or use it and were not."""
    found = [*_misrolled(change, wanted)]
    observed = f"only {', '.join(sorted(wanted))} rolled, of {len(change.before.workloads)} workloads"
    return Findings.of(change.before.workloads, rendered, found, observed)


def unclean_rollback(former: Snapshot, change: Change, rendered: Collection[str]) -> Findings:
    """Where a rollback did not bring the former state back, lost data, or dropped requests.

    Args:
        former: the namespace before the upgrade.
        change: the rollback.
        rendered: the workloads that the charts render; the population.
    """
    found = [*_lost(change), *_dropped(change.load)]
    for name, workload in former.workloads.items():
        now = change.after.workloads.get(name)
        if now is None or now.template != workload.template:
            found.append(finding(name, "does not have the template of before" if now else "is gone"))
    found += [finding(name, "does not have the content of before") for name in _changed_configs(former, change.after)]
    found += [
        finding(pod.name, f"is {pod.phase} after the rollback, {'ready' if pod.ready else 'not ready'}")
        for pod in change.after.pods
        if not pod.is_of_a_job and not pod.ending and not (pod.ready and pod.phase == "Running")
    ]
    if former.workloads.keys() and not _rolled(change.before, change.after):
        found.append(finding("helm rollback", "rolled nothing: there was nothing to bring back"))
    observed = f"{len(former.workloads)} workloads as before; {change.load.answered} requests answered, none dropped"
    return Findings.of(former.workloads, rendered, found, observed)


def _rolled(before: Snapshot, after: Snapshot) -> set[str]:
    return {name for name in before.workloads if before.standing(name) != after.standing(name)}


def _misrolled(change: Change, wanted: Collection[str]) -> list[Finding]:
    rolled = _rolled(change.before, change.after)
    found = [finding(name, "was rolled, and nothing that it uses was changed") for name in sorted(rolled - {*wanted})]
    return found + [finding(name, "still runs on the value of before") for name in sorted({*wanted} - rolled)]


def _changed_configs(before: Snapshot, after: Snapshot) -> list[str]:
    return sorted(name for name, content in before.configs.items() if after.configs.get(name) != content)


def _lost(change: Change) -> list[Finding]:
    if change.put and change.kept == change.put:
        return []
    return [finding("redis", f"{change.put!r} was stored before, and {change.kept!r} is there after it")]


def _dropped(load: Load) -> list[Finding]:
    found = []
    if load.failed:
        found.append(finding("gateway", f"{len(load.failed)} requests failed, the first: {load.failed[0]}"))
    if load.answered < ENOUGH:
        found.append(finding("gateway", f"only {load.answered} requests were made meanwhile, fewer than {ENOUGH}"))
    return found
