"""The REST interface: paths, bodies and answers as Qdrant's clients know them."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import qdrant_edge as edge
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from . import points, snapshots
from .answers import changed, collections_of, told
from .refusal import Refusal
from .shards import Collections, vectors_total
from .translation import Json, schema_of

TITLE = "Qdrant Edge shim, a stand-in for the Qdrant server"
SPEAKS = "1.20.0"
"""Version of the REST interface whose part is spoken; clients compare it with their own."""
router = APIRouter()


def shim(storage: Path | None = None, copies: Path | None = None) -> FastAPI:
    """The application over one folder; Qdrant's own settings say which where none is given."""
    home = storage or Path(os.environ.get("QDRANT__STORAGE__STORAGE_PATH", "storage"))
    taken = copies or Path(os.environ.get("QDRANT__STORAGE__SNAPSHOTS_PATH", "snapshots"))

    @asynccontextmanager
    async def open_shards(app: FastAPI) -> AsyncIterator[None]:
        app.state.collections = Collections(home, taken)
        yield
        app.state.collections.close()

    app = FastAPI(title=TITLE, version=SPEAKS, lifespan=open_shards, docs_url=None, redoc_url=None)
    app.state.answered = {}
    app.middleware("http")(_counted)
    app.exception_handler(Refusal)(_refused)
    app.exception_handler(RequestValidationError)(_malformed)
    for part in (router, points.router, snapshots.router):
        app.include_router(part)
    return app


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
    for collection in collections_of(request):
        vectors_total(collection)
    return PlainTextResponse("all shards are ready")


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Under the names of the server's own metrics."""
    every = list(collections_of(request))
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
    return told({"collections": [{"name": one.name} for one in collections_of(request)]}, began)


@router.get("/collections/{name}/exists")
def collection_exists(request: Request, name: str) -> Json:
    """Whether there is one of this name."""
    began = time.perf_counter()
    return told({"exists": name in collections_of(request)}, began)


@router.get("/collections/{name}")
def collection_info(request: Request, name: str) -> Json:
    """State and configuration."""
    began = time.perf_counter()
    collection = collections_of(request)[name]
    info: Any = collection.ask(lambda shard: shard.info())
    params = {key: collection.config[key] for key in ("vectors", "sparse_vectors") if collection.config.get(key)}
    state = {
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
    return told(state, began)


@router.put("/collections/{name}")
def create_collection(request: Request, name: str, body: Json) -> Json:
    """Make a collection."""
    began = time.perf_counter()
    collections_of(request).create(name, body)
    return told(True, began)


@router.delete("/collections/{name}")
def delete_collection(request: Request, name: str) -> Json:
    """Remove a collection."""
    began = time.perf_counter()
    return told(collections_of(request).delete(name), began)


@router.put("/collections/{name}/index")
def create_index(request: Request, name: str, body: Json) -> Json:
    """Index a field of the payload."""
    began = time.perf_counter()
    schema = schema_of(body.get("field_schema"))
    operation = edge.UpdateOperation.create_field_index(body["field_name"], schema)
    return changed(collections_of(request)[name].change(operation), began)


@router.delete("/collections/{name}/index/{field}")
def delete_index(request: Request, name: str, field: str) -> Json:
    """Drop an index."""
    began = time.perf_counter()
    return changed(collections_of(request)[name].change(edge.UpdateOperation.delete_field_index(field)), began)
