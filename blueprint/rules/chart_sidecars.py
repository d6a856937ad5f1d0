"""CFG-005 and CFG-006, as far as files tell: secrets come by a Vault Agent, decisions by an OPA beside who asks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from blueprint.chart_origins import SETTING, VALUE, traced
from blueprint.charts import ENVIRONMENTS, FOLDER, NONE, STACK, WORKLOADS, Charts, Rendered, at
from blueprint.evidence import Finding, Findings, Place
from blueprint.rules.chart_components import names_of
from blueprint.rules.chart_hosts import environment, hosts_in
from blueprint.rules.chart_selectors import selects
from blueprint.rules.chart_sources import absences, is_whole, rendered

KEEPERS = ("gateway", "memory-service")
"""Who needs a secret: its client's at the issuer, and the password of the database."""
ASKERS = ("gateway",)
"""Who asks before it serves."""
_VAULT = "vault.hashicorp.com/"
_SECRET = f"{_VAULT}agent-inject-secret-"
_FILES = "/vault/secrets/"
_PACKAGE = re.compile(r"^package soma\.policy\s*$", re.MULTILINE)
_ALLOW = re.compile(r"^default allow\b", re.MULTILINE)
_DENY = re.compile(r"^default allow\s*:?=\s*false\s*$", re.MULTILINE)


def unmanaged_secrets(charts: Charts) -> Findings:
    """CFG-005: pods of the application that take a secret from elsewhere than a Vault Agent, or could start without."""
    found = absences(charts)
    examined, population = map(set, rendered(charts))
    for values in (*ENVIRONMENTS, NONE):
        objects = charts.installed(values)
        ours = [each for each in objects if each.chart == STACK]
        population |= {f"{name} [{values or 'no values'}]" for name in KEEPERS}
        for each in ours:
            if each.kind == "Secret":
                found.append(Finding("holds secrets in the release", each.place("data"), "keep them in Vault"))
            found += _copied(each)
        for name in KEEPERS if is_whole(charts, values) else ():
            examined.add(f"{name} [{values or 'no values'}]")
            found += _injected(name, ours, objects, values)
    observed = f"{' and '.join(KEEPERS)} get theirs by a Vault Agent, and do not start without; no pod takes a Secret"
    return Findings.of(examined, population, traced(charts, found), observed)


def _copied(each: Rendered) -> Iterator[Finding]:
    remedy = "let a Vault Agent write it to a file"
    for volume in at(each.pod, "spec", "volumes") or ():
        if volume.get("secret"):
            yield Finding("mounts a Secret", each.place(f"volumes[{volume.get('name')}]"), remedy)
    for key, container in each.containers():
        if any(at(one, "valueFrom", "secretKeyRef") for one in container.get("env") or ()):
            yield Finding("takes a variable from a Secret", each.place(f"{key}.env"), remedy)
        if any(source.get("secretRef") for source in container.get("envFrom") or ()):
            yield Finding("takes its variables from a Secret", each.place(f"{key}.envFrom"), remedy)


def _injected(name: str, ours: Sequence[Rendered], objects: Sequence[Rendered], values: str) -> Iterator[Finding]:
    workloads = [each for each in ours if each.kind in WORKLOADS and name in names_of(each)]
    if not workloads:
        yield Finding(f"no workload {name} to give a secret to", Place(f"{FOLDER}/{STACK}", key=f"[{values}] {name}"))
    for each in workloads:
        notes = at(each.pod, "metadata", "annotations") or {}
        place = each.place("spec.template.metadata.annotations", f"{SETTING}secret", f"{_VAULT}agent-inject")
        secrets = {key.removeprefix(_SECRET): str(path) for key, path in notes.items() if key.startswith(_SECRET)}
        if str(notes.get(f"{_VAULT}agent-inject")).lower() != "true" or not secrets:
            yield Finding(f"{name} is given no secret by a Vault Agent", place, f"{_VAULT}agent-inject and its secrets")
            continue
        if not notes.get(f"{_VAULT}role"):
            yield Finding("says no role for the Vault Agent", place, f"{_VAULT}role")
        for secret in secrets:
            if not notes.get(f"{_VAULT}agent-inject-template-{secret}"):
                yield Finding(f"has no template for {secret}", place, f"{_VAULT}agent-inject-template-{secret}")
        if at(each.pod, "spec", "serviceAccountName") in {None, "", "default"}:
            yield Finding(
                "has no account of its own to show to Vault", each.place("spec.serviceAccountName"), "name one"
            )
        yield from _files(each, objects, secrets)
        yield from _guarded(each, objects)


def _files(each: Rendered, objects: Sequence[Rendered], secrets: Mapping[str, str]) -> Iterator[Finding]:
    maps = {other.name: other for other in objects if other.kind == "ConfigMap"}
    for key, container in each.containers(init=False):
        for variable, value in environment(each, container, maps).items():
            if value.startswith(_FILES) and value.removeprefix(_FILES) not in secrets:
                what = f"{variable} names {value}, which no Vault Agent writes"
                yield Finding(what, each.place(f"{key} {variable}"), f"{_SECRET}{value.removeprefix(_FILES)}")


