"""HLM-007: what every workload owes to its node and to whoever waits for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from blueprint.chart_origins import SETTING, VALUE, traced
from blueprint.charts import PODS, WORKLOADS, Charts, Rendered, at
from blueprint.evidence import Finding, Findings, Place
from blueprint.rules.chart_idle import unheard_ports, unused_volumes
from blueprint.rules.chart_sources import absences, rendered
from blueprint.rules.compose_images import PIN, moving

PROBES = ("readinessProbe", "livenessProbe")
_BLIND = ("true", "/bin/true", "exit 0", ":", "sleep 0")
_SHELLS = frozenset({"sh", "bash", "/bin/sh", "/bin/bash"})


def careless_workloads(charts: Charts) -> Findings:
    """Workloads without probes, bounds, a harmless user or a pinned image, and more replicas than their shape takes."""
    found = absences(charts)
    examined, population = map(set, rendered(charts))
    for render in charts.renders:
        examined |= {each.label for each in render.objects if each.kind in PODS}
        population |= {label for label in render.population if label.split()[-2] in PODS}
        for each in render.of_kind(*PODS):
            found += [*_offences_of_pod(each), *_offences_of_replicas(each, render.objects)]
            found += [*unused_volumes(each), *unheard_ports(each)]
            for key, container in each.containers():
                found += _offences_of_container(each, key, container)
    observed = f"{len(examined)} workloads with probes, requests, limits, no root, read-only, pinned"
    return Findings.of(examined, population, traced(charts, found), observed)


def _offences_of_pod(each: Rendered) -> Iterator[Finding]:
    spec = at(each.pod, "spec") or {}
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(key):
            yield Finding(
                f"shares {key.removeprefix('host').casefold()} with its node", each.place(key, key), f"drop {key}"
            )


def _offences_of_container(each: Rendered, key: str, container: Mapping[str, Any]) -> Iterator[Finding]:
    image = str(container.get("image", ""))
    if what := moving(image):
        place = each.place(f"{key}.image", f"{VALUE}{image}", image, f"{SETTING}image", "image")
        yield Finding(f"image {image!r} {what}", place, PIN)
    yield from _offences_of_security(each, key, container)
    for bound in ("requests", "limits"):
        for what in ("cpu", "memory"):
            if not at(container, "resources", bound, what):
                yield Finding(f"{bound} no {what}", each.place(key, f"{SETTING}resources", "resources"), "set it")
    if each.kind in WORKLOADS and key.startswith("containers"):
        for probe in PROBES:
            if not container.get(probe):
                yield Finding(
                    f"has no {probe}", each.place(key, *PROBES), "let it look at what the container is there for"
                )
            elif blind := _blind(container[probe]):
                yield Finding(
                    f"has a {probe} that cannot fail: {blind}", each.place(f"{key}.{probe}"), "look at the service"
                )


def _offences_of_security(each: Rendered, key: str, container: Mapping[str, Any]) -> Iterator[Finding]:
    own, pod = container.get("securityContext") or {}, at(each.pod, "spec", "securityContext") or {}

    def place(*sought: str) -> Place:
        return each.place(f"{key}.securityContext", *sought, "securityContext")

    user = own.get("runAsUser", pod.get("runAsUser"))
    if not own.get("runAsNonRoot", pod.get("runAsNonRoot")) or user == 0:
        yield Finding("may run as root", place("runAsUser", "runAsNonRoot"), "runAsNonRoot: true, and a runAsUser")
    if not own.get("readOnlyRootFilesystem"):
        yield Finding(
            "may write to its root file system", place("readOnlyRootFilesystem"), "readOnlyRootFilesystem: true"
        )
    if own.get("allowPrivilegeEscalation") is not False:
        yield Finding("may gain privileges", place("allowPrivilegeEscalation"), "allowPrivilegeEscalation: false")
    if own.get("privileged"):
        yield Finding("is privileged", place("privileged"), "drop privileged")


def _blind(probe: Mapping[str, Any]) -> str:
    """The command of a probe where it always succeeds."""
    words = [str(word) for word in at(probe, "exec", "command") or ()]
    if len(words) > 2 and words[0] in _SHELLS:  # noqa: PLR2004 - sh -c script
        words = words[2:]
    command = " ".join(words).strip()
    return command if command in _BLIND else ""


def _offences_of_replicas(each: Rendered, objects: Sequence[Rendered]) -> Iterator[Finding]:
    if each.kind not in {"Deployment", "StatefulSet"}:
        return
    count = _most_replicas(each, objects)
    if count > 1 and (why := _is_single(each, objects)):
        yield Finding(
            f"has {count} replicas, and {why}",
            each.place("spec.replicas", f"{SETTING}replicas", "replicas"),
            "one, or a shape that clusters",
        )


def _most_replicas(each: Rendered, objects: Sequence[Rendered]) -> int:
    scalers = (other for other in objects if other.kind == "HorizontalPodAutoscaler")
    most = [
        int(at(other.body, "spec", "maxReplicas") or 1)
        for other in scalers
        if at(other.body, "spec", "scaleTargetRef", "name") == each.name
    ]
    replicas = at(each.body, "spec", "replicas")
    return max([*most, 1 if replicas is None else int(replicas)])


def _is_single(each: Rendered, objects: Sequence[Rendered]) -> str:
    """Why more than one replica would be several of it; empty where its shape is clustered."""
    if each.kind == "Deployment":
        claims = [volume for volume in at(each.pod, "spec", "volumes") or () if volume.get("persistentVolumeClaim")]
        return "they would share a volume" if claims else ""
    if not at(each.body, "spec", "volumeClaimTemplates"):
        return ""
    maps = {other.name: other for other in objects if other.kind == "ConfigMap"}
    volumes = at(each.pod, "spec", "volumes") or ()
    read = [maps[name].body for volume in volumes if (name := at(volume, "configMap", "name")) in maps]
    return "" if f"{each.name}-1." in f"{each.pod} {read}" else "none is told of the others"
