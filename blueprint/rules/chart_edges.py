"""HLM-017, as far as files tell: who may reach whom, as the rendered network policies have it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from blueprint.chart_origins import traced
from blueprint.charts import ENVIRONMENTS, FOLDER, NONE, PODS, Charts, Rendered, at
from blueprint.evidence import Finding, Findings, Place
from blueprint.rules.chart_components import names_of
from blueprint.rules.chart_selectors import selects
from blueprint.rules.chart_sources import absences, is_whole, rendered

NEEDED = (
    ("gateway", "conversation-worker"),
    ("gateway", "auth"),
    ("ui", "gateway"),
    ("conversation-worker", "memory-service"),
    ("conversation-worker", "tool-executor"),
    ("conversation-worker", "kafka"),
    ("gateway", "kafka"),
    ("memory-service", "postgres"),
    ("memory-service", "qdrant"),
    ("schema-registry", "kafka"),
    ("grafana", "prometheus"),
)
FORBIDDEN = (
    *(
        (source, "postgres")
        for source in ("ui", "gateway", "tool-executor", "conversation-worker", "grafana", "prometheus")
    ),
    *((source, "vault") for source in ("ui", "tool-executor", "kafka", "redis", "grafana")),
    *((source, "etcd") for source in ("ui", "tool-executor", "grafana", "auth")),
    *((source, "redis") for source in ("ui", "tool-executor", "grafana")),
    *((source, "object-store") for source in ("ui", "gateway", "tool-executor")),
    ("ui", "kafka"),
    ("tool-executor", "memory-service"),
)
"""Edges without which the whole does not work, and edges that only an intruder would take, to a Service's port."""


@dataclass(frozen=True, slots=True)
class _World:
    """What is installed side by side in one namespace."""

    objects: Sequence[Rendered]
    policies: Sequence[Rendered]

    def pods(self, name: str) -> list[Rendered]:
        """The workloads of a component."""
        return [each for each in self.objects if each.pod and not each.is_hook and name in names_of(each)]

    def ports(self, name: str) -> list[int]:
        """The ports of its pods that its Service leads to."""
        services = [each for each in self.objects if each.kind == "Service" and each.name == name]
        ports = [port for each in services for port in at(each.body, "spec", "ports") or ()]
        named = {key: number for pod in self.pods(name) for key, number in ports_of(pod).items()}
        found = (port.get("targetPort") or port.get("port") for port in ports)
        numbers = (named.get(str(port), port) for port in found)
        return [int(number) for number in numbers if str(number).isdigit()]


def ports_of(pod: Rendered) -> Mapping[str, int]:
    """The ports of its containers that have a name."""
    ports = (port for _, container in pod.containers(init=False) for port in container.get("ports") or ())
    return {str(port.get("name")): int(port["containerPort"]) for port in ports if port.get("containerPort")}


def open_edges(charts: Charts) -> Findings:
    """Pods that no policy denies by default, needed edges that are closed, and forbidden ones that are open."""
    found = absences(charts)
    examined, population = map(set, rendered(charts))
    for values in (*ENVIRONMENTS, NONE):
        objects = charts.installed(values)
        world = _World(objects, [each for each in objects if each.kind == "NetworkPolicy"])
        for render in (each for each in charts.renders if each.values == values):
            examined |= {each.label for each in render.objects if each.kind in PODS}
            population |= {label for label in render.population if label.split()[-2] in PODS}
        if is_whole(charts, values):
            found += [*_undenied(world), *_edges(world, values)]
    needed = len(NEEDED)
    observed = f"all is denied by default; {needed} needed edges are open, {len(FORBIDDEN)} others closed"
    return Findings.of(examined, population, traced(charts, found), observed)


def _undenied(world: _World) -> Iterator[Finding]:
    for each in world.objects:
        for direction in ("Ingress", "Egress") if each.pod else ():
            if not any(_takes(policy, each, direction) for policy in world.policies):
                what = f"no policy denies {direction.casefold()} of its pods by default"
                yield Finding(what, each.place(), "a NetworkPolicy with podSelector {} and both policyTypes")


def _edges(world: _World, values: str) -> Iterator[Finding]:
    for edges, wanted, remedy in ((NEEDED, True, "add its policy"), (FORBIDDEN, False, "narrow the policy")):
        for source, target in edges:
            for port in world.ports(target):
                pairs = [(one, other) for one in world.pods(source) for other in world.pods(target)]
                wrong = [pair for pair in pairs if may_reach(world.policies, *pair, port) != wanted]
                if wrong:
                    state = "closed" if wanted else "open"
                    key = f"[{values or 'no values'}] {source} to {target}:{port}"
                    place = _closed(*wrong[0], key) if wanted else _opened(world.policies, *wrong[0], port, key)
                    yield Finding(f"the {'needed' if wanted else 'forbidden'} edge is {state}", place, remedy)


def _closed(source: Rendered, target: Rendered, key: str) -> Place:
    """Who needs an edge says so: by what its pods are labelled with."""
    return Place(source.source, 0, key, ('"uses"', f"uses-{target.name}", target.name, "labels"))


def _opened(policies: Sequence[Rendered], source: Rendered, target: Rendered, port: int, key: str) -> Place:
    """The policies that let somebody in, told by the one that names whom; without any, there is no policy."""
    letting = [
        each for each in policies if _takes(each, target, "Ingress") and _lets([each], target, "Ingress", source, port)
    ]
    return Place(letting[0].source, 0, key, (letting[0].name,)) if letting else Place(FOLDER, 0, key)


def may_reach(policies: Sequence[Rendered], source: Rendered, target: Rendered, port: int) -> bool:
    """Whether a pod of the one may open a connection to a port of a pod of the other."""
    return _lets(policies, source, "Egress", target, port) and _lets(policies, target, "Ingress", source, port)


def _lets(policies: Sequence[Rendered], pod: Rendered, direction: str, peer: Rendered, port: int) -> bool:
    mine = [policy for policy in policies if _takes(policy, pod, direction)]
    if not mine:
        return True
    key, side = direction.casefold(), "from" if direction == "Ingress" else "to"
    rules = (rule or {} for policy in mine for rule in at(policy.body, "spec", key) or ())
    named = ports_of(peer if direction == "Egress" else pod)
    return any(_of_port(rule.get("ports"), port, named) and _of_peer(rule.get(side), peer) for rule in rules)


def _takes(policy: Rendered, pod: Rendered, direction: str) -> bool:
    spec = policy.body.get("spec") or {}
    implied = ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    return policy.kind == "NetworkPolicy" and (
        direction in (spec.get("policyTypes") or implied) and selects(spec.get("podSelector"), pod.pod_labels)
    )


def _of_port(ports: Sequence[Mapping[str, Any]] | None, port: int, named: Mapping[str, int]) -> bool:
    if not ports:
        return True
    ports = [each | {"port": named.get(str(each.get("port")), each.get("port"))} for each in map(dict, ports)]
    return any(
        each.get("protocol", "TCP") == "TCP"
        and (each.get("port") is None or int(each["port"]) <= port <= int(each.get("endPort", each["port"])))
        for each in ports
        if each.get("port") is None or str(each["port"]).isdigit()
    )


def _of_peer(peers: Sequence[Mapping[str, Any]] | None, pod: Rendered) -> bool:
    """A rule without peers takes everybody; one of another namespace takes nobody of this one."""
    if not peers:
        return True
    return any(
        "namespaceSelector" not in peer and "podSelector" in peer and selects(peer["podSelector"], pod.pod_labels)
        for peer in peers
    )
