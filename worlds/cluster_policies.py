"""What enforces network policies in a cluster of ours: kind's own kindnetd, or kube-router beside its stand-in."""

from __future__ import annotations

from collections.abc import Sequence

from provision.engine import Engine
from provision.image_choice import Policy
from provision.image_settler import ImageRecord
from provision.images import ensure
from provision.node import STAND_IN
from worlds.cluster import ROOT, Cluster

MANIFEST = ROOT / "infra" / "kind-network-policies.yaml"
ROUTER = "kube-router"
STARTED_SECONDS = 120
"""How long it may take to start; one image is on the node already."""


def enforce_policies(cluster: Cluster, engine: Engine, images: Sequence[ImageRecord]) -> list[ImageRecord]:
    """Have network policies enforced, also where they are already: on a node that was pulled nothing is done.

    Args:
        cluster: where.
        engine: that it stands on.
        images: what its nodes are made of.

    Returns:
        The record of what enforces them, where that is not kind's own.

    Raises:
        Trouble: its image cannot be built, or it does not start.
    """
    if STAND_IN not in {record.name for record in images}:
        return []
    brought = ensure([ROUTER], engine, Policy.BUILD, cluster.progress, overlay=None)  # as the node was
    (router,) = (record for record in brought if record.name == ROUTER)
    cluster.load([router.reference])
    cluster.apply(MANIFEST.read_text(encoding="utf-8"))
    status = ("rollout", "status", f"daemonset/{ROUTER}", "-n", "kube-system", f"--timeout={STARTED_SECONDS}s")
    cluster.kubectl(*status, timeout=STARTED_SECONDS + 10)
    cluster.progress("network policies are enforced by kube-router")
    return [router]
