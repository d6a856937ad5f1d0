"""What the containers of both releases tell of themselves, through testinfra; within an act of the recorder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from blueprint.evidence import JSON
from provision.processes import Completed, run
from provision.tools import tool
from worlds.cluster import QUICK
from worlds.probes.inside import told_inside
from worlds.release import Release
from worlds.release_acts import PASSING, workload_of


def told(release: Release, containers: Iterable[str]) -> list[JSON]:
    """Facts about each container of a pod that lasts, in the form of :class:`blueprint.live.Inside`.

    Args:
        release: both releases.
        containers: ``kind/workload/container``; of a workload with several pods one is asked.
    """
    env = {**release.cluster.env, "PATH": f"{tool('kubectl').path.parent}{os.pathsep}{os.environ['PATH']}"}
    pods = {workload_of(pod): pod for pod in release.get("pods")}

    def execute(argv: Sequence[str]) -> Completed:
        return run(argv, env=env, timeout=QUICK, check=False)

    def facts(name: str) -> JSON:
        workload, _, container = name.rpartition("/")
        if workload not in pods:
            return {"service": name, "error": "there is no pod"}
        pod = pods[workload]["metadata"]["name"]
        address = f"kubectl://{pod}?container={container}&namespace={release.namespace}"
        return {"service": name, "declared": _declared(pods[workload]), **told_inside(address, execute)}

    release.cluster.refuse_lost()
    return [facts(name) for name in sorted(containers) if not name.startswith(PASSING)]


def _declared(pod: Mapping[str, Any]) -> list[JSON]:
    """The TCP ports that a pod declares."""
    ports = [port for container in pod["spec"]["containers"] for port in container.get("ports") or ()]
    return list[JSON](sorted({port["containerPort"] for port in ports if port.get("protocol", "TCP") == "TCP"}))
