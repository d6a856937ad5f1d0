"""CMP-001: the Compose file is there, is read strictly, and is what the Compose specification allows."""

from __future__ import annotations

import re
from collections.abc import Iterator

from blueprint.compose import ComposeModel, Node, Service
from blueprint.evidence import Finding, Findings
from blueprint.rules.compose_names import counted, listed, nothing_to_judge

INT32 = 2**31 - 1
_SIZES = re.compile(
    r"(^|\.)(mem\w*|shm_size|size|kernel_memory|rate|memory|memlock|nofile|fsize|as|core|data|rss)(\.|$)"
)
_KAFKA_INT32 = frozenset(
    {
        "fetch.max.bytes",
        "log.segment.bytes",
        "message.max.bytes",
        "num.partitions",
        "offset.metadata.max.bytes",
        "offsets.topic.segment.bytes",
        "queued.max.requests",
        "replica.fetch.max.bytes",
        "replica.fetch.response.max.bytes",
        "replica.socket.receive.buffer.bytes",
        "request.timeout.ms",
        "socket.receive.buffer.bytes",
        "socket.request.max.bytes",
        "socket.send.buffer.bytes",
        "transaction.max.timeout.ms",
        "zookeeper.session.timeout.ms",
    }
)
"""Settings of a Kafka broker that are 32 bits wide: it refuses to start on more."""


def malformed_compose_file(model: ComposeModel) -> Findings:
    """Whatever keeps Compose from reading the file, or lets it read something else than what stands there."""
    if model.document and not model.services and model.faults:
        return Findings.of((), model.outline.services, model.faults)
    if nothing := nothing_to_judge(model):
        return nothing
    found = [*model.faults, *_misplaced_services(model)]
    for service in model.services.values():
        found += [*_without_image(service), *_too_large(service)]
    known = {(finding.place.file, finding.place.line) for finding in model.faults}
    for project in (selection.project for selection in model.selections):
        found += [fault for fault in project.faults if (fault.place.file, fault.place.line) not in known]
    files = model.project.files
    faults = listed(found)
    sound = counted(len(faults), "fault") if faults else "valid"
    observed = f"{counted(len(files), 'file')} with {counted(len(model.services), 'service')}, {sound}"
    return Findings.of({*files, *model.services}, {*files, *model.outline.services}, faults, observed)


def _without_image(service: Service) -> Iterator[Finding]:
    if not any(service.node.get(key).value for key in ("image", "build", "provider")):
        yield Finding(f"{service.name} has neither an image nor a build", service.place(), "name one of the two")


def _misplaced_services(model: ComposeModel) -> Iterator[Finding]:
    for kind in ("volumes", "networks", "secrets", "configs"):
        for name, node in model.project.declared(kind).items():
            if {"image", "build", "command", "ports", "healthcheck", "depends_on"} & node.mapping.keys():
                what = f"{name} is written like a service and stands under {kind}"
                yield Finding(what, node.place(f"{kind}.{name}"), "indent it under services")


def _too_large(service: Service) -> Iterator[Finding]:
    for key, node in service.node.scalars():
        if _is_wide(node.value) and not _SIZES.search(key) and not key.startswith(("environment", "labels", "build")):
            yield _overflow(node, f"services.{service.name}.{key}")
    for name, node in service.environment.items():
        setting = name.removeprefix("KAFKA_CFG_").removeprefix("KAFKA_").lower().replace("_", ".")
        if name.startswith("KAFKA_") and setting in _KAFKA_INT32 and _is_wide(_number(node)):
            yield _overflow(node, f"services.{service.name}.environment.{name}")


def _overflow(node: Node, key: str) -> Finding:
    return Finding(f"{node.text} does not fit in 32 bits, of which this is one", node.place(key), f"at most {INT32}")


def _number(node: Node) -> float:
    try:
        return float(node.text)
    except ValueError:
        return 0


def _is_wide(value: object) -> bool:
    return isinstance(value, int | float) and not -INT32 - 1 <= value <= INT32
