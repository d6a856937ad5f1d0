"""Snapshots: taken, listed, downloaded, removed, and put back from an address or an upload."""

from __future__ import annotations

import shutil
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request, UploadFile
from fastapi.responses import FileResponse, Response

from .answers import collections_of, told
from .refusal import Refusal, unknown
from .translation import Json

FETCH_SECONDS = 60
router = APIRouter()


@router.post("/collections/{name}/snapshots")
def create_snapshot(request: Request, name: str) -> Json:
    """Write a snapshot of a collection."""
    began = time.perf_counter()
    return told(collections_of(request)[name].take_snapshot(), began)


@router.get("/collections/{name}/snapshots")
def list_snapshots(request: Request, name: str) -> Json:
    """Every snapshot of a collection."""
    began = time.perf_counter()
    return told(collections_of(request)[name].listed_snapshots(), began)


@router.get("/collections/{name}/snapshots/{snapshot}")
def download_snapshot(request: Request, name: str, snapshot: str) -> Response:
    """A snapshot, as a file."""
    return FileResponse(collections_of(request)[name].snapshot(snapshot), filename=snapshot)


@router.delete("/collections/{name}/snapshots/{snapshot}")
def delete_snapshot(request: Request, name: str, snapshot: str) -> Json:
    """Remove a snapshot."""
    began = time.perf_counter()
    path = collections_of(request)[name].snapshot(snapshot)
    path.with_suffix(".checksum").unlink(missing_ok=True)
    path.unlink()
    return told(True, began)


@router.put("/collections/{name}/snapshots/recover")
def recover_snapshot(request: Request, name: str, body: Json) -> Json:
    """Put a collection back from a snapshot at an address."""
    began = time.perf_counter()
    if extra := {key for key, value in body.items() if value is not None} - {"location", "checksum", "priority"}:
        raise unknown("recover", extra)
    with tempfile.TemporaryDirectory(prefix="recover-") as folder:
        packed = _fetched(str(body.get("location", "")), Path(folder) / "snapshot")
        collections_of(request).recover(name, packed, body.get("checksum"))
    return told(True, began)


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
        collections_of(request).recover(name, packed, checksum)
    return told(True, began)


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
