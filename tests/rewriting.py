"""Other ways to write our own Compose file that mean the same."""

from __future__ import annotations

# ruff: noqa: ANN401 - a YAML document is of any form
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import yaml

Rewriting: TypeAlias = Callable[[str], "str | Mapping[str, str]"]
BESIDE = "infra/parts.yaml"


class _Plain(yaml.SafeDumper):
    """Writes a document without anchors."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


class _Quoted(_Plain):
    """Writes every text in double quotes, and nothing else in any."""


_Quoted.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))


class _Escaped(_Plain):
    """Writes texts with their first letter as an escape."""


def _dumped(document: Any, dumper: type[yaml.SafeDumper] = _Plain, **style: Any) -> str:
    return str(yaml.dump(document, Dumper=dumper, sort_keys=style.pop("sort_keys", False), width=10_000, **style))


def _reversed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _reversed(item) for key, item in reversed(value.items())}
    return [_reversed(item) for item in value] if isinstance(value, list) else value


def _each_service(change: Callable[[dict[str, Any]], None], **style: Any) -> Rewriting:
    """A rewriting that changes every service in place."""

    def rewrite(text: str) -> str:
        document = json.loads(json.dumps(yaml.safe_load(text)))  # a copy in which nothing is shared
        for service in document["services"].values():
            change(service)
        return _dumped(document, **style)

    return rewrite


def _variables_listed(service: dict[str, Any]) -> None:
    if "environment" in service:
        service["environment"] = [f"{name}={value}" for name, value in service["environment"].items()]


def _arguments_listed(service: dict[str, Any]) -> None:
    if "build" in service:
        service["build"]["args"] = [f"{name}={value}" for name, value in service["build"]["args"].items()]


def _ports_long(service: dict[str, Any]) -> None:
    parts = [port.split(":") for port in service.get("ports", [])]
    if parts:
        service["ports"] = [{"host_ip": ip, "published": host, "target": int(target)} for ip, host, target in parts]


def _volumes_long(service: dict[str, Any]) -> None:
    volumes = []
    for volume in service.get("volumes", []):
        source, target, *mode = volume.split(":")
        kind = "bind" if source.startswith(".") else "volume"
        volumes.append({"type": kind, "source": source, "target": target, **({"read_only": True} if mode else {})})
    if volumes:
        service["volumes"] = volumes


def _waits_listed(service: dict[str, Any]) -> None:
    waits = service.get("depends_on", {})
    if waits and all(wait == {"condition": "service_started"} for wait in waits.values()):
        service["depends_on"] = list(waits)


def _single_words(service: dict[str, Any]) -> None:
    for key in ("tmpfs",):
        if len(service.get(key, [])) == 1:
            service[key] = service[key][0]
    if "command" in service:
        service["command"] = " ".join(service["command"])


def _asked_of_a_shell(service: dict[str, Any]) -> None:
    _, *words = service["healthcheck"]["test"]
    script = words[-1] if words[0] == "bash" else " ".join(words)
    quoted = script.replace("'", "'\"'\"'")
    service["healthcheck"]["test"] = f"bash -ec '{quoted}'" if words[0] == "bash" else script


def _all_long(service: dict[str, Any]) -> None:
    for change in (_ports_long, _volumes_long, _variables_listed):
        change(service)


def _commented(text: str) -> str:
    lines = []
    scalar_indent = -1
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip())
        if scalar_indent >= 0 and (not line.strip() or indent > scalar_indent):
            lines.append(line)
            continue
        scalar_indent = indent if re.search(r"\|\s*$", line) else -1
        lines += [f"{' ' * indent}# password: hunter2, image: x:latest", "", line]
    return "\n".join(lines) + "\n"


def _anchored(text: str) -> str:
    """Every list and mapping that occurs more than once, written once and then referred to."""
    shared: dict[str, Any] = {}

    def share(value: Any) -> Any:
        if isinstance(value, dict):
            value = {key: share(item) for key, item in value.items()}
        elif isinstance(value, list):
            value = [share(item) for item in value]
        else:
            return value
        return shared.setdefault(repr(value), value)

    document = {key: share(value) for key, value in yaml.safe_load(text).items()}
    return str(yaml.safe_dump(document, sort_keys=False))


def _by_extension(text: str) -> str:
    """The five services extend one that no profile of the blueprint starts by itself, in a second file."""
    document = yaml.safe_load(text)
    common = dict(document["x-service"])
    for name in ("gateway", "ui", "conversation_worker", "memory_service", "tool_executor"):
        service = document["services"][name]
        own = {key: value for key, value in service.items() if common.get(key) != value}
        document["services"][name] = {"extends": {"file": "parts.yaml", "service": "common"}, **own}
    return _dumped(document)


def _extended(text: str) -> Mapping[str, str]:
    common = {"services": {"common": dict(yaml.safe_load(text)["x-service"])}}
    return {"": _by_extension(text), BESIDE: _dumped(common)}


def _included(text: str) -> Mapping[str, str]:
    document = yaml.safe_load(text)
    names = ("kafka", "schema-registry", "grafana", "loki", "prometheus")
    moved = {name: document["services"].pop(name) for name in names}
    parts = {
        "services": moved,
        "volumes": dict.fromkeys(("kafka_data", "grafana_data", "loki_data", "prometheus_data")),
    }
    for name in parts["volumes"]:
        document["volumes"].pop(name)
    return {"": _dumped({"include": ["parts.yaml"], **document}), BESIDE: _dumped(parts)}


def _in_two_documents(text: str) -> str:
    document = yaml.safe_load(text)
    names = list(document["services"])[6:]
    later = {"services": {name: document["services"].pop(name) for name in names}}
    return _dumped(document) + "---\n" + _dumped(later)


def _merged_from_lists(text: str) -> str:
    return re.sub(r"<<: \*([\w-]+)", r"<<: [*\1, *\1]", text)


def _escaped(text: str) -> str:
    return re.sub(
        r'"([a-zA-Z])([^"\\\n]*)"',
        lambda match: f'"\\u{ord(match[1]):04x}{match[2]}"',
        _dumped(yaml.safe_load(text), _Quoted),
    )


def _inlined(text: str) -> str:
    document = {key: value for key, value in yaml.safe_load(text).items() if not key.startswith("x-")}
    return _dumped(document)


REWRITINGS: Mapping[str, Rewriting] = {
    "keys sorted": lambda text: _dumped(yaml.safe_load(text), sort_keys=True),
    "keys reversed": lambda text: _dumped(_reversed(yaml.safe_load(text))),
    "fragments inlined": _inlined,
    "in flow style": lambda text: _dumped(yaml.safe_load(text), default_flow_style=True),
    "in block style": lambda text: _dumped(yaml.safe_load(text), default_flow_style=False),
    "indented by eight": lambda text: _dumped(yaml.safe_load(text), indent=8),
    "as JSON": lambda text: json.dumps(yaml.safe_load(text)),
    "as JSON, indented": lambda text: json.dumps(yaml.safe_load(text), indent=4),
    "in double quotes": lambda text: _dumped(yaml.safe_load(text), _Quoted),
    "with escapes": _escaped,
    "with anchors for all that repeats": _anchored,
    "with lists of merge keys": _merged_from_lists,
    "with comments everywhere": _commented,
    "with the line ends of Windows": lambda text: text.replace("\n", "\r\n"),
    "with directive and end mark": lambda text: f"%YAML 1.2\n{text}...\n",
    "without its opening mark": lambda text: text.removeprefix("---\n"),
    "with variables in lists": _each_service(_variables_listed),
    "with build arguments in lists": _each_service(_arguments_listed),
    "with long ports": _each_service(_ports_long),
    "with long volumes": _each_service(_volumes_long),
    "with dependencies in lists": _each_service(_waits_listed),
    "with words for lists of one": _each_service(_single_words),
    "with all long, in flow style": _each_service(_all_long, default_flow_style=True),
    "by extension": _extended,
    "by inclusion": _included,
    "in two documents": _in_two_documents,
    "with checks asked of a shell": _each_service(_asked_of_a_shell),
}
OTHER_WORDS = frozenset({"with checks asked of a shell"})
"""Rewritings that do the same and are not the same to Compose."""
