"""Hosts that environment values and command lines name, and whether a selection has them."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator

from blueprint.compose import Selection, Service
from blueprint.evidence import Finding, Place

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://(?P<authority>[^\s/?#\"'\\]+)")
_BETWEEN_URLS = re.compile(r"[,;|](?=[A-Za-z][A-Za-z0-9+.-]{0,30}://)")
_HOST_PORT = re.compile(r"(?:\d+@)?(?P<host>[A-Za-z][A-Za-z0-9_.-]*):(?P<port>\d{2,5})(?:/\S*)?")
_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_OF_A_NETWORK = re.compile(
    r"(^|_)(URLS?|URIS?|HOSTS?|ADDR(ESS)?(ES)?|SERVERS?|ENDPOINTS?|DSN|BROKERS?|BOOTSTRAP|PEERS?|NODES?|TARGETS?|UPSTREAMS?|LISTENERS|VOTERS|CONNECT)(_|$)"
)
_OF_A_HOST = re.compile(r"(^|_)(HOST|HOSTNAME|SERVER|ADDR|ADDRESS)$")
_ALWAYS = frozenset({"localhost", "host", "host-gateway", "gateway.docker.internal", "host.docker.internal"})
_NO_SCHEME = frozenset({"file", "unix", "sqlite", "data", "npipe"})


def hosts_of(name: str, value: str) -> Iterator[str]:
    """Every host that the value of a variable names."""
    rest = _BETWEEN_URLS.sub(" ", value)
    for url in _URL.finditer(rest):
        if url[0].partition(":")[0].casefold().partition("+")[0] in _NO_SCHEME:
            continue
        for one in url["authority"].rpartition("@")[2].split(","):
            yield one.partition(":")[0]
        rest = rest.replace(url[0], " ")
    networked = bool(_OF_A_NETWORK.search(name.upper()))
    for word in re.split(r"[\s,;|\"'\[\]()=]+", rest):
        match = _HOST_PORT.fullmatch(word)
        if match and networked:
            yield match["host"]
    if _OF_A_HOST.search(name.upper()) and _LABEL.fullmatch(value):
        yield value


def own_names(service: Service) -> set[str]:
    """Names that only this service knows: itself, what links and hosts it is given, and those of every container."""
    names = {*service.hosts, *_ALWAYS}
    for key in ("links", "external_links"):
        names |= {item.text.rpartition(":")[2] for item in service.node.get(key).items}
    hosts = service.node.get("extra_hosts")
    return names | set(hosts.mapping) | {re.split(r"[:=]", item.text)[0] for item in hosts.items}


def absent_hosts(selection: Selection, service: Service) -> Iterator[Finding]:
    """Hosts in values in force that name a service which this selection does not start, or none at all."""
    if service.node.get("network_mode").text == "none":
        return
    known = own_names(service)
    for host, name, place in _named(service, selection.project.services):
        what = f"{name} of {service.name} names {host}"
        if host in selection.services:
            if not _meet(service, selection.services[host]):
                yield Finding(f"{what}, with which it shares no network", place)
        elif host in known or host in selection.hosts or not _LABEL.fullmatch(host):
            continue
        elif host in selection.project.services:
            profiles = ", ".join(sorted(selection.project.services[host].profiles))
            yield Finding(f"{what}, which only {profiles} starts", place, "let the service decide by SA01_PROFILES")
        else:
            yield Finding(f"{what}, which is no service", place)


def _named(service: Service, declared: Container[str]) -> Iterator[tuple[str, str, Place]]:
    """Each host that a service is told, with what tells it and where; in command lines, those of services only."""
    for variable, node in service.environment.items():
        place = node.place(f"services.{service.name}.environment.{variable}")
        for host in dict.fromkeys(hosts_of(variable, node.text)):
            yield host, variable, place
    for key in ("command", "entrypoint"):
        for index, item in enumerate(service.node.get(key).items):
            for host in dict.fromkeys(hosts_of("", item.text)):
                if host in declared:
                    yield host, key, item.place(f"services.{service.name}.{key}[{index}]")


def _meet(one: Service, other: Service) -> bool:
    if one.name == other.name or any(service.node.get("network_mode").text for service in (one, other)):
        return True
    mine, theirs = (set(service.node.get("networks").mapping) or {"default"} for service in (one, other))
    return bool(mine & theirs)
