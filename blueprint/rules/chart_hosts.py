"""HLM-006, the half about hosts: what a rendered value or a default in force names is a Service of the namespace."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from blueprint.chart_origins import VALUE, traced
from blueprint.charts import ENVIRONMENTS, NONE, WORKLOADS, Charts, Rendered, at
from blueprint.evidence import Finding, Findings
from blueprint.rules.chart_selectors import idle_selectors
from blueprint.rules.chart_sources import absences, is_whole, rendered
from blueprint.settings_tree import Setting

_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?:[^@/\s,]*@)?(?P<host>[A-Za-z0-9.$()_-]+)(?::(?P<port>\d+))?"
)
_PAIR = re.compile(r"(?:\d+@|[\w-]+=)?(?P<host>[A-Za-z$][A-Za-z0-9.$()_-]*):(?P<port>\d{2,5})")
_PORTS = {"http": 80, "https": 443, "redis": 6379, "postgresql": 5432, "postgres": 5432}
_NOT_OURS = frozenset({"file", "unix", "sqlite", "env"})
LOOPBACK = frozenset({"localhost", "127.0.0.1"})
_ANY = "0.0.0.0"  # noqa: S104 - read, not bound to
_REFERENCE = re.compile(r"\$\((\w+)\)")
_API_SERVER = frozenset({"kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"})
_HOSTS = "hosts that variables of containers name"
"""There must be some: who reads none has looked at nothing."""
_REMEDY = "name a Service that the charts render, with its port"


@dataclass(frozen=True, slots=True)
class Named:
    """A host that a variable of a container names; port 0 where it names none.

    Attributes:
        beside: where a default is in force, variables that are set and beside which it could be.
    """

    host: str
    port: int
    variable: str
    key: str
    owner: Rendered
    beside: tuple[str, ...] = ()


def hosts_in(text: str) -> Iterator[tuple[str, int]]:
    """Hosts and ports in a value: of URLs, of host:port alone or in lists."""
    rest = text
    for url in _URL.finditer(text):
        rest = rest.replace(url[0], " ")
        scheme = url["scheme"].casefold().partition("+")[0]
        if scheme not in _NOT_OURS:
            yield url["host"], int(url["port"] or _PORTS.get(scheme, 0))
    for word in re.split(r"[\s,;]+", rest):
        if pair := _PAIR.fullmatch(word):
            yield pair["host"], int(pair["port"])


def environment(owner: Rendered, container: Mapping[str, object], maps: Mapping[str, Rendered]) -> dict[str, str]:
    """The variables of a container that have a value in the render: its own, and those of ConfigMaps."""
    found: dict[str, str] = {}
    for source in container.get("envFrom") or ():  # type: ignore[attr-defined] # a rendered object has the shape of what was written
        name = at(source, "configMapRef", "name")
        data = at(maps[name].body, "data") if name in maps else None
        found |= {f"{source.get('prefix', '')}{key}": str(value) for key, value in (data or {}).items()}
    for variable in container.get("env") or ():  # type: ignore[attr-defined] # as above
        way = at(variable, "valueFrom", "fieldRef", "fieldPath")
        value = _field(owner, str(way)) if way else variable.get("value")
        reference = at(variable, "valueFrom", "configMapKeyRef") or {}
        if reference.get("name") in maps:
            value = (at(maps[reference["name"]].body, "data") or {}).get(reference.get("key"))
        if value is not None:
            found[variable["name"]] = _REFERENCE.sub(lambda name: found.get(name[1], name[0]), str(value))
    return found


def _field(owner: Rendered, way: str) -> str | None:
    """A field of the first pod of a workload, as far as it is known before there is one."""
    if way == "metadata.name":
        return f"{owner.name}-0" if owner.kind == "StatefulSet" else None
    return None


def named_hosts(objects: Sequence[Rendered], settings: Sequence[Setting]) -> Iterator[Named]:
    """Every host that a variable of a container names, and those of defaults that are in force there."""
    maps = {each.name: each for each in objects if each.kind == "ConfigMap"}
    for owner in objects:
        for key, container in owner.containers():
            variables = environment(owner, container, maps)
            for variable, value in variables.items():
                if "IMAGE" not in variable:
                    yield from (Named(*one, variable, key, owner) for one in hosts_in(value))
            if owner.kind in WORKLOADS and any(variable in variables for one in settings for variable in one.variables):
                for one in settings:
                    if not any(variables.get(variable) for variable in one.variables):
                        yield from (
                            Named(*host, f"the default of {one.name}", key, owner, _set(settings, variables))
                            for host in hosts_in(one.default)
                        )


def _set(settings: Sequence[Setting], variables: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(variable for one in settings for variable in one.variables if variable in variables)


def unresolved_hosts(charts: Charts, settings: Sequence[Setting]) -> Findings:
    """Hosts that are no Service rendered in the namespace, ports that it has not, and selectors of nothing.

    Args:
        charts: both charts.
        settings: the fields of the services' settings, whose defaults are in force where no variable is set.
    """
    found = absences(charts)
    examined, population = map(set, rendered(charts))
    count = 0
    for values in (*ENVIRONMENTS, NONE):
        objects = charts.installed(values)
        for render in (each for each in charts.renders if each.values == values):
            examined |= {each.label for each in render.objects}
            population |= render.population
        if not is_whole(charts, values):
            continue
        named = list(named_hosts(objects, settings))
        count += len(named)
        found += [finding for one in named if (finding := unresolved(one, objects, f"soma-{values or 'dev'}"))]
        found += idle_selectors(objects)
    examined |= {_HOSTS} if count else set()
    observed = f"{count} hosts in variables and defaults are Services of the namespace; every selector selects"
    return Findings.of(examined, population | {_HOSTS}, traced(charts, dict.fromkeys(found)), observed)


def unresolved(one: Named, objects: Sequence[Rendered], namespace: str) -> Finding | None:
    """What is wrong with a host that is named; None where it is a Service of the namespace, with that port."""
    place = one.owner.place(f"{one.key} {one.variable}", *_sought(one))
    if one.host == _ANY or one.host in _API_SERVER:
        return None
    if one.host in LOOPBACK:
        return (
            None if _listens_itself(one) else Finding(f"names port {one.port}, which its pod has not", place, _REMEDY)
        )
    service = service_of(one.host, objects, namespace)
    if service is None:
        return Finding(f"names {one.host}, which is no Service of the namespace", place, _REMEDY)
    ports = {int(each.get("port", 0)) for each in at(service.body, "spec", "ports") or ()}
    if one.port and one.port not in ports:
        has = ", ".join(map(str, sorted(ports)))
        return Finding(f"names {one.host}:{one.port}; the Service has {has}", place, _REMEDY)
    return None


def _sought(one: Named) -> Iterator[str]:
    """The host with its port and without, in values and templates; of a default in force, where its peers are set."""
    if one.beside:
        yield from one.beside
        return
    for host in (f"{one.host}:{one.port}", one.host):
        yield from (f"{VALUE}{host}", host)
    yield from (f"{VALUE}{one.variable}", one.variable)


def _listens_itself(one: Named) -> bool:
    ports = (port for _, container in one.owner.containers() for port in container.get("ports") or ())
    declared = {int(port.get("containerPort", 0)) for port in ports}
    spoken = (word for _, container in one.owner.containers() for word in container.get("args") or ())
    return one.port in declared or any(f":{one.port}" in str(word) for word in spoken)


def service_of(host: str, objects: Sequence[Rendered], namespace: str) -> Rendered | None:
    """The Service that a host names in this namespace: by itself, or as the name of a member behind a headless one."""
    services = {each.name: each for each in objects if each.kind == "Service"}
    name = host
    for end in (".cluster.local", ".svc", f".{namespace}"):
        name = name.removesuffix(end)
    if name in services:
        return services[name]
    member, _, rest = name.partition(".")
    headless = services.get(rest)
    if headless is None or at(headless.body, "spec", "clusterIP") != "None":
        return None
    members = {
        each.name for each in objects if each.kind == "StatefulSet" and at(each.body, "spec", "serviceName") == rest
    }
    return headless if member.rpartition("-")[0] in members or "$(" in member else None
