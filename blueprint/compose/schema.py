"""The Compose specification's own schema, as check-jsonschema carries it, and where in the file it is not met."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blueprint.compose.nodes import Node
from blueprint.evidence import JSON, Finding
from blueprint.trouble import Trouble

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

_FOLDER, _SCHEMA = "builtin_schemas", "vendor/compose-spec.json"
_INSTALL = "nox -s verify-static"
_QUOTED = re.compile(r"'([^']+)'")
_UNKNOWN = frozenset({"additionalProperties", "unevaluatedProperties"})
_LONGEST = 120


@cache
def compose_schema() -> dict[str, JSON]:
    """The schema, read once."""
    found = find_spec("check_jsonschema")  # found and not imported: its command line takes half a second to load
    if found is None or found.origin is None:
        raise Trouble("the package check-jsonschema, which carries the schema, is not installed", next_command=_INSTALL)
    document: dict[str, JSON] = json.loads(Path(found.origin).with_name(_FOLDER).joinpath(_SCHEMA).read_text("utf-8"))
    return document


@cache
def _validator() -> Validator:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(compose_schema())


@cache
def _service_keys() -> frozenset[str]:
    """Keys that a service may have: one with a wrong value counts as unevaluated too, which is no news."""
    definitions: Any = compose_schema()["$defs"]
    parts = ("service", "job", "container_spec", "workload_spec", "pre_start_hook")
    return frozenset(key for part in parts for key in definitions[part].get("properties", {}))


def schema_faults(document: Node) -> list[Finding]:
    """Every place at which a substituted document does not meet the schema, named by its line and key."""
    found: dict[tuple[int, str, str], Finding] = {}
    for error in _validator().iter_errors(document.plain()):
        for finding in _findings(error, document):
            found[finding.place.line, finding.place.key, finding.what] = finding
    return list(found.values())


def _findings(error: ValidationError, document: Node) -> Iterator[Finding]:
    error = _closest(error)
    if not error.instance and error.validator == "pattern":
        return  # a variable that whoever starts it must set, most likely
    node, key = document, ""
    for step in error.absolute_path:
        node = node.items[step] if isinstance(step, int) else node.get(str(step))
        key = f"{key}[{step}]" if isinstance(step, int) else f"{key}.{step}".lstrip(".")
    if error.validator in _UNKNOWN and node.mapping:
        for name in dict.fromkeys(_QUOTED.findall(error.message.rpartition("(")[2])):
            if name in node.mapping and not (error.validator == "unevaluatedProperties" and name in _service_keys()):
                what = f"{name!r} is no key that Compose knows here"
                yield Finding(what, node.get(name).place(f"{key}.{name}".lstrip(".")))
        return
    yield Finding(_said(error), node.place(key))


def _closest(error: ValidationError) -> ValidationError:
    """Of several ways to write something, what is wrong in the one that was meant: the error that lies deepest."""
    deepest = max((_closest(one) for one in error.context or ()), key=_depth, default=error)
    return deepest if len(deepest.absolute_path) > len(error.absolute_path) else error


def _depth(error: ValidationError) -> tuple[int, bool]:
    return len(error.absolute_path), error.validator in _UNKNOWN


def _said(error: ValidationError) -> str:
    message = error.message if len(error.message) <= _LONGEST else f"{error.message[:_LONGEST]}…"
    if error.validator == "type":
        value: object = error.validator_value
        wanted = " or ".join(map(str, value)) if isinstance(value, list) else str(value)
        return f"is {_kind(error.instance)} where Compose wants {wanted}"
    if error.validator == "oneOf":
        return f"{_kind(error.instance)} of this form is none that Compose takes here"
    return f"does not meet the Compose specification: {message}"


def _kind(value: object) -> str:
    kinds = {dict: "a mapping", list: "a list", str: "text", bool: "true or false", type(None): "empty"}
    return kinds.get(type(value), "a number")
