"""What can be wrong with both releases in a cluster: how they came up, whether they stay; from observations alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from blueprint.charts import CHARTS
from blueprint.evidence import Finding, Findings, Place
from blueprint.live import Answer, table
from blueprint.live_cluster import Line, Snapshot

OK = 200


def finding(key: str, what: str, remedy: str = "") -> Finding:
    """An offence of a live thing."""
    return Finding(what, Place(key=key), remedy)


def failed_lines(lines: Sequence[Line], written: Mapping[str, str], deployed: Mapping[str, str]) -> Findings:
    """Lines of the install flow that are not as written, did not succeed, or left no deployed release.

    Args:
        lines: what was run, in order.
        written: the line of each chart as the blueprint has it.
        deployed: status of each release, told by the cluster; the population.
    """
    found = []
    for line, (chart, text) in zip(lines, written.items(), strict=False):
        if not line.command.startswith(text):
            found.append(finding(chart, f"`{line.command}` was run, and the blueprint writes `{text}`"))
        if line.exit_code != 0:
            found.append(finding(chart, f"ended with exit code {line.exit_code}: {' / '.join(line.said[-3:])}"))
    found += [
        finding(chart, f"its release is {deployed.get(chart, 'not there')}")
        for chart in CHARTS
        if deployed.get(chart) != "deployed"
    ]
    examined = list(written)[: len(lines)]
    return Findings.of(examined, {*CHARTS, *deployed}, found, f"{len(lines)} lines as written, both releases deployed")


def unsettled_pods(first: Snapshot, last: Snapshot, hooks: Mapping[str, str]) -> Findings:
    """Pods that are not ready at one of two looks, or were restarted or replaced between them, and failed Jobs.

    Args:
        first: the namespace once it had settled.
        last: a while later.
        hooks: what became of each Job that helm ran, by its name; they remove themselves when they succeed.
    """
    found = [*_not_up(first), *_not_up(last)]
    before = {pod.uid: pod for pod in first.pods}
    for pod in last.pods:
        if pod.uid not in before and not pod.is_of_a_job:
            found.append(finding(pod.name, "took the place of another pod after all had settled"))
        elif pod.uid in before and pod.restarts > before[pod.uid].restarts:
            times = pod.restarts - before[pod.uid].restarts
            found.append(finding(pod.name, f"was restarted {times} times after all had settled"))
    found += [
        finding(name, f"the Job ended as {phase or 'nothing'}") for name, phase in hooks.items() if phase != "Succeeded"
    ]
    examined = {pod.workload for pod in last.pods} & set(last.workloads)
    running = sum(not pod.is_of_a_job for pod in last.pods)
    return Findings.of(
        {*examined, *hooks}, {*last.workloads, *hooks}, found, f"{running} pods ready, and {len(hooks)} Jobs succeeded"
    )


def _not_up(seen: Snapshot) -> Iterable[Finding]:
    for pod in seen.pods:
        if pod.is_of_a_job and pod.phase not in {"Succeeded", "Running"}:
            yield finding(pod.name, f"belongs to {pod.workload} and is {pod.phase}")
        elif not pod.is_of_a_job and not (pod.phase == "Running" and pod.ready):
            yield finding(pod.name, f"is {pod.phase}, {'ready' if pod.ready else 'not ready'}")
    for name, workload in seen.workloads.items():
        there = len(seen.standing(name))
        if there != workload.replicas:
            yield finding(name, f"wants {workload.replicas} pods and has {there}")


def closed_gateway(answer: Answer) -> Findings:
    """A gateway that does not answer through a port-forward, or that lets something else answer in its stead."""
    status = table(answer.body).get("status")
    found = [] if answer.status == OK else [finding("svc/gateway", f"/health answers {answer}")]
    if answer.status == OK and not status:
        whose = "a single-page app answers /health" if answer.is_page else "/health answers without a health body"
        found.append(finding("svc/gateway", f"{whose}: {answer}"))
    return Findings.of(["/health"], ["/health"], found, f"/health answers {answer.status}, {status}")


def failed_tests(
    chart: str, exit_code: int | None, hooks: Sequence[Mapping[str, Any]], population: Iterable[str], said: str
) -> Findings:
    """What `helm test` of a release has to show.

    Args:
        chart: whose release it is.
        exit_code: of the command.
        hooks: pods that it ran, with what became of each.
        population: the test pods that the chart renders.
        said: its last words, and the log of a pod that failed.
    """
    found = [] if exit_code == 0 else [finding(chart, f"`helm test` ended with exit code {exit_code}: {said}")]
    found += [
        finding(str(hook.get("name")), f"the test ended as {hook.get('phase') or 'nothing'}")
        for hook in hooks
        if hook.get("phase") != "Succeeded"
    ]
    examined = {str(hook.get("name")) for hook in hooks}
    return Findings.of(examined, population, found, f"{', '.join(sorted(examined))} succeeded")


def left_objects(
    before: Iterable[str], rendered: Iterable[str], after: Sequence[Mapping[str, Any]], errors: Sequence[str]
) -> Findings:
    """What is there after both were uninstalled and is not declared to stay.

    Args:
        before: names of all that was there.
        rendered: names of all that the charts render; the population.
        after: what is left, each with its name, its kind, and whether it is declared to stay.
        errors: what helm said where it did not succeed.
    """
    found = [finding("helm uninstall", text) for text in errors]
    found += [finding(str(one.get("name")), "is left behind") for one in after if not one.get("declared")]
    stays = sum(bool(one.get("declared")) for one in after)
    return Findings.of(before, rendered, found, f"nothing is left but {stays} objects that are declared to stay")
