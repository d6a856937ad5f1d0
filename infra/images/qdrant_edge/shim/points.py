"""Points: written, read, counted, removed, and found by a vector."""

from __future__ import annotations

import time

import qdrant_edge as edge
from fastapi import APIRouter, Request

from .answers import changed, collections_of, told
from .refusal import Refusal, unknown
from .shards import Collection
from .translation import (
    Json,
    filter_of,
    params_of,
    payload_wish,
    point_id,
    points_of,
    query_of,
    told_offset,
    told_point,
)

_QUERY_KEYS = {"query", "vector", "filter", "limit", "offset", "with_payload", "with_vector", "using", "params"}
router = APIRouter()


@router.put("/collections/{name}/points")
def upsert(request: Request, name: str, body: Json) -> Json:
    """Write points; they are in the log before the answer."""
    began = time.perf_counter()
    if extra := {key for key, value in body.items() if value is not None} - {"points", "batch"}:
        raise unknown("an upsert", extra)
    return changed(collections_of(request)[name].change(edge.UpdateOperation.upsert_points(points_of(body))), began)


@router.post("/collections/{name}/points/delete")
def delete_points(request: Request, name: str, body: Json) -> Json:
    """Remove points by id, or those that a filter finds."""
    began = time.perf_counter()
    if body.get("filter"):
        chosen = filter_of(body["filter"])
        assert chosen is not None
        operation = edge.UpdateOperation.delete_points_by_filter(chosen)
    elif isinstance(body.get("points"), list):
        operation = edge.UpdateOperation.delete_points([point_id(each) for each in body["points"]])
    else:
        raise Refusal(400, "points or a filter say what is removed")
    return changed(collections_of(request)[name].change(operation), began)


@router.post("/collections/{name}/points/payload")
def set_payload(request: Request, name: str, body: Json) -> Json:
    """Add to the payload of points."""
    began = time.perf_counter()
    if extra := {key for key, value in body.items() if value is not None} - {"points", "payload", "key"}:
        raise unknown("set payload", extra)
    ids = [point_id(each) for each in body.get("points") or []]
    operation = edge.UpdateOperation.set_payload(ids, body["payload"], body.get("key"))
    return changed(collections_of(request)[name].change(operation), began)


@router.post("/collections/{name}/points")
def retrieve(request: Request, name: str, body: Json) -> Json:
    """Points by id."""
    began = time.perf_counter()
    ids = [point_id(each) for each in body["ids"]]
    wish, vectors = payload_wish(body.get("with_payload"), True), body.get("with_vector", False)
    found = collections_of(request)[name].ask(lambda shard: shard.retrieve(ids, wish, vectors))
    return told([told_point(point, scored=False) for point in found], began)


@router.post("/collections/{name}/points/count")
def count(request: Request, name: str, body: Json) -> Json:
    """How many points a filter finds; all of them without one."""
    began = time.perf_counter()
    wish = edge.CountRequest(exact=body.get("exact", True), filter=filter_of(body.get("filter")))
    return told({"count": collections_of(request)[name].ask(lambda shard: shard.count(wish))}, began)


@router.post("/collections/{name}/points/scroll")
def scroll(request: Request, name: str, body: Json) -> Json:
    """Points in the order of their ids, a page at a time."""
    began = time.perf_counter()
    known = {"filter", "limit", "offset", "with_payload", "with_vector"}
    if extra := {key for key, value in body.items() if value is not None} - known:
        raise unknown("a scroll", extra)
    offset = body.get("offset")
    wish = edge.ScrollRequest(
        offset=None if offset is None else point_id(offset),
        limit=body.get("limit") or 10,
        filter=filter_of(body.get("filter")),
        with_payload=payload_wish(body.get("with_payload"), True),
        with_vector=body.get("with_vector", False),
    )
    points, following = collections_of(request)[name].ask(lambda shard: shard.scroll(wish))
    page = [told_point(point, scored=False) for point in points]
    return told({"points": page, "next_page_offset": told_offset(following)}, began)


@router.post("/collections/{name}/points/query")
def query(request: Request, name: str, body: Json) -> Json:
    """The points nearest to a vector."""
    began = time.perf_counter()
    return told({"points": _nearest(collections_of(request)[name], body)}, began)


@router.post("/collections/{name}/points/query/batch")
def query_batch(request: Request, name: str, body: Json) -> Json:
    """Several queries, each answered as alone."""
    began = time.perf_counter()
    collection = collections_of(request)[name]
    return told([{"points": _nearest(collection, one)} for one in body["searches"]], began)


@router.post("/collections/{name}/points/search")
def search(request: Request, name: str, body: Json) -> Json:
    """The older form of a query."""
    began = time.perf_counter()
    return told(_nearest(collections_of(request)[name], body), began)


def _nearest(collection: Collection, body: Json) -> list[Json]:
    if extra := {key for key, value in body.items() if value is not None} - _QUERY_KEYS - {"score_threshold"}:
        raise unknown("a query", extra)
    wish = edge.QueryRequest(
        limit=body.get("limit") or 10,
        offset=body.get("offset") or 0,
        query=query_of(body),
        filter=filter_of(body.get("filter")),
        params=params_of(body.get("params")),
        score_threshold=body.get("score_threshold"),
        with_payload=payload_wish(body.get("with_payload"), False),
        with_vector=body.get("with_vector", False),
    )
    return [told_point(point, scored=True) for point in collection.ask(lambda shard: shard.query(wish))]
