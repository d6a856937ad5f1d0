"""CMP-007: what a selection of profiles starts needs nothing that the selection, or a fresh clone, lacks."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

from blueprint.compose import ComposeModel, Selection, Service
from blueprint.compose.loading import UNTRACKED
from blueprint.compose.model import NO_PROFILE, dockerfile_of, subsets
from blueprint.compose.paths import is_outside, is_remote
from blueprint.evidence import Finding, Findings, Place
from blueprint.naming import modules_run_by
from blueprint.rules.compose_brokers import absent_brokers
from blueprint.rules.compose_hosts import absent_hosts
from blueprint.rules.compose_names import counted, nothing_to_judge, share
from blueprint.rules.links import Tree
from blueprint.rules.workflow_names import missing_module

_KINDS = {"networks": "network", "volumes": "volume", "secrets": "secret", "configs": "config"}
_OF_THE_HOST = (
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/proc",
    "/sys",
    "/dev",
    "/etc/localtime",
    "/etc/timezone",
    "/etc/machine-id",
    "/lib/modules",
    "/etc/ssl/certs",
    "/var/lib/docker",
    "/var/log",
)
"""Paths that a Linux host has whoever owns it."""


def open_selections(model: ComposeModel) -> Findings:
    """Whatever reaches outside a selection, once for each place, with the smallest selection it was seen under."""
    if nothing := nothing_to_judge(model):
        return nothing
    seen: dict[Finding, list[str]] = {}
    for selection in model.selections:
        for finding in dict.fromkeys(_reaches_outside(model, selection)):
            seen.setdefault(finding, []).append(selection.name)
    found = [
        Finding(f"{finding.what}, {_under(names, model)}", finding.place, finding.remedy)
        for finding, names in seen.items()
    ]
    population = {Selection(chosen, model.project).name for chosen in subsets(model.outline.profiles)}
    closed = len(model.selections) - len({name for names in seen.values() for name in names})
    observed = f"{share(closed, len(model.selections), 'selection')} of profiles closed"
    return Findings.of({selection.name for selection in model.selections}, population, found, observed)


def _under(names: list[str], model: ComposeModel) -> str:
    if len(names) == len(model.selections):
        return "whatever is selected"
    smallest = min(names, key=lambda name: (name != NO_PROFILE, name.count("+"), name))
    more = f", and in {counted(len(names) - 1, 'more selection')}" if len(names) > 1 else ""
    return f"with {smallest}{more}"


def _reaches_outside(model: ComposeModel, selection: Selection) -> Iterator[Finding]:
    for service in selection.services.values():
        yield from _dependencies(selection, service)
        yield from absent_hosts(selection, service)
        yield from _undeclared(selection, service)
        yield from _absent_files(model, service)
        yield from absent_brokers(selection, service)
    yield from _circles(selection)
    yield from _absent_sources(model, selection)


def _dependencies(selection: Selection, service: Service) -> Iterator[Finding]:
    for needed in service.dependencies:
        if needed.name not in selection.project.services:
            what = f"{service.name} needs {needed.name} by {needed.through}, which is no service"
            yield Finding(what, needed.place)
        elif needed.required and needed.name not in selection.services:
            profiles = ", ".join(sorted(selection.project.services[needed.name].profiles))
            remedy = "say `required: false`" if needed.through == "depends_on" else f"put both into {profiles}"
            what = f"{service.name} needs {needed.name} by {needed.through}, which only {profiles} starts"
            yield Finding(what, needed.place, remedy)


def _circles(selection: Selection) -> Iterator[Finding]:
    needs = {
        name: [needed.name for needed in service.dependencies if needed.name in selection.services]
        for name, service in selection.services.items()
    }
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        circle = error.args[1]
        place = selection.services[circle[0]].place("depends_on")
        yield Finding(f"services wait for each other in a circle: {' ← '.join(circle)}", place)


def _undeclared(selection: Selection, service: Service) -> Iterator[Finding]:
    for kind, name, place in _used(service):
        declared = selection.project.declared(kind)
        word = _KINDS[kind]
        if name not in declared:
            if not (kind == "networks" and name == "default"):
                remedy = f"declare it under {kind}"
                yield Finding(f"{service.name} uses {word} {name}, which is not declared", place, remedy)
        elif declared[name].get("external").text not in {"", "false"} or declared[name].get("external").mapping:
            what = f"{word} {name} is external, and nothing in the tree creates it"
            yield Finding(what, declared[name].place(f"{kind}.{name}"), "let Compose create it")


def _used(service: Service) -> Iterator[tuple[str, str, Place]]:
    for name, node in service.node.get("networks").mapping.items():
        yield "networks", name, node.place(f"services.{service.name}.networks.{name}")
    if not any(service.node.get(key).value for key in ("networks", "network_mode")):
        yield "networks", "default", service.place()
    for mount in service.mounts:
        if mount.kind == "volume" and mount.source:
            yield "volumes", mount.source, mount.place
    for kind in ("secrets", "configs"):
        for index, item in enumerate(service.node.get(kind).items):
            yield kind, item.get("source").text, item.place(f"services.{service.name}.{kind}[{index}]")
    for index, item in enumerate(service.node.get("build", "secrets").items):
        source = item.get("source").text or item.text
        yield "secrets", source, item.place(f"services.{service.name}.build.secrets[{index}]")


def _absent_files(model: ComposeModel, service: Service) -> Iterator[Finding]:
    for mount in service.mounts:
        if mount.kind == "bind" and (why := _absence(model, mount.source)):
            remedy = "commit it, or use a named volume"
            yield Finding(f"mount source {mount.source} of {service.name} {why}", mount.place, remedy)
    for file in service.env_files:
        why = file.absent or _absence(model, file.path)
        if why and file.required:
            yield Finding(f"env file {file.path} of {service.name} {why}", file.place, "commit it, or do without")
    yield from _absent_modules(model, service)
    build = service.node.get("build")
    context = build.get("context").text
    if not context or is_remote(context):
        return
    if why := _absence(model, context):
        yield Finding(f"build context {context} of {service.name} {why}", service.place("build", "context"))
    elif (path := dockerfile_of(service.node)) and (why := _absence(model, path)):
        yield Finding(f"dockerfile {path} of {service.name} {why}", service.place("build", "dockerfile"))


def _absent_modules(model: ComposeModel, service: Service) -> Iterator[Finding]:
    """Modules of the checkout that its command runs, and that nobody wrote."""
    tree = Tree(model.tracked | model.folders, lambda _: "")
    for key in ("entrypoint", "command"):
        for module in modules_run_by([word.text for word in service.node.get(key).items]):
            if finding := missing_module(module, tree, service.place(key)):
                yield Finding(f"{service.name}: {finding.what}", finding.place, "name one that its image is built with")


def _absent_sources(model: ComposeModel, selection: Selection) -> Iterator[Finding]:
    """Files and variables behind the secrets and configs that the selection uses."""
    used = {(kind, name) for service in selection.services.values() for kind, name, _ in _used(service)}
    for kind, name in sorted(used):
        node = selection.project.declared(kind).get(name)
        if node is None or kind not in {"secrets", "configs"}:
            continue
        path = node.get("file").text
        if path and (why := _absence(model, path)):
            where = node.get("file").place(f"{kind}.{name}.file")
            yield Finding(f"file {path} of {_KINDS[kind]} {name} {why}", where)


def _absence(model: ComposeModel, path: str) -> str:
    """Why a fresh clone on another machine would not have a path; empty where it would."""
    if path.startswith(_OF_THE_HOST) or path == "/":
        return ""
    if is_outside(path):
        return "lies outside of the checkout"
    if path in model.tracked or path in model.folders:
        return ""
    return UNTRACKED if path in model.paths else "is not there"
