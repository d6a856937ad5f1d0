"""Why pods do not become ready: from what the API server tells of them, their events, and their last lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from worlds.cluster import Cluster

NEVER_PULLED = frozenset({"ErrImageNeverPull", "ImagePullBackOff", "InvalidImageName"})
"""Why a container waits that waits for ever: its image is not on the node, and nothing brings it there."""
LINES = 5
ASKED_SECONDS = 3.0
"""A description comes within ten seconds, so no question of it may take longer."""
DESCRIBED = 3
"""How many pods are described with their last lines; of the others the state is told."""


def hopeless(pods: Iterable[Mapping[str, Any]]) -> list[str]:
    """Containers whose image cannot be had."""
    return [f"{_name(pod)}/{one['name']}" for pod in pods for one in _containers(pod) if _waits(one) in NEVER_PULLED]


def unready_pods(pods: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Pods that are neither ready nor done."""
    return [pod for pod in pods if pod.get("status", {}).get("phase") != "Succeeded" and not is_ready(pod)]


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether its condition Ready is true."""
    conditions = pod.get("status", {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def reasons(cluster: Cluster, namespace: str) -> list[str]:
    """Of each pod that is not ready: the container that is not, its last event, and its last lines."""
    pods = unready_pods(cluster.get("pods", namespace))
    events = cluster.get("events", namespace) if pods else []
    told = []
    for number, pod in enumerate(pods):
        stuck = _stuck(pod)
        told.append(f"  pod {_name(pod)}: {', '.join(_state(one) for one in stuck) or pod['status'].get('phase', '?')}")
        told += [f"    last event: {event}" for event in _last_event(pod, events)]
        if number < DESCRIBED:
            told += [line for one in stuck[:1] for line in _last_lines(cluster, namespace, pod, one["name"])]
    return told


def _stuck(pod: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The containers that hold the pod up; those that come before the others first."""
    return [one for one in _containers(pod) if not one.get("ready") and not _is_done(one)]


def _containers(pod: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    status = pod.get("status", {})
    yield from status.get("initContainerStatuses") or ()
    yield from status.get("containerStatuses") or ()


def _is_done(container: Mapping[str, Any]) -> bool:
    return bool(container.get("state", {}).get("terminated", {}).get("exitCode") == 0)


def _waits(container: Mapping[str, Any]) -> str:
    return str(container.get("state", {}).get("waiting", {}).get("reason", ""))


def _state(container: Mapping[str, Any]) -> str:
    """E.g. ``container auth: CrashLoopBackOff, 3 restarts, exit code 1 before``."""
    state: Mapping[str, Mapping[str, Any]] = container.get("state", {})
    kind, told = next(iter(state.items()), ("unknown", {}))
    words = [told.get("reason") or ("runs, not ready" if kind == "running" else kind)]
    if image := container.get("image") if _waits(container) in NEVER_PULLED else "":
        words.append(f"image {image} is not on the node")
    if container.get("restartCount"):
        words.append(f"{container['restartCount']} restarts")
    if before := container.get("lastState", {}).get("terminated"):
        words.append(f"exit code {before.get('exitCode')} before")
    return f"container {container['name']}: {', '.join(words)}"


def _last_event(pod: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> list[str]:
    own = [one for one in events if one.get("involvedObject", {}).get("uid") == pod["metadata"].get("uid")]
    last = max(own, key=_when, default=None)
    return [f"{last.get('reason')}: {last.get('message', '').strip()}"] if last else []


def _when(event: Mapping[str, Any]) -> str:
    return event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp") or ""


def _last_lines(cluster: Cluster, namespace: str, pod: Mapping[str, Any], container: str) -> list[str]:
    words = (
        "logs",
        "-n",
        namespace,
        _name(pod),
        "-c",
        container,
        f"--tail={LINES}",
        f"--request-timeout={ASKED_SECONDS:g}s",
    )
    said = cluster.kubectl(*words, check=False).stdout.strip()
    return [f"    last lines of {container}:", *(f"      {line}" for line in said.splitlines())] if said else []


def _name(pod: Mapping[str, Any]) -> str:
    return str(pod["metadata"]["name"])
