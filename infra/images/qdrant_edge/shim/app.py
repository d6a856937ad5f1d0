"""The REST interface: paths, bodies and answers as Qdrant's clients know them."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import qdrant_edge as edge
from fastapi import APIRouter, FastAPI, Query, Request, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, Response

from .refusal import Refusal, unknown
from .shards import Collection, Collections, vectors_total
from .translation import (
    Json,
    filter_of,
    params_of,
    payload_wish,
    point_id,
    points_of,
    query_of,
    schema_of,
    told_offset,
    told_point,
)

TITLE = "Qdrant Edge shim, a stand-in for the Qdrant server"
SPEAKS = "1.20.0"
"""Version of the REST interface whose part is spoken; clients compare it with their own."""
FETCH_SECONDS = 60
_QUERY_KEYS = {"query", "vector", "filter", "limit", "offset", "with_payload", "with_vector", "using", "params"}
router = APIRouter()


def shim(storage: Path | None = None, snapshots: Path | None = None) -> FastAPI:
    """The application over one folder; Qdrant's own settings say which where none is given."""
    home = storage or Path(os.environ.get("QDRANT__STORAGE__STORAGE_PATH", "storage"))
    copies = snapshots or Path(os.environ.get("QDRANT__STORAGE__SNAPSHOTS_PATH", "snapshots"))

    @asynccontextmanager
    async def open_shards(app: FastAPI) -> AsyncIterator[None]:
        app.state.collections = Collections(home, copies)
        yield
        app.state.collections.close()

    app = FastAPI(title=TITLE, version=SPEAKS, lifespan=open_shards, docs_url=None, redoc_url=None)
    app.state.answered = {}
    app.middleware("http")(_counted)
    app.exception_handler(Refusal)(_refused)
    app.exception_handler(RequestValidationError)(_malformed)
    app.include_router(router)
    return app


def _collections(request: Request) -> Collections:
    found: Collections = request.app.state.collections
    return found


def _told(result: object, began: float) -> Json:
    return {"result": result, "status": "ok", "time": time.perf_counter() - began}


def _changed(number: int, began: float) -> Json:
    return _told({"operation_id": number, "status": "completed"}, began)


async def _refused(_: Request, refusal: Exception) -> Response:
    status, what = (refusal.status, refusal.what) if isinstance(refusal, Refusal) else (500, str(refusal))
    return JSONResponse({"status": {"error": what}, "time": 0.0}, status_code=status)


async def _malformed(_: Request, error: Exception) -> Response:
    return JSONResponse({"status": {"error": f"Format error in JSON body: {error}"}, "time": 0.0}, status_code=400)


