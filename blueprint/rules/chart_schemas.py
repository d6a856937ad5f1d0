"""HLM-008: a schema of values that refuses what nobody reads, and leaves the other chart's key alone."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, TypeAlias

import yaml

from blueprint.charts import CHARTS, FOLDER, Charts
from blueprint.documents import Document
from blueprint.evidence import Finding, Findings, Place

Way: TypeAlias = tuple[str, ...]

_UNKNOWN = "zzUnknownKey"
_WRONG: tuple[Any, ...] = ({"a": [None]}, [{"a": None}])
"""Two values, of which no setting that is one word or number takes either."""


def loose_schemas(charts: Charts) -> Findings:
    """Schemas that let pass what they must refuse, tried on the chart's own values with one thing changed at a time."""
    found: list[Finding] = []
    examined: set[str] = set()
    population: set[str] = set()
    for chart, own in CHARTS.items():
        schema = charts.document(f"{FOLDER}/{chart}/values.schema.json")
        values = charts.document(f"{FOLDER}/{chart}/values.yaml")
        population |= {schema.path, values.path}
        examined |= {schema.path, values.path}
        if missing := [each for each in (schema, values) if not each]:
            found += [each.absence() for each in missing]
            continue
        other = next(key for key in CHARTS.values() if key != own)
        found += _offences(schema.path, schema.text, values.path, values.text, (own, other))
    return Findings.of(examined, population, found, "unknown keys and wrong types are refused, the other's key is not")


@cache
def _offences(
    path: str, schema_text: str, values_path: str, values_text: str, keys: tuple[str, str]
) -> tuple[Finding, ...]:
    """A few hundred trials; the same files come again in every session of a process."""
    return tuple(_tried(path, schema_text, Document(values_path, values_text), *keys))


def _tried(path: str, schema_text: str, document: Document, own: str, other: str) -> Iterator[Finding]:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    place = Place(path)
    try:
        loaded, values = json.loads(schema_text), yaml.safe_load(document.text) or {}
        Draft202012Validator.check_schema(loaded)
    except (ValueError, yaml.YAMLError, SchemaError) as broken:
        yield Finding(f"cannot be read: {str(broken).splitlines()[0]}", place)
        return
    validator = Draft202012Validator(loaded)
    for error in validator.iter_errors(values):
        where = ".".join(map(str, error.absolute_path))
        yield Finding(f"the chart's own values do not meet it: {error.message[:160]}", Place(path, key=where))
    if not isinstance(values.get(own), dict):
        yield Finding(f"nothing stands under {own} in {document.path}", Place(document.path, key=own))
        return
    if not validator.is_valid({**values, other: {"anything": {"at": ["all"]}}}):
        yield Finding(
            f"refuses the key {other}, which the same file has for the other chart", place, "let it be an object"
        )
    yield from _let_through(validator, values, own, place)


def _let_through(validator: Any, values: dict[str, Any], own: str, place: Place) -> Iterator[Finding]:  # noqa: ANN401 - jsonschema's validators have no common public type
    if validator.is_valid({**values, _UNKNOWN: 1}):
        yield Finding("takes an unknown key at the top", place, "additionalProperties: false")
    ways = list(_mappings(values, (own, "global")))
    for way in _taken(validator, values, [((*way, _UNKNOWN), 1) for way in ways]):
        key = ".".join(way[:-1])
        yield Finding(f"takes an unknown key under {key}", Place(place.file, key=key), "additionalProperties: false")
    trials = [
        (way, wrong)
        for way, value in _leaves(values, (own, "global"))
        for wrong in _WRONG
        if not isinstance(value, type(wrong))
    ]
    for way in dict.fromkeys(_taken(validator, values, trials)):
        key = ".".join(way)
        yield Finding(f"takes anything for {key}", Place(place.file, key=key), "give it a type")


def _taken(validator: Any, values: dict[str, Any], trials: Sequence[tuple[Way, Any]]) -> Iterator[Way]:  # noqa: ANN401 - as above
    """Of some changes, those that the schema takes: all are made at once, and alone those to which nothing was said."""
    together = copy.deepcopy(values)
    for way, value in trials:
        _put(together, way, value)
    said = {tuple(error.absolute_path) for error in validator.iter_errors(together)}
    for way, value in trials:
        evidence = way[:-1] if way[-1] == _UNKNOWN else way
        if evidence not in said:
            alone = copy.deepcopy(values)
            _put(alone, way, value)
            if validator.is_valid(alone):
                yield way


def _mappings(values: Any, keys: tuple[str, ...]) -> Iterator[Way]:  # noqa: ANN401 - values have any shape
    """The ways to every mapping that has keys of its own, below the given keys and they themselves."""
    for key in keys:
        inner = values.get(key)
        if isinstance(inner, dict):
            if inner or key == "global":
                yield (key,)
            for way in _mappings(inner, tuple(inner)):
                yield (key, *way)


def _leaves(values: Any, keys: tuple[str, ...]) -> Iterator[tuple[Way, Any]]:  # noqa: ANN401 - as above
    for key in keys:
        inner = values.get(key)
        if isinstance(inner, dict) and inner:
            for way, value in _leaves(inner, tuple(inner)):
                yield (key, *way), value
        elif inner is not None and not isinstance(inner, dict):
            yield (key,), inner


def _put(values: dict[str, Any], way: Way, value: Any) -> None:  # noqa: ANN401 - as above
    inner = values
    for key in way[:-1]:
        inner = inner.setdefault(key, {})
    inner[way[-1]] = value
