"""HLM-003: each document is one object, and valid for the cluster's Kubernetes, with unknown fields refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from blueprint.charts import KUBERNETES, Charts, Rendered
from blueprint.evidence import Finding, Findings
from blueprint.rules.chart_sources import absences, rendered
from blueprint.trouble import Trouble

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

_FOLDER = "kubernetes-json-schema/v{}.0-local-strict/_definitions.json"
_GROUP = "x-kubernetes-group-version-kind"
_INSTALL = "nox -s verify-static"
_SHOWN = 3
_LONGEST = 160


def invalid_objects(charts: Charts) -> Findings:
    """Every document that is no object, and every field that the API server would refuse or drop."""
    found = absences(charts)
    examined, population = map(set, rendered(charts))
    for render in charts.renders:
        examined |= {each.label for each in render.objects}
        population |= render.population
        for each in render.documents:
            found += _offences(each)
    observed = f"{len(examined)} objects are valid for Kubernetes {KUBERNETES}, one a document"
    return Findings.of(examined, population, found, observed)


def _offences(each: Rendered) -> Iterator[Finding]:
    if each.fault:
        yield Finding(f"the document {each.fault}", each.place(), "one object a document, --- between them")
        return
    if not each.name:
        yield Finding("has no name", each.place("metadata.name"))
    for key, what in _complaints(json.dumps(each.body, default=str)):
        yield Finding(what, each.place(key))


@cache
def _complaints(text: str) -> tuple[tuple[str, str], ...]:
    """What the schema says against an object: path and complaint. The same object comes with several values files."""
    body = json.loads(text)
    group, _, version = str(body["apiVersion"]).rpartition("/")
    validator = _validators().get((group, version, str(body["kind"])))
    if validator is None:
        return (("apiVersion", f"Kubernetes {KUBERNETES} knows no {body['kind']} of {body['apiVersion']}"),)
    return tuple(_told(error) for error in sorted(validator.iter_errors(body), key=lambda one: str(one.path))[:_SHOWN])


def _told(error: ValidationError) -> tuple[str, str]:
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path).lstrip(".")
    return path, shorten(error.message, width=_LONGEST, placeholder=" …")


@cache
def _validators() -> dict[tuple[str, str, str], Validator]:
    """A validator for each kind, from the definitions that kubernetes-validate carries, loaded once."""
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
