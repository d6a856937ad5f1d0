"""CFG-002: every variable that Compose or a chart gives a service is a field of its settings, and none is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from blueprint.chart_origins import VALUE, traced
from blueprint.charts import ENVIRONMENTS, NONE, STACK, WORKLOADS, Charts, Rendered
from blueprint.compose import ComposeModel
from blueprint.evidence import Finding, Findings, Place
from blueprint.rules.chart_components import BUNDLE, names_of
from blueprint.rules.chart_hosts import environment
from blueprint.rules.chart_sources import absences, rendered
from blueprint.rules.compose_names import MEMBERS, bare
from blueprint.rules.settings import SETTINGS
from blueprint.settings_tree import Setting

_OF_THE_PROCESS = re.compile(r"PYTHON\w*|PATH|HOME|TZ|LANG|LC_\w+|SSL_CERT_\w+|UVICORN_\w+|WEB_CONCURRENCY|POD_\w+")
_REMEDY = "name it as common/config/settings.py has it, or add the field there"


def unread_variables(
    settings: Sequence[Setting], compose: ComposeModel, charts: Charts, population: frozenset[str]
) -> Findings:
    """Variables of the five services that no field is read from, and required fields that some environment lacks.

    Args:
        settings: the fields of the settings.
        compose: the Compose file.
        charts: both charts.
        population: names of the services in the Compose file, counted by a second path.
    """
    found = absences(charts, STACK)
    names = {bare(name) for name in MEMBERS["default"]}
    services = {name: service for name, service in compose.services.items() if bare(name) in names}
    for name, service in services.items():
        given = {variable: node.place(variable) for variable, node in service.environment.items()}
        found += _offences(settings, given, f"service {name}", service.place("environment"))
    counted = {name for name in population if bare(name) in names}
    examined, there = map(set, rendered(charts, STACK))
    for values in (*ENVIRONMENTS, NONE):
        objects = charts.installed(values)
        maps = {each.name: each for each in objects if each.kind == "ConfigMap"}
        for each in (each for each in objects if each.kind in WORKLOADS and each.chart == STACK):
            if names_of(each) & set(BUNDLE):
                found += _of_workload(settings, each, maps)
    observed = f"{len(settings)} fields; every variable of {len(services)} services and {len(BUNDLE)} workloads is one"
    return Findings.of(examined | set(services), there | counted, traced(charts, found), observed)


def _of_workload(settings: Sequence[Setting], each: Rendered, maps: Mapping[str, Rendered]) -> Iterator[Finding]:
    for key, container in each.containers(init=False):
        if container.get("name") in BUNDLE or len(list(each.containers(init=False))) == 1:
            names = _given(each, container, maps)
            given = {name: each.place(f"{key} {name}", f"{VALUE}{name}", name) for name in names}
            yield from _offences(settings, given, f"{each.kind} {each.name}", each.place(key))


def _given(each: Rendered, container: Mapping[str, object], maps: Mapping[str, Rendered]) -> set[str]:
    """The variables of a container, those that come from a Secret or a field too."""
    own = container.get("env")
    named = {str(one.get("name")) for one in own if isinstance(one, dict)} if isinstance(own, list) else set()
    return named | set(environment(each, container, maps))


def _offences(settings: Sequence[Setting], given: Mapping[str, Place], who: str, place: Place) -> Iterator[Finding]:
    known = {variable for one in settings for variable in one.variables}
    for name, where in given.items():
        if name not in known and not _OF_THE_PROCESS.fullmatch(name):
            yield Finding(f"{who} is given {name}, from which no setting is read", where, _REMEDY)
    for one in settings:
        if one.required and not any(variable in given for variable in one.variables):
            what = f"{who} is not given {one.name}, which has no default"
            remedy = f"set {one.variables[0]} at {place}, or give it a default"
            yield Finding(what, Place(SETTINGS, one.line, one.name), remedy)