def _guarded(each: Rendered, objects: Sequence[Rendered]) -> Iterator[Finding]:
    """A pod that needs a secret is not admitted while the injector does not answer."""
    hooks = [
        (other, hook)
        for other in objects
        if other.kind == "MutatingWebhookConfiguration"
        for hook in other.body.get("webhooks") or ()
        if selects(hook.get("objectSelector"), each.pod_labels)
    ]
    if not hooks:
        yield Finding(
            "no injector is asked about its pods", each.place("spec.template"), "label them as the webhook selects"
        )
    for other, hook in hooks:
        if hook.get("failurePolicy") == "Ignore":
            what = "starts without its secret when the injector is down"
            yield Finding(what, other.place(f"webhooks for {each.name}", "failurePolicy"), "failurePolicy: Fail")


def absent_policies(charts: Charts) -> Findings:
    """CFG-006: pods that ask without an OPA beside them, or whose OPA would allow what no rule names."""
    found = absences(charts, STACK)
    examined, population = map(set, rendered(charts, STACK))
    for values in (*ENVIRONMENTS, NONE):
        objects = [each for each in charts.installed(values) if each.chart == STACK]
        population |= {f"{name} [{values or 'no values'}]" for name in ASKERS}
        for name in ASKERS if objects else ():
            examined.add(f"{name} [{values or 'no values'}]")
            workloads = [each for each in objects if each.kind in WORKLOADS and name in names_of(each)]
            if not workloads:
                place = Place(f"{FOLDER}/{STACK}", key=f"[{values or 'no values'}] {name}")
                found.append(Finding(f"no workload {name} to stand beside", place))
            for each in workloads:
                found += _beside(charts, each, name, objects)
    return Findings.of(
        examined, population, traced(charts, found), f"{', '.join(ASKERS)}: an OPA in each pod, which denies by default"
    )


def _beside(charts: Charts, each: Rendered, name: str, objects: Sequence[Rendered]) -> Iterator[Finding]:
    maps = {other.name: other for other in objects if other.kind == "ConfigMap"}
    containers = dict(each.containers(init=False))
    sidecars = {key: container for key, container in containers.items() if _is_opa(container)}
    if not sidecars:
        place = each.place("spec.template.spec.containers", f"{SETTING}sidecar", "containers")
        yield Finding("has no OPA beside it", place, "add the sidecar")
        return
    for key, container in containers.items():
        asked = environment(each, container, maps).get("SA01_OPA_URL", "")
        asks_itself = any(host in {"127.0.0.1", "localhost"} for host, _ in hosts_in(asked))
        if key not in sidecars and container.get("name") == name and not asks_itself:
            what = f"asks {asked or 'nobody'}, not the OPA beside it"
            yield Finding(what, each.place(f"{key} SA01_OPA_URL", f"{VALUE}{asked}", "SA01_OPA_URL"), "127.0.0.1")
    for key, container in sidecars.items():
        if not container.get("readinessProbe"):
            yield Finding(
                "is Ready before its OPA is", each.place(f"{key}.readinessProbe", "readinessProbe"), "ask /health"
            )
        policies = list(_policies(each, container, maps))
        if not any(_PACKAGE.search(text) and _DENY.search(text) for text in policies):
            what = "loads no package soma.policy that denies by default"
            place = _policy_file(charts, each, f"{key}.volumeMounts")
            yield Finding(what, place, "mount it; default allow := false")


def _policy_file(charts: Charts, each: Rendered, key: str) -> Place:
    """The Rego of the package among the chart's files; where there is none, where it would be mounted."""
    for path, document in charts.texts.items():
        if path.startswith(f"{FOLDER}/{each.chart}/") and (found := _first(document.text)):
            return Place(path, document.text.count("\n", 0, found.start()) + 1, each.place(key).key)
    return each.place(key, "volumeMounts")


def _first(policy: str) -> re.Match[str] | None:
    return _ALLOW.search(policy) or _PACKAGE.search(policy)


def _is_opa(container: Mapping[str, Any]) -> bool:
    image = str(container.get("image", "")).rpartition("/")[2].partition(":")[0]
    return container.get("name") == "opa" or image.startswith("opa")


def _policies(each: Rendered, container: Mapping[str, Any], maps: Mapping[str, Rendered]) -> Iterator[str]:
    """The Rego that a container finds in what is mounted for it."""
    mounted = {mount.get("name") for mount in container.get("volumeMounts") or ()}
    for volume in at(each.pod, "spec", "volumes") or ():
        name = at(volume, "configMap", "name")
        if volume.get("name") in mounted and name in maps:
            data = maps[name].body.get("data") or {}
            yield from (str(text) for file, text in data.items() if file.endswith(".rego"))
