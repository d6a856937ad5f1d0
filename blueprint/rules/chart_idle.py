"""HLM-007: what a workload has and nobody can use: volumes that are not mounted, ports that its own pod alone hears."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from blueprint.charts import Rendered, at
from blueprint.evidence import Finding
from blueprint.rules.chart_hosts import LOOPBACK, hosts_in


def unused_volumes(each: Rendered) -> Iterator[Finding]:
    """Volumes and claims that no container mounts: what should be kept there is not."""
    spec = at(each.pod, "spec") or {}
    claims = [str(at(claim, "metadata", "name")) for claim in at(each.body, "spec", "volumeClaimTemplates") or ()]
    volumes = [str(volume.get("name")) for volume in spec.get("volumes") or () if isinstance(volume, dict)]
    used = {
        str(mount.get("name"))
        for _, container in each.containers()
        for key in ("volumeMounts", "volumeDevices")
        for mount in container.get(key) or ()
    }
    for name in (*volumes, *claims):
        if name not in used:
            own = (f"name: {name}", "volumes") if name in volumes else ("volumeMounts", f"name: {name}")
            place = each.place(f"volumes[{name}]", *own, "volumeClaimTemplates")
            yield Finding(f"no container mounts the volume {name}", place, "mount it, or drop it")


def unheard_ports(each: Rendered) -> Iterator[Finding]:
    """Ports that a container declares, and at which it listens on the loopback address alone."""
    for key, container in each.containers(init=False):
        declared = {int(port["containerPort"]) for port in container.get("ports") or () if port.get("containerPort")}
        heard: dict[int, set[str]] = {}
        for text in _listening(container):
            for host, port in hosts_in(text):
                heard.setdefault(port, set()).add(host)
        for port in sorted(declared & heard.keys()):
            if heard[port] <= LOOPBACK:
                place = each.place(f"{key}.args", f"127.0.0.1:{port}", f"localhost:{port}")
                yield Finding(f"listens at port {port} on the loopback address alone", place, f"0.0.0.0:{port}")


def _listening(container: Mapping[str, Any]) -> Iterator[str]:
    """The values of flags and variables that say where to listen."""
    words = [str(word) for part in ("command", "args") for word in container.get(part) or ()]
    for word, following in zip(words, [*words[1:], ""], strict=False):
        flag, _, value = word.partition("=")
        if flag.startswith("-") and "listen" in flag.casefold():
            yield value or following
    for variable in container.get("env") or ():
        if "LISTEN" in str(variable.get("name")).upper():
            yield str(variable.get("value") or "")
