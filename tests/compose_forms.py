"""One form for what Compose prints and what the model holds, so that the two compare as values."""

# ruff: noqa: ANN401 - what another program prints is of any form
from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from blueprint.compose import Selection, Service
from blueprint.compose.nodes import written

Form: TypeAlias = Callable[[Any], Any]
_UNITS = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30}
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6}


def comparable_config(document: Mapping[str, Any]) -> dict[str, Any]:
    """The services of ``docker compose config --format json``, in the one form."""
    return {name: _service(_unescaped(service)) for name, service in document["services"].items()}


def comparable_selection(selection: Selection, root: Path) -> dict[str, Any]:
    """The services of a selection, in the one form, paths under the root made absolute."""
    return {name: _service(_plain(service, root)) for name, service in selection.services.items()}


def _plain(service: Service, root: Path) -> dict[str, Any]:
    plain: dict[str, Any] = {key: node.plain() for key, node in service.node.mapping.items()}
    plain.pop("env_file", None)
    plain["environment"] = {name: node.value for name, node in service.environment.items()}
    outside = {"FROM_OUTSIDE": "outside"}
    if build := plain.get("build"):
        if "context" in build:
            build["context"] = _absolute(root, build["context"])
        build.setdefault("dockerfile", "Dockerfile")
        args = build.get("args", {})
        build["args"] = {name: outside.get(name) if value is None else value for name, value in args.items()}
        if "dockerfile_inline" in build:
            del build["dockerfile"]
    for volume in plain.get("volumes", []):
        if volume["type"] == "bind":
            volume["source"] = _absolute(root, volume["source"])
    if not plain.get("networks") and "network_mode" not in plain:
        plain["networks"] = {"default": None}
    return plain


def _absolute(root: Path, path: str) -> str:
    return os.path.normpath(root / path)


def _unescaped(value: Any) -> Any:
    if isinstance(value, dict):
        return {_unescaped(key): _unescaped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_unescaped(item) for item in value]
    return value.replace("$$", "$") if isinstance(value, str) else value


def _service(service: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in service.items() if value not in (None, {}, []) and not key.startswith("x-")}
    return {key: _FORMS.get(key, _texts)(value) for key, value in kept.items()}


def _texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_texts(item) for item in value]
    return value if value is None else written(value)


def _each(*keys: str) -> Form:
    """Lists of mappings as sets of the values of some keys."""
    return lambda items: {tuple(written(item.get(key)) for key in keys) for item in items}


def _unordered(value: Any) -> Any:
    return sorted(map(written, value))


def _bytes(value: Any) -> int:
    match = re.fullmatch(r"([0-9.]+)\s*([bkmg]?)b?", str(value).lower())
    assert match, value
    return int(float(match[1]) * _UNITS[match[2]])


def _seconds(value: str) -> float:
    return sum(float(number) * _SECONDS[unit] for number, unit in re.findall(r"([0-9.]+)(ms|us|h|m|s)", value))


def _health(check: Mapping[str, Any]) -> dict[str, Any]:
    timed = {"interval", "timeout", "start_period", "start_interval"}
    return {key: _seconds(value) if key in timed else _texts(value) for key, value in check.items()}


def _build(build: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _texts(value) for key, value in build.items() if value not in (None, {})}


def _hosts(value: Any) -> Any:
    pairs = value.items() if isinstance(value, dict) else (re.split(r"[:=]", item, maxsplit=1) for item in value)
    return {name: _texts(address) for name, address in pairs}


_FORMS: dict[str, Form] = {
    "build": _build,
    "cap_drop": _unordered,
    "configs": _each("source"),
    "cpus": float,
    "expose": _unordered,
    "extra_hosts": _hosts,
    "healthcheck": _health,
    "mem_limit": _bytes,
    "networks": sorted,
    "ports": _each("host_ip", "published", "target", "protocol"),
    "profiles": _unordered,
    "secrets": _each("source"),
    "shm_size": _bytes,
    "tmpfs": _unordered,
    "volumes": _each("type", "source", "target", "read_only"),
}