async def _counted(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await answer(request)
    route = request.scope.get("route")
    key = (request.method, getattr(route, "path", "unknown"), response.status_code)
    answered: dict[tuple[str, str, int], int] = request.app.state.answered
    answered[key] = answered.get(key, 0) + 1
    return response


@router.get("/")
def about() -> Json:
    """What this is; a client reads the version."""
    return {"title": TITLE, "version": SPEAKS}


@router.get("/healthz")
@router.get("/livez")
@router.get("/readyz")
def ready(request: Request) -> Response:
    """Ready once every collection is open, which is before the first request is answered; each is asked."""
    for collection in _collections(request):
        vectors_total(collection)
    return PlainTextResponse("all shards are ready")


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Under the names of the server's own metrics."""
    every = list(_collections(request))
    lines = [
        "# TYPE app_info gauge",
        f'app_info{{name="qdrant-edge-shim",version="{SPEAKS}"}} 1',
        "# TYPE collections_total gauge",
        f"collections_total {len(every)}",
        "# TYPE collections_vector_total gauge",
        f"collections_vector_total {sum(vectors_total(one) for one in every)}",
        "# TYPE rest_responses_total counter",
    ]
    lines += [
        f'rest_responses_total{{method="{method}",endpoint="{path}",status="{status}"}} {count}'
        for (method, path, status), count in sorted(request.app.state.answered.items())
    ]
    return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")


@router.get("/collections")
def list_collections(request: Request) -> Json:
    """Their names."""
    began = time.perf_counter()
    return _told({"collections": [{"name": one.name} for one in _collections(request)]}, began)


@router.get("/collections/{name}/exists")
def collection_exists(request: Request, name: str) -> Json:
    """Whether there is one of this name."""
    began = time.perf_counter()
    return _told({"exists": name in _collections(request)}, began)


@router.get("/collections/{name}")
def collection_info(request: Request, name: str) -> Json:
    """State and configuration."""
    began = time.perf_counter()
    collection = _collections(request)[name]
    info: Any = collection.ask(lambda shard: shard.info())
    params = {key: collection.config[key] for key in ("vectors", "sparse_vectors") if collection.config.get(key)}
    told = {
        "status": "green",
        "optimizer_status": "ok",
        "points_count": info.points_count,
        "indexed_vectors_count": info.indexed_vectors_count,
        "segments_count": info.segments_count,
        "payload_schema": {
            field: {"data_type": str(index.data_type).rpartition(".")[2].lower(), "points": index.points}
            for field, index in info.payload_schema.items()
        },
        "config": {
            "params": {**params, "shard_number": 1, "replication_factor": 1},
            "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10000},
            "optimizer_config": {"deleted_threshold": 0.2, "vacuum_min_vector_number": 1000,
                                 "default_segment_number": 0, "flush_interval_sec": 5},
        },
    }  # fmt: skip
    return _told(told, began)


@router.put("/collections/{name}")
def create_collection(request: Request, name: str, body: Json) -> Json:
    """Make a collection."""
    began = time.perf_counter()
    _collections(request).create(name, body)
    return _told(True, began)


@router.delete("/collections/{name}")
def delete_collection(request: Request, name: str) -> Json:
    """Remove a collection."""
    began = time.perf_counter()
    return _told(_collections(request).delete(name), began)


@router.put("/collections/{name}/index")
def create_index(request: Request, name: str, body: Json) -> Json:
    """Index a field of the payload."""
    began = time.perf_counter()
    schema = schema_of(body.get("field_schema"))
    operation = edge.UpdateOperation.create_field_index(body["field_name"], schema)
    return _changed(_collections(request)[name].change(operation), began)


@router.delete("/collections/{name}/index/{field}")
def delete_index(request: Request, name: str, field: str) -> Json:
    """Drop an index."""
    began = time.perf_counter()
    return _changed(_collections(request)[name].change(edge.UpdateOperation.delete_field_index(field)), began)


@router.put("/collections/{name}/points")
def upsert(request: Request, name: str, body: Json) -> Json:
    """Write points; they are in the log before the answer."""
    began = time.perf_counter()
    if extra := {key for key, value in body.items() if value is not None} - {"points", "batch"}:
        raise unknown("an upsert", extra)
    return _changed(_collections(request)[name].change(edge.UpdateOperation.upsert_points(points_of(body))), began)


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
    return _changed(_collections(request)[name].change(operation), began)


@router.post("/collections/{name}/points/payload")
def set_payload(request: Request, name: str, body: Json) -> Json:
    """Add to the payload of points."""
    began = time.perf_counter()
    if extra := {key for key, value in body.items() if value is not None} - {"points", "payload", "key"}:
        raise unknown("set payload", extra)
    ids = [point_id(each) for each in body.get("points") or []]
    operation = edge.UpdateOperation.set_payload(ids, body["payload"], body.get("key"))
    return _changed(_collections(request)[name].change(operation), began)


@router.post("/collections/{name}/points")
def retrieve(request: Request, name: str, body: Json) -> Json:
    """Points by id."""
    began = time.perf_counter()
    ids = [point_id(each) for each in body["ids"]]
    wish, vectors = payload_wish(body.get("with_payload"), True), body.get("with_vector", False)
    found = _collections(request)[name].ask(lambda shard: shard.retrieve(ids, wish, vectors))
    return _told([told_point(point, scored=False) for point in found], began)


@router.post("/collections/{name}/points/count")
def count(request: Request, name: str, body: Json) -> Json:
    """How many points a filter finds; all of them without one."""
    began = time.perf_counter()
    wish = edge.CountRequest(exact=body.get("exact", True), filter=filter_of(body.get("filter")))
    return _told({"count": _collections(request)[name].ask(lambda shard: shard.count(wish))}, began)


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
    points, following = _collections(request)[name].ask(lambda shard: shard.scroll(wish))
    told = {"points": [told_point(point, scored=False) for point in points]}
    return _told({**told, "next_page_offset": told_offset(following)}, began)


@router.post("/collections/{name}/points/query")
def query(request: Request, name: str, body: Json) -> Json:
    """The points nearest to a vector."""
    began = time.perf_counter()
    return _told({"points": _nearest(_collections(request)[name], body)}, began)


@router.post("/collections/{name}/points/query/batch")
def query_batch(request: Request, name: str, body: Json) -> Json:
    """Several queries, each answered as alone."""
    began = time.perf_counter()
    collection = _collections(request)[name]
    return _told([{"points": _nearest(collection, one)} for one in body["searches"]], began)


@router.post("/collections/{name}/points/search")
def search(request: Request, name: str, body: Json) -> Json:
    """The older form of a query."""
    began = time.perf_counter()
    return _told(_nearest(_collections(request)[name], body), began)


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


@router.post("/collections/{name}/snapshots")
def create_snapshot(request: Request, name: str) -> Json:
    """Write a snapshot of a collection."""
    began = time.perf_counter()
    return _told(_collections(request)[name].take_snapshot(), began)


@router.get("/collections/{name}/snapshots")
def list_snapshots(request: Request, name: str) -> Json:
    """Every snapshot of a collection."""
    began = time.perf_counter()
    return _told(_collections(request)[name].listed_snapshots(), began)


@router.get("/collections/{name}/snapshots/{snapshot}")
def download_snapshot(request: Request, name: str, snapshot: str) -> Response:
    """A snapshot, as a file."""
    return FileResponse(_collections(request)[name].snapshot(snapshot), filename=snapshot)


@router.delete("/collections/{name}/snapshots/{snapshot}")
def delete_snapshot(request: Request, name: str, snapshot: str) -> Json:
    """Remove a snapshot."""
    began = time.perf_counter()
    path = _collections(request)[name].snapshot(snapshot)
    path.with_suffix(".checksum").unlink(missing_ok=True)
    path.unlink()
    return _told(True, began)


@router.put("/collections/{name}/snapshots/recover")
def recover_snapshot(request: Request, name: str, body: Json) -> Json:
    """Put a collection back from a snapshot at an address."""
    began = time.perf_counter()
    if extra := {key for key, value in body.items() if value is not None} - {"location", "checksum", "priority"}:
        raise unknown("recover", extra)
    with tempfile.TemporaryDirectory(prefix="recover-") as folder:
        packed = _fetched(str(body.get("location", "")), Path(folder) / "snapshot")
        _collections(request).recover(name, packed, body.get("checksum"))
    return _told(True, began)


@router.post("/collections/{name}/snapshots/upload")
def upload_snapshot(
    request: Request, name: str, snapshot: UploadFile, checksum: Annotated[str | None, Query()] = None
) -> Json:
    """Put a collection back from an uploaded snapshot."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="recover-") as folder:
        packed = Path(folder) / "snapshot"
        with packed.open("wb") as file:
            shutil.copyfileobj(snapshot.file, file, 2**20)
        _collections(request).recover(name, packed, checksum)
    return _told(True, began)


def _fetched(location: str, into: Path) -> Path:
    """The file at an address: one of this machine's, or one that is fetched."""
    parts = urllib.parse.urlsplit(location)
    if parts.scheme == "file":
        path = Path(urllib.parse.unquote(parts.path))
        if not path.is_file():
            raise Refusal(400, f"Wrong input: Snapshot file {str(path)!r} does not exist")
        return path
    if parts.scheme not in {"http", "https"}:
        raise Refusal(400, f"{location!r} is no file:, http: or https: address of a snapshot")
    try:
        with urllib.request.urlopen(location, timeout=FETCH_SECONDS) as answer, into.open("wb") as file:  # noqa: S310 - http(s) only, see above
            shutil.copyfileobj(answer, file, 2**20)
    except (urllib.error.URLError, OSError) as error:
        raise Refusal(400, f"Wrong input: the snapshot cannot be fetched: {error}") from error
    return into
