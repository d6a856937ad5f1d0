"""The schemas of Kubernetes with unknown fields refused, as kubernetes-validate carries them, and what they say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from blueprint.trouble import Trouble

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

KUBERNETES = "1.37"
"""The version of the clusters that the charts are for."""
_FOLDER = "kubernetes-json-schema/v{}.0-local-strict/_definitions.json"
_GROUP = "x-kubernetes-group-version-kind"
_INSTALL = "nox -s verify-static"
_SHAPES = frozenset({"type", "oneOf", "anyOf"})
_SHOWN = 5
_LONGEST = 160


@dataclass(frozen=True, slots=True)
class Complaint:
    """What the API server would have against an object.

    Attributes:
        path: of the field.
        what: is wrong with it.
        is_shape: whether it has another type than it must have, so that nothing can be read from it.
    """

    path: str
    what: str
    is_shape: bool


def complaints(body: dict[str, Any]) -> tuple[Complaint, ...]:
    """What the schema of its kind says against an object.

    Raises:
        Trouble: the schemas are not installed.
    """
    group, _, version = str(body["apiVersion"]).rpartition("/")
    validator = _validators().get((group, version, str(body["kind"])))
    if validator is None:
        what = f"Kubernetes {KUBERNETES} knows no {body['kind']} of {body['apiVersion']}"
        return (Complaint("apiVersion", what, not isinstance(body.get("metadata"), dict)),)
    errors = sorted(validator.iter_errors(body), key=lambda one: [str(step) for step in one.absolute_path])
    shapes = [error for error in errors if error.validator in _SHAPES]
    rest = [error for error in errors if error.validator not in _SHAPES]
    nothing = (Complaint(path, "is nothing, in a list", is_shape=True) for path in _nothing(body))
    return (*nothing, *(_complaint(error) for error in [*shapes, *rest][:_SHOWN]))


def _nothing(value: Any, path: str = "") -> Iterator[str]:  # noqa: ANN401 - an object of any shape
    """The paths of elements of lists that are null, which the schema passes over."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _nothing(inner, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            if inner is None:
                yield f"{path}[{number}]"
            yield from _nothing(inner, f"{path}[{number}]")


def _complaint(error: ValidationError) -> Complaint:
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path).lstrip(".")
    what = shorten(error.message, width=_LONGEST, placeholder=" …")
    return Complaint(path, what, error.validator in _SHAPES)


@cache
def _validators() -> dict[tuple[str, str, str], Validator]:
    """A validator for each kind, from definitions that are loaded once."""
    from jsonschema import Draft202012Validator
    from referencing import Registry, Resource

    definitions = _definitions()
    registry: Registry[Any] = Resource.from_contents(definitions) @ Registry()
    return {
        (one["group"], one["version"], one["kind"]): Draft202012Validator(
            {"$ref": f"{definitions['$id']}#/$defs/{name}"}, registry=registry
        )
        for name, definition in definitions["$defs"].items()
        for one in definition.get(_GROUP, ())
    }


def _definitions() -> dict[str, Any]:
    found = find_spec("kubernetes_validate")  # found and not imported: its data alone is used
    if found is None or found.origin is None:
        raise Trouble("the package kubernetes-validate, which carries the schemas, is missing", next_command=_INSTALL)
    path = Path(found.origin).parent / _FOLDER.format(KUBERNETES)
    if not path.is_file():
        raise Trouble(f"kubernetes-validate has no schemas of Kubernetes {KUBERNETES}", next_command="nox -s lock")
    definitions: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return definitions
