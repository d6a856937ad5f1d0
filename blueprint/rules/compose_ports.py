"""CMP-010 and CMP-021: host ports, who claims them, and on which address."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations

from blueprint.compose import ComposeModel, Service
from blueprint.compose.model import Project
from blueprint.compose.service import Port
from blueprint.evidence import Finding, Findings
from blueprint.rules.compose_names import GATEWAY_PORT, counted, drifted, listed, nothing_to_judge, share

_EVERY = frozenset({"", "0.0.0.0", "::", "*"})  # noqa: S104 - looked for, not bound


def clashing_ports(model: ComposeModel) -> Findings:
    """Host ports and container names that two claim at once, and a gateway that is not on its port."""
    if nothing := nothing_to_judge(model):
        return nothing
    found = [finding for selection in model.selections for finding in _clashes(selection.services)]
    found += [*_gateway(model), *_clashes_with_others(model)]
    ports = [port for service in model.services.values() for port in service.ports]
    clashes = listed(found)
    sound = counted(len(clashes), "offence") if clashes else f"no clash, the gateway on {GATEWAY_PORT}"
    return Findings.of(model.services, model.outline.services, clashes, f"{counted(len(ports), 'host port')}, {sound}")


def _clashes(running: Mapping[str, Service]) -> Iterator[Finding]:
    claims = [(name, port) for name, service in running.items() for port in service.ports if port.first]
    for (one, port), (other, second) in combinations(claims, 2):
        if _overlap(port, second):
            who = f"{one} and {other} both claim" if one != other else f"{one} claims twice"
            yield Finding(f"{who} host port {second}", second.place, "give one of them another, or none")
    for name, service in running.items():
        fixed = [port for port in service.ports if port.first and port.first == port.last]
        copies = service.node.get("deploy", "replicas").text or service.node.get("scale").text
        if fixed and copies.isdigit() and int(copies) > 1:
            what = f"{copies} copies of {name} claim host port {fixed[0]} at once"
            yield Finding(what, fixed[0].place, "let the engine choose the host port")
    names = {name: service.node.get("container_name").text for name, service in running.items()}
    for (one, first), (other, second_name) in combinations(names.items(), 2):
        if first and first == second_name:
            what = f"{one} and {other} both want to be the container {first}"
            yield Finding(what, running[other].place("container_name"), "let Compose name containers")


def _overlap(one: Port, other: Port) -> bool:
    if one.protocol != other.protocol or one.first > other.last or other.first > one.last:
        return False
    chosen_in_range = any(port.first != port.last and "-" not in port.target for port in (one, other))
    return not chosen_in_range and (one.address == other.address or bool({one.address, other.address} & _EVERY))


def _gateway(model: ComposeModel) -> Iterator[Finding]:
    name = "gateway" if "gateway" in model.services else drifted("gateway", model.services)
    if not name:
        where = model.project.tree.get("services").place("services")
        yield Finding(f"no service gateway is there to publish host port {GATEWAY_PORT}", where)
        return
    service = model.services[name]
    if not any(port.first == port.last == GATEWAY_PORT and port.protocol == "tcp" for port in service.ports):
        published = ", ".join(str(port) for port in service.ports) or "no port"
        what = f"{name} publishes {published}, the blueprint says {GATEWAY_PORT}"
        where = service.place("ports") if service.ports else service.place()
        yield Finding(what, where, f'ports: ["127.0.0.1:{GATEWAY_PORT}:{GATEWAY_PORT}"]')


def _clashes_with_others(model: ComposeModel) -> Iterator[Finding]:
    """What another Compose file of the checkout claims too: of the two stacks only one can run."""
    for project in model.others.values():
        yield from _shared_ports(model, project)
        mine = {service.node.get("container_name").text: name for name, service in model.services.items()}
        for service in _whole(project):
            container = service.node.get("container_name")
            if container.text and container.text in mine:
                what = f"a second Compose file also names a container {container.text}, like {mine[container.text]}"
                yield Finding(what, service.place("container_name"), f"remove the file, or the name in {model.entry}")


def _shared_ports(model: ComposeModel, project: Project) -> Iterator[Finding]:
    claims = [(name, port) for name, service in model.services.items() for port in service.ports if port.first]
    for service in _whole(project):
        for port in service.ports:
            for name, mine in claims:
                if port.first and _overlap(mine, port):
                    what = f"a second Compose file also claims host port {port}, which {name} of {model.entry} has"
                    yield Finding(what, port.place, "remove the file, or give it ports of its own")


def _whole(project: Project) -> list[Service]:
    """Services that could run by themselves; a file of overrides has none."""
    return [s for s in project.services.values() if s.node.get("image").value or s.node.get("build").value]


def open_ports(model: ComposeModel) -> Findings:
    """Host ports that are published beyond the loopback address."""
    if nothing := nothing_to_judge(model):
        return nothing
    found = [
        Finding(f"{name} publishes {port}, beyond loopback", port.place, "put 127.0.0.1: in front")
        for name, service in model.services.items()
        for port in service.ports
        if not (port.address.startswith("127.") or port.address in {"::1", "localhost"})
    ]
    beyond = len(found)
    found += [
        Finding(f"{name} runs in the network of the host", service.place("network_mode"), "publish its ports instead")
        for name, service in model.services.items()
        if service.node.get("network_mode").text == "host"
    ]
    ports = [port for service in model.services.values() for port in service.ports]
    observed = f"{share(len(ports) - beyond, len(ports), 'host port')} on loopback alone"
    return Findings.of(model.services, model.outline.services, found, observed)
