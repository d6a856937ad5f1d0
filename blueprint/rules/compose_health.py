"""CMP-008: every service that runs for long has a health check, and the check looks at the service."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from blueprint.compose import ComposeModel, Service
from blueprint.compose.model import dockerfile_of
from blueprint.evidence import Finding, Findings
from blueprint.rules.compose_hosts import hosts_of
from blueprint.rules.compose_names import nothing_to_judge, share
from blueprint.rules.shell_scripts import can_fail

_SHELLS = re.compile(r"(?:.*/)?(?:ba|da|a|z|k)?sh")
_SCRIPT_OPTION = re.compile(r"-[a-z]*c")
_DOCKERFILE_CHECK = re.compile(r"^\s*HEALTHCHECK\s+(?!NONE)", re.MULTILINE | re.IGNORECASE)
_LOCAL = frozenset({"localhost", "127.0.0.1", "0.0.0.0", "::1", "[", ""})  # noqa: S104 - looked for, not bound
_REMEDY = "ask the service itself: its endpoint, its port, or its own client"


def blind_health_checks(model: ComposeModel) -> Findings:
    """Services without a health check, and health checks that succeed whatever the service does."""
    if nothing := nothing_to_judge(model):
        return nothing
    lasting = {name: service for name, service in model.services.items() if not _is_short(model, service)}
    found = [finding for service in lasting.values() for finding in _blind(model, service)]
    observed = f"{share(len(lasting) - len(found), len(lasting), 'service')} looked at by a health check"
    return Findings.of(model.services, model.outline.services, found, observed)


def _is_short(model: ComposeModel, service: Service) -> bool:
    """Whether a service is meant to end: others wait for that, and nothing starts it again."""
    if service.node.get("provider").value or service.node.get("deploy", "replicas").text == "0":
        return True
    ends = any(
        needed.name == service.name and needed.condition == "service_completed_successfully"
        for other in model.services.values()
        for needed in other.dependencies
    )
    return ends and service.node.get("restart").text in {"", "no", "false", "on-failure"}


def _blind(model: ComposeModel, service: Service) -> Iterator[Finding]:
    check = service.node.get("healthcheck")
    if not check.mapping:
        if not _checked_by_image(model, service):
            yield Finding(f"{service.name} has no health check", service.place(), _REMEDY)
        return
    where = service.place("healthcheck", "test") if "test" in check.mapping else service.place("healthcheck")
    kind, *words = [item.text for item in check.get("test").items] or [""]
    if check.get("disable").text.lower() in {"true", "yes", "on", "1", "y", "t"}:
        yield Finding(f"health check of {service.name} is disabled", service.place("healthcheck", "disable"), _REMEDY)
    elif kind == "NONE" or words == ["NONE"]:
        yield Finding(f"health check of {service.name} is NONE", where, _REMEDY)
    elif "test" not in check.mapping or not kind:
        if not _checked_by_image(model, service):
            yield Finding(f"health check of {service.name} has no test", where, _REMEDY)
    elif kind not in {"CMD", "CMD-SHELL"}:
        yield Finding(f"health check of {service.name} starts with {kind!r}, not CMD or CMD-SHELL", where)
    elif is_blind(kind, words):
        shown = " ".join(words)[:60]
        yield Finding(f"health check of {service.name} is `{shown}`, which looks at nothing", where, _REMEDY)
    elif other := _elsewhere(model, service, words):
        yield Finding(f"health check of {service.name} looks at {other}, not at itself", where, _REMEDY)


def is_blind(kind: str, words: list[str]) -> bool:
    """Whether a check succeeds whatever the service does."""
    if kind == "CMD" and words and _SHELLS.fullmatch(words[0]):
        options = [index for index, word in enumerate(words) if _SCRIPT_OPTION.fullmatch(word)]
        script = words[options[0] + 1] if options and len(words) > options[0] + 1 else ""
        return not can_fail(script, stops_at_failure=bool(options) and "e" in words[options[0]])
    if kind == "CMD":
        return not can_fail(shlex.join(words) if len(words) > 1 else " ".join(words))
    return not can_fail(" ".join(words))


def _elsewhere(model: ComposeModel, service: Service, words: list[str]) -> str:
    """Another service that the check asks, where it asks this one nothing."""
    hosts = {host for word in words for host in hosts_of("URL", word)}
    own = {service.name, service.node.get("hostname").text, service.node.get("container_name").text}
    others = sorted(hosts & set(model.services) - own)
    return others[0] if others and not hosts & (_LOCAL | own) else ""


def _checked_by_image(model: ComposeModel, service: Service) -> bool:
    """Whether the Dockerfile of a service that is built here brings a check of its own."""
    document = model.texts.get(dockerfile_of(service.node))
    return bool(document and _DOCKERFILE_CHECK.search(document.text))
