"""What is installed beside what the tree renders: read only, also on a cluster of somebody else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from blueprint.charts import CHARTS
from blueprint.evidence import JSON
from worlds.release import Release
from worlds.release_acts import name_of, stored, workload_of
from worlds.release_images import node_images

KINDS = (
    "configmaps,serviceaccounts,services,deployments.apps,statefulsets.apps,networkpolicies.networking.k8s.io"
    ",roles.rbac.authorization.k8s.io,rolebindings.rbac.authorization.k8s.io,poddisruptionbudgets.policy"
    ",horizontalpodautoscalers.autoscaling"
)
WIDE = (
    "clusterroles.rbac.authorization.k8s.io,clusterrolebindings.rbac.authorization.k8s.io"
    ",mutatingwebhookconfigurations.admissionregistration.k8s.io"
)
SPOKEN = ("apiVersion", "kind", "metadata", "spec", "data", "rules", "roleRef", "subjects", "webhooks")
"""The parts of an object that are compared."""
SHOWN = 100
"""Characters of a value of a ConfigMap that stands in the evidence as it is."""


def manifests(release: Release) -> dict[str, JSON]:
    """The manifests of both releases, object by object."""
    return {name: _spoken(one) for chart in CHARTS for name, one in stored(release, chart).items()}


def objects(release: Release) -> dict[str, JSON]:
    """The live objects of the names that the tree renders, and who set their fields."""
    wanted = rendered(release)
    found = {name_of(one): one for one in [*release.get(KINDS), *release.cluster.get(WIDE)]}
    live = {name: found[name] for name in wanted if name in found}
    return {
        "live": {name: _spoken(one) for name, one in live.items()},
        "owners": {name: list[JSON](sorted(set(_owners(one)))) for name, one in live.items()},
    }


def images(release: Release) -> dict[str, JSON]:
    """The image of every container that runs, the image that was loaded under its reference, and all containers.

    A node may know an image by the digest that it got when it was loaded; its own list tells which image that is.
    """
    known = node_images(release)
    running: list[JSON] = []
    for pod in release.get("pods"):
        owner, images_of = workload_of(pod), {one["name"]: one["image"] for one in pod["spec"]["containers"]}
        for one in pod["status"].get("containerStatuses") or ():
            name = f"{owner}/{one['name']}"
            running.append(
                {"name": name, "image": images_of[one["name"]], "digest": known.get(one["imageID"], one["imageID"])}
            )
    containers = list[JSON](sorted(containers_of(rendered(release))))
    return {"running": running, "wanted": dict[str, JSON](release.digests), "containers": containers}


def rendered(release: Release) -> dict[str, JSON]:
    """What the tree renders of both charts with the values of the environment, by name; hooks left out."""
    return {name_of(one): _spoken(one) for chart in CHARTS for one in release.render(chart)}


def _spoken(document: Mapping[str, Any]) -> JSON:
    found: dict[str, JSON] = {name: document[name] for name in SPOKEN if name in document}
    if isinstance(data := found.get("data"), dict):
        found["data"] = {key: _short(str(value)) for key, value in data.items()}
    metadata = document["metadata"]
    found["metadata"] = {"name": metadata["name"], "labels": metadata.get("labels") or {}}
    return found


def _short(text: str) -> str:
    """A value as it is, or the digest of a long one: whole files would drown the rest of the evidence."""
    return text if len(text) <= SHOWN else f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _owners(document: Mapping[str, Any]) -> Iterator[str]:
    """Who set fields of an object that are no status."""
    for entry in document["metadata"].get("managedFields") or ():
        if entry.get("subresource") not in {"status", "scale"}:
            yield entry["manager"]


def containers_of(documents: Mapping[str, Any]) -> set[str]:
    """``kind/workload/container`` of every container of a workload."""
    return {
        f"{name}/{container['name']}"
        for name, one in documents.items()
        if one["kind"] in {"Deployment", "StatefulSet"}
        for container in one["spec"]["template"]["spec"]["containers"]
    }
