"""JSON of the REST interface to the engine's own types, and back."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

import qdrant_edge as edge

from .refusal import Refusal, unknown

Json = dict[str, Any]
_DISTANCES = {
    "Cosine": edge.Distance.Cosine,
    "Dot": edge.Distance.Dot,
    "Euclid": edge.Distance.Euclid,
    "Manhattan": edge.Distance.Manhattan,
}
_SCHEMAS = {
    "keyword": edge.PayloadSchemaType.Keyword,
    "integer": edge.PayloadSchemaType.Integer,
    "float": edge.PayloadSchemaType.Float,
    "bool": edge.PayloadSchemaType.Bool,
    "datetime": edge.PayloadSchemaType.Datetime,
    "uuid": edge.PayloadSchemaType.Uuid,
    "text": edge.PayloadSchemaType.Text,
}
_TUNING = {  # kept and told again; a single shard in one process has no use for them, and no answer depends on them
    "hnsw_config", "optimizers_config", "wal_config", "on_disk_payload", "timeout", "shard_number",
    "replication_factor", "write_consistency_factor",
}  # fmt: skip


def config_of(body: Json) -> edge.EdgeConfig:
    """The configuration of a new collection."""
    if extra := {key for key, value in body.items() if value is not None} - _TUNING - {"vectors", "sparse_vectors"}:
        raise unknown("a collection", extra)
    given = body.get("vectors") or {}
    named = {"": given} if "size" in given else given
    sparse = body.get("sparse_vectors") or {}
    if not named and not sparse:
        raise Refusal(400, "a collection needs vectors")
    return edge.EdgeConfig(
        vectors={name: _vector_params(params) for name, params in named.items()} or None,
        sparse_vectors={name: edge.EdgeSparseVectorParams() for name in sparse} or None,
    )


def _vector_params(params: Json) -> edge.EdgeVectorParams:
    if extra := {key for key, value in params.items() if value is not None} - {"size", "distance", "on_disk"}:
        raise unknown("vector parameters", extra)
    if params.get("distance") not in _DISTANCES:
        raise Refusal(400, f"distance is {params.get('distance')!r}; known: {', '.join(_DISTANCES)}")
    return edge.EdgeVectorParams(size=int(params["size"]), distance=_DISTANCES[params["distance"]])


def schema_of(given: object) -> edge.PayloadSchemaType:
    """The type of a payload index."""
    name = given.get("type") if isinstance(given, dict) else given
    if name not in _SCHEMAS:
        raise Refusal(400, f"the Qdrant Edge shim knows no payload index {name!r}; known: {', '.join(_SCHEMAS)}")
    return _SCHEMAS[str(name)]


def point_id(given: object) -> edge.PointId:
    """An id as the engine takes it: an unsigned number or a UUID."""
    if isinstance(given, int) and not isinstance(given, bool) and given >= 0:
        return given
    try:
        return str(uuid.UUID(str(given)))
    except ValueError:
        raise Refusal(400, f"{given!r} is no point id: an unsigned integer or a UUID") from None


def points_of(body: Json) -> list[edge.Point]:
    """The points of an upsert, as a list of points or as columns."""
    if batch := body.get("batch"):
        payloads = batch.get("payloads") or [None] * len(batch["ids"])
        columns = batch["vectors"]
        vectors = columns if isinstance(columns, list) else [
            {name: column[row] for name, column in columns.items()} for row in range(len(batch["ids"]))
        ]  # fmt: skip
        rows = [
            {"id": each, "vector": vector, "payload": payload}
            for each, vector, payload in zip(batch["ids"], vectors, payloads, strict=True)
        ]
    else:
        rows = body.get("points") or []
    return [edge.Point(point_id(row["id"]), vector_of(row["vector"]), row.get("payload") or {}) for row in rows]


def vector_of(given: Any) -> Any:  # noqa: ANN401 - the engine takes a list, a list of lists, or both by name
    """A vector, or vectors by name."""
    if isinstance(given, dict):
        if set(given) == {"indices", "values"}:
            return edge.SparseVector(given["indices"], given["values"])
        return {name: vector_of(vector) for name, vector in given.items()}
    if isinstance(given, list):
        return given
    raise Refusal(400, "a vector is a list of numbers, a sparse vector, or these by name")


def query_of(body: Json) -> edge.Query | None:
    """What is searched for; None lists points in their order."""
    given = body.get("query", body.get("vector"))
    if given is None:
        return None
    using = body.get("using")
    if isinstance(given, dict) and set(given) == {"name", "vector"}:
        given, using = given["vector"], given["name"]
    if isinstance(given, dict) and "nearest" in given:
        if extra := {key for key, value in given.items() if value is not None} - {"nearest"}:
            raise unknown("a query", extra)
        given = given["nearest"]
    if isinstance(given, dict) and set(given) != {"indices", "values"}:
        raise unknown("a query", set(given))
    return edge.Query.Nearest(vector_of(given), using=using)


def params_of(given: Json | None) -> edge.SearchParams | None:
    """How exactly it is searched."""
    if not given:
        return None
    if extra := {key for key, value in given.items() if value} - {"hnsw_ef", "exact", "indexed_only"}:
        raise unknown("search parameters", extra)
    return edge.SearchParams(
        hnsw_ef=given.get("hnsw_ef"),
        exact=bool(given.get("exact")),
        indexed_only=bool(given.get("indexed_only")),
    )


def payload_wish(given: Any, default: bool) -> Any:  # noqa: ANN401 - a flag, names, or a selector: in and out
    """Which of the payload is told."""
    if given is None:
        return default
    if isinstance(given, dict):
        if set(given) == {"exclude"}:
            return edge.PayloadSelector.Exclude(given["exclude"])
        if set(given) == {"include"}:
            return edge.PayloadSelector.Include(given["include"])
        raise unknown("with_payload", set(given))
    return given


def filter_of(given: Json | None) -> edge.Filter | None:
    """A filter; every condition that it has is in force, or it is refused."""
    if not given:
        return None
    if extra := {key for key, value in given.items() if value is not None} - {"must", "should", "must_not"}:
        raise unknown("a filter", extra)
    must, should, must_not = (
        None if given.get(name) is None else _conditions(given[name]) for name in ("must", "should", "must_not")
    )
    return edge.Filter(must=must, should=should, must_not=must_not)


def _conditions(given: Json | list[Json]) -> list[Any]:
    return [_condition(one) for one in (given if isinstance(given, list) else [given])]


def _condition(given: Json) -> Any:  # noqa: ANN401 - the engine's conditions have no common type
    told = {key: value for key, value in given.items() if value is not None}
    if set(told) <= {"must", "should", "must_not"}:
        return filter_of(told)
    if set(told) == {"has_id"}:
        return edge.HasIdCondition({point_id(each) for each in told["has_id"]})
    if set(told) == {"is_empty"}:
        return edge.IsEmptyCondition(told["is_empty"]["key"])
    if set(told) == {"is_null"}:
        return edge.IsNullCondition(told["is_null"]["key"])
    if set(told) == {"key", "match"}:
        return edge.FieldCondition(told["key"], match=_match(told["match"]))
    if set(told) == {"key", "range"}:
        return edge.FieldCondition(told["key"], range=_range(told["range"]))
    raise unknown("a condition", set(told))


def _match(given: Json) -> Any:  # noqa: ANN401 - the engine's matches have no common type
    kinds: Mapping[str, Callable[[Any], Any]] = {
        "value": edge.MatchValue,
        "any": edge.MatchAny,
        "except": edge.MatchExcept,
        "text": edge.MatchText,
    }
    told = {key: value for key, value in given.items() if value is not None}
    if len(told) != 1 or not set(told) <= set(kinds):
        raise unknown("a match", set(told))
    ((kind, value),) = told.items()
    return kinds[kind](value)


def _range(given: Json) -> Any:  # noqa: ANN401 - of numbers or of times
    told = {key: value for key, value in given.items() if value is not None}
    if extra := set(told) - {"lt", "lte", "gt", "gte"}:
        raise unknown("a range", extra)
    times = any(isinstance(value, str) for value in told.values())
    return edge.RangeDateTime(**told) if times else edge.RangeFloat(**told)


def told_point(point: Any, *, scored: bool) -> Json:  # noqa: ANN401 - a scored point or a record
    """A point as the REST interface tells it."""
    told: Json = {"id": _told_id(point.id), "payload": point.payload, "vector": _told_vector(point.vector)}
    if scored:
        told |= {"version": point.version, "score": point.score}
    return told


def told_offset(offset: object) -> int | str | None:
    """Where a scroll goes on."""
    return None if offset is None else _told_id(offset)


def _told_id(given: object) -> int | str:
    return given if isinstance(given, int) else str(given)


def _told_vector(vector: Any) -> Any:  # noqa: ANN401 - as the engine has it
    if isinstance(vector, dict):
        return {name: _told_vector(one) for name, one in vector.items()}
    if isinstance(vector, edge.SparseVector):
        return {"indices": list(vector.indices), "values": list(vector.values)}
    return vector
