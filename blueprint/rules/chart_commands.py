"""HLM-006, the half about commands: the modules that containers run, and what hooks ask for, are there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from blueprint.chart_origins import VALUE, traced
from blueprint.charts import ENVIRONMENTS, NONE, PODS, Charts, Rendered
from blueprint.evidence import Finding, Findings
from blueprint.naming import modules_run_by
from blueprint.rules.chart_hosts import Named, hosts_in, unresolved
from blueprint.rules.chart_sources import absences, is_whole, rendered
from blueprint.rules.links import Tree
from blueprint.rules.workflow_names import missing_module

_KINDS = {
    **dict.fromkeys(("deploy", "deployment", "deployments"), "Deployment"),
    **dict.fromkeys(("sts", "statefulset", "statefulsets"), "StatefulSet"),
    **dict.fromkeys(("ds", "daemonset", "daemonsets"), "DaemonSet"),
    **dict.fromkeys(("svc", "service", "services"), "Service"),
}
_OBJECT = re.compile(rf"(?<![\w./:-])(?P<kind>{'|'.join(_KINDS)})/(?P<name>[a-z0-9][a-z0-9-]*)(?![\w/.-])")
_INSIDE = re.compile(r"[a-z0-9-]+|[a-z0-9.-]+\.svc(\.cluster\.local)?")
"""A name that only the cluster resolves; any other may be of the world outside, which a test may ask for."""


def idle_commands(charts: Charts, tree: Tree) -> Findings:
    """Modules of the checkout that a container runs and nobody wrote, and what tests ask for and nobody renders.

    Args:
        charts: both charts.
        tree: the files of the checkout, which its own images are built from.
    """
    found = absences(charts)
    examined, population = map(set, rendered(charts))
    for values in (*ENVIRONMENTS, NONE):
        objects = charts.installed(values)
        for render in (each for each in charts.renders if each.values == values):
            examined |= {each.label for each in render.objects if each.kind in PODS}
            population |= {label for label in render.population if label.split()[-2] in PODS}
        is_known = is_whole(charts, values)
        for each in (one for one in objects if one.kind in PODS):
            for key, container in each.containers():
                found += _missing_modules(each, key, container, tree)
                if each.is_hook and is_known:
                    found += _asked_in_vain(each, key, container, objects, f"soma-{values or 'dev'}")
    observed = "every module that a container runs is in the tree, and tests ask for what is rendered"
    return Findings.of(examined, population, traced(charts, dict.fromkeys(found)), observed)


def _words(container: Mapping[str, Any]) -> list[str]:
    return [str(word) for part in ("command", "args") for word in container.get(part) or ()]


def _missing_modules(each: Rendered, key: str, container: Mapping[str, Any], tree: Tree) -> Iterator[Finding]:
    for module in modules_run_by(_words(container)):
        place = each.place(f"{key}.command", f"{VALUE}{module}", module)
        if finding := missing_module(module, tree, place):
            yield Finding(f"{each.kind} {each.name}: {finding.what}", place, "name one that the image is built with")


def _asked_in_vain(
    each: Rendered, key: str, container: Mapping[str, Any], objects: Sequence[Rendered], namespace: str
) -> Iterator[Finding]:
    """Hosts and objects in the command of a test that are not rendered: it tests what is gone."""
    names = {(one.kind, one.name) for one in objects}
    for word in _words(container):
        for host, port in hosts_in(word):
            named = Named(host, port, "command", key, each)
            if _INSIDE.fullmatch(host) and (finding := unresolved(named, objects, namespace)):
                yield finding
        for match in _OBJECT.finditer(word) if "kubectl" in " ".join(_words(container)) else ():
            if (_KINDS[match["kind"]], match["name"]) not in names:
                what = f"asks for {match[0]}, which is not rendered"
                yield Finding(what, each.place(f"{key}.command", match[0]), "remove it with its workload")
