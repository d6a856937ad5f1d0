"""Who reaches whom in fact: connections tried from the pods of services, and from guests that we put beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from blueprint.evidence import JSON, Findings
from blueprint.live_edges import API_SERVER, FRIEND, OUTSIDER, SERVICES, STRANGER, Edges
from blueprint.rules.live_edges import edges_in_fact
from provision.waiting import Deadline, WaitedTooLong, until
from worlds.probes import connects
from worlds.release import Release

PREFIX = "verify-"
ELSEWHERE = f"{PREFIX}elsewhere"
"""A namespace without policies, beside that of the releases."""
USES = "soma.local/uses-"
SETTLED = Deadline("connections to come about as the policies have it", 60)
"""Policies reach a new pod a moment after it has started, and until then whoever comes is let in or refused."""
READY_SECONDS = 90
WORKLOADS = "deployments.apps,statefulsets.apps"
ENDPOINTS = "endpointslices.discovery.k8s.io"
HEADLESS = "service.kubernetes.io/headless"


def edges(release: Release) -> dict[str, JSON]:
    """Which Services there are, and what became of a connection to each from everywhere, by source.

    Returns:
        ``endpoints``: the names of the Services that lead somewhere. ``reached``: by source, then by ``service:port``.
    """
    looking, seen = Looking(release), list[dict[str, JSON]]()

    def look() -> Findings:
        seen.append(looking.look())
        return edges_in_fact(Edges.of(seen[-1]), release.namespace)

    with looking.guests(), suppress(WaitedTooLong):  # what was seen last is told, and judged
        until(look, lambda findings: not findings.found and not findings.unexamined, SETTLED, every=1)
    return seen[-1]


@dataclass(frozen=True)
class Looking:
    """Trying connections in the namespace of a release."""

    release: Release

    def look(self) -> dict[str, JSON]:
        """Everything, once."""
        reached: dict[str, JSON] = {
            FRIEND: self.tried(f"{PREFIX}{FRIEND}"),
            STRANGER: self.tried(f"{PREFIX}{STRANGER}", api_server=True),
            OUTSIDER: self.tried(f"{PREFIX}{OUTSIDER}", namespace=ELSEWHERE),
        }
        for name, workload in self.services.items():
            reached[name] = self.tried(workload, container=name)
        return {"endpoints": list[JSON](self.endpoints()), "reached": reached}

    @cached_property
    def services(self) -> dict[str, str]:
        """The workloads of the application that are there, which have a Python in them."""
        there = {one["metadata"]["name"]: one["kind"].casefold() for one in self.release.get(WORKLOADS)}
        return {name: f"{there[name]}/{name}" for name in SERVICES if name in there}

    @cached_property
    def targets(self) -> dict[str, str]:
        """Address by ``service:port``, of every Service with an address of its own."""
        found = {}
        for one in self.release.get("services"):
            name, spec = one["metadata"]["name"], one["spec"]
            if spec.get("selector") and spec.get("clusterIP") != "None":
                for port in (each["port"] for each in spec["ports"] if each.get("protocol", "TCP") == "TCP"):
                    found[f"{name}:{port}"] = f"{name}.{self.release.namespace}.svc:{port}"
        return found

    def endpoints(self) -> list[str]:
        """The Services that lead to a pod, by another list of the API server."""
        slices = [one for one in self.release.get(ENDPOINTS) if HEADLESS not in one["metadata"].get("labels", {})]
        return sorted({one["metadata"]["labels"]["kubernetes.io/service-name"] for one in slices if one["endpoints"]})

    def tried(
        self, pod: str, *, container: str = "guest", namespace: str = "", api_server: bool = False
    ) -> dict[str, JSON]:
        """What became of a connection to every target from a pod."""
        targets = self.targets | ({API_SERVER: "kubernetes.default.svc:443"} if api_server else {})
        script = Path(connects.__file__).read_text(encoding="utf-8")
        words = ("-n", namespace or self.release.namespace, "exec", pod, "-c", container)
        asked = self.release.cluster.kubectl(*words, "--", "python3", "-c", script, *targets.values(), timeout=90)
        told: dict[str, JSON] = json.loads(asked.stdout)
        return {name: told[address] for name, address in targets.items()}

    @contextmanager
    def guests(self) -> Iterator[None]:
        """A pod with every label of an edge and one with none, and one in a namespace of its own; gone afterwards."""
        kubectl = self.release.cluster.kubectl
        try:
            kubectl(
                "apply", "-f", "-", given=json.dumps({"apiVersion": "v1", "kind": "List", "items": self._objects()})
            )
            for name, space in self._pods().items():
                words = ("wait", "-n", space, "--for=condition=Ready", f"pod/{name}", f"--timeout={READY_SECONDS}s")
                kubectl(*words, timeout=READY_SECONDS + 10)
            yield
        finally:
            for name, space in self._pods().items():
                kubectl("delete", "pod", name, "-n", space, "--ignore-not-found", "--wait=true", check=False)
            kubectl("delete", "namespace", ELSEWHERE, "--ignore-not-found", "--wait=true", check=False)

    def _pods(self) -> dict[str, str]:
        """The guests, and the namespace of each."""
        here = self.release.namespace
        return {f"{PREFIX}{FRIEND}": here, f"{PREFIX}{STRANGER}": here, f"{PREFIX}{OUTSIDER}": ELSEWHERE}

    def _objects(self) -> list[dict[str, Any]]:
        labels = dict.fromkeys(self._labels, "true")
        made = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ELSEWHERE}}]
        return made + [
            self._pod(name, space, labels if name.endswith(FRIEND) else {}) for name, space in self._pods().items()
        ]

    @cached_property
    def _labels(self) -> set[str]:
        """Every label that lets a pod in somewhere, as the policies of the namespace have them."""
        policies = self.release.get("networkpolicies.networking.k8s.io")
        rules = (rule for policy in policies for rule in policy["spec"].get("ingress") or ())
        peers = (peer.get("podSelector") or {} for rule in rules for peer in rule.get("from") or ())
        return {label for peer in peers for label in peer.get("matchLabels") or {} if label.startswith(USES)}

    def _pod(self, name: str, namespace: str, labels: Mapping[str, str]) -> dict[str, Any]:
        """Of a service's own image, which is on the node and has a Python."""
        first = next(one for one in self.release.get(WORKLOADS) if one["metadata"]["name"] in SERVICES)
        image = first["spec"]["template"]["spec"]["containers"][0]["image"]
        container = {
            "name": "guest",
            "image": image,
            "command": ["sleep", "infinity"],
            "resources": {"requests": {"cpu": "5m", "memory": "16Mi"}, "limits": {"cpu": "500m", "memory": "64Mi"}},
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
        }
        spec = {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 10001,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
        }
        metadata = {"name": name, "namespace": namespace, "labels": dict(labels)}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
