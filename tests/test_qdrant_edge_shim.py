"""The Qdrant Edge shim, asked by the real client of Qdrant: what it knows, what it keeps, what it refuses."""

from __future__ import annotations

import hashlib
import signal
import socket
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest
from qdrant_client import QdrantClient
from qdrant_client.common.version_check import is_compatible
from qdrant_client.http.exceptions import UnexpectedResponse
from qdrant_client.models import (
    Distance,
    FieldCondition,
    Filter,
    HasIdCondition,
    MatchAny,
    MatchValue,
    PayloadSchemaType,
    PointIdsList,
    PointStruct,
    Range,
    VectorParams,
)

from provision.processes import Running, start
from provision.waiting import Deadline, until

IMAGE = Path(__file__).parents[1] / "infra" / "images" / "qdrant_edge"
SHIM_READY = Deadline("the shim to be ready", 30)
SHIM_GONE = Deadline("the shim to end", 15)
NAMED = str(uuid.UUID(int=7))
POINTS = [
    PointStruct(id=1, vector=[1.0, 0.0, 0.0, 0.0], payload={"user": "ada", "age": 36}),
    PointStruct(id=2, vector=[0.0, 1.0, 0.0, 0.0], payload={"user": "alan", "age": 41}),
    PointStruct(id=NAMED, vector=[0.6, 0.8, 0.0, 0.0], payload={"user": "grace", "age": 85}),
]


class Shim:
    """A running shim over a folder."""

    def __init__(self, storage: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.storage = storage
        self.client: QdrantClient

    @contextmanager
    def running(self) -> Iterator[Running]:
        """Start it, and end it."""
        env = {
            "QDRANT__SERVICE__HTTP_PORT": str(self.port),
            "QDRANT__SERVICE__HOST": "127.0.0.1",
            "QDRANT__STORAGE__STORAGE_PATH": str(self.storage),
            "QDRANT__STORAGE__SNAPSHOTS_PATH": str(self.storage / "snapshots"),
        }
        with start([sys.executable, "-m", "shim"], cwd=IMAGE, env=env) as process:
            until(lambda: (self._answers(), process.poll()), lambda seen: seen[0] or seen[1] is not None, SHIM_READY)
            assert process.poll() is None, process.output
            with closing(QdrantClient(url=self.url, timeout=30, check_compatibility=False)) as self.client:
                yield process

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def fill(self, name: str = "memory") -> None:
        """A collection of three points."""
        assert self.client.create_collection(name, vectors_config=VectorParams(size=4, distance=Distance.COSINE))
        assert self.client.upsert(name, points=POINTS, wait=True).status == "completed"


@pytest.fixture(scope="module")
def running_shim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shim]:
    """One for all tests that leave it running; it takes a second to start."""
    shim = Shim(tmp_path_factory.mktemp("shim") / "storage")
    with shim.running():
        yield shim


@pytest.fixture
def shim(running_shim: Shim) -> Iterator[Shim]:
    """The running one, empty afterwards."""
    yield running_shim
    for collection in running_shim.client.get_collections().collections:
        running_shim.client.delete_collection(collection.name)


def nearest(shim: Shim, name: str = "memory", chosen: Filter | None = None) -> list[int | str | uuid.UUID]:
    found = shim.client.query_points(name, query=[1.0, 0.1, 0.0, 0.0], limit=5, query_filter=chosen)
    return [point.id for point in found.points]


def test_collections_are_made_told_listed_and_removed(shim: Shim) -> None:
    shim.fill()
    info = shim.client.get_collection("memory")
    assert (info.status, info.points_count) == ("green", 3)
    assert info.config.params.vectors == VectorParams(size=4, distance=Distance.COSINE)
    assert [one.name for one in shim.client.get_collections().collections] == ["memory"]
    assert shim.client.collection_exists("memory")
    assert shim.client.delete_collection("memory")
    assert not shim.client.collection_exists("memory")
    with pytest.raises(UnexpectedResponse, match="404"):
        shim.client.get_collection("memory")


def test_points_are_found_by_meaning_with_payload_and_score(shim: Shim) -> None:
    shim.fill()
    found = shim.client.query_points("memory", query=[1.0, 0.0, 0.0, 0.0], limit=2, with_payload=True).points
    assert [(point.id, round(point.score, 3), point.payload) for point in found] == [
        (1, 1.0, {"user": "ada", "age": 36}),
        (NAMED, 0.6, {"user": "grace", "age": 85}),
    ]
    best = shim.client.query_points(
        "memory", query=[1.0, 0.0, 0.0, 0.0], score_threshold=0.9, with_payload=False
    ).points
    assert [(point.id, point.payload) for point in best] == [(1, None)]


@pytest.mark.parametrize(
    ("chosen", "ids"),
    [
        (Filter(must=[FieldCondition(key="user", match=MatchValue(value="alan"))]), [2]),
        (Filter(must=[FieldCondition(key="user", match=MatchAny(any=["ada", "grace"]))]), [1, NAMED]),
        (Filter(must_not=[FieldCondition(key="age", range=Range(gt=40))]), [1]),
        (Filter(should=[HasIdCondition(has_id=[2]), FieldCondition(key="age", range=Range(lte=36))]), [1, 2]),
        (Filter(must=[Filter(must_not=[HasIdCondition(has_id=[1, NAMED])])]), [2]),
    ],
    ids=["value", "any", "range", "should", "nested"],
)
def test_a_filter_is_in_force(shim: Shim, chosen: Filter, ids: list[int | str]) -> None:
    shim.fill()
    assert sorted(nearest(shim, chosen=chosen), key=str) == sorted(ids, key=str)
    assert shim.client.count("memory", count_filter=chosen).count == len(ids)


def test_points_are_listed_page_by_page_and_read_by_id(shim: Shim) -> None:
    shim.fill()
    page, following = shim.client.scroll("memory", limit=2, with_vectors=True)
    rest, end = shim.client.scroll("memory", limit=2, offset=following)
    assert [point.id for point in page + rest] == [1, 2, NAMED]
    assert (following, end) == (NAMED, None)
    assert page[0].vector == [1.0, 0.0, 0.0, 0.0]
    read = shim.client.retrieve("memory", ids=[NAMED, 99])
    assert [(point.id, point.payload) for point in read] == [(NAMED, {"user": "grace", "age": 85})]


def test_points_are_changed_and_removed(shim: Shim) -> None:
    shim.fill()
    shim.client.upsert("memory", points=[PointStruct(id=1, vector=[0.0, 0.0, 0.0, 1.0], payload={"user": "ada"})])
    shim.client.set_payload("memory", payload={"age": 37}, points=[1])
    assert shim.client.retrieve("memory", ids=[1])[0].payload == {"user": "ada", "age": 37}
    shim.client.delete("memory", points_selector=PointIdsList(points=[2]))
    shim.client.delete("memory", points_selector=Filter(must=[FieldCondition(key="age", range=Range(gt=80))]))
    assert nearest(shim) == [1]


def test_a_payload_index_is_made(shim: Shim) -> None:
    shim.fill()
    shim.client.create_payload_index("memory", field_name="user", field_schema=PayloadSchemaType.KEYWORD)
    assert shim.client.get_collection("memory").payload_schema["user"].data_type == "keyword"


def test_every_acknowledged_point_survives_kill_9(tmp_path: Path) -> None:
    shim = Shim(tmp_path / "storage")
    with shim.running() as process:
        shim.fill()
        for number in range(10, 60):
            shim.client.upsert("memory", points=[PointStruct(id=number, vector=[1.0, 1.0, 0.0, 0.0], payload={})])
        process.signal(signal.SIGKILL)
        process.wait(SHIM_GONE)
    with shim.running():
        assert shim.client.count("memory").count == 53


def test_sigterm_is_a_clean_end_and_keeps_everything(tmp_path: Path) -> None:
    shim = Shim(tmp_path / "storage")
    with shim.running() as process:
        shim.fill()
        process.signal(signal.SIGTERM)
        assert process.wait(SHIM_GONE) == 0
    with shim.running():
        assert nearest(shim) == [1, NAMED, 2]


def test_a_snapshot_downloaded_and_uploaded_elsewhere_holds_what_was_there(shim: Shim, tmp_path: Path) -> None:
    shim.fill()
    snapshot = shim.client.create_snapshot("memory", wait=True)
    assert snapshot is not None
    shim.client.delete("memory", points_selector=PointIdsList(points=[1]))
    assert [one.name for one in shim.client.list_snapshots("memory")] == [snapshot.name]
    data = httpx.get(f"{shim.url}/collections/memory/snapshots/{snapshot.name}").content
    assert (len(data), hashlib.sha256(data).hexdigest()) == (snapshot.size, snapshot.checksum)
    other = Shim(tmp_path / "other")
    with other.running():
        files = {"snapshot": (snapshot.name, data)}
        asked = f"{other.url}/collections/memory/snapshots/upload"
        assert httpx.post(asked, files=files, params={"checksum": snapshot.checksum}, timeout=30).json()["result"]
        assert nearest(other) == [1, NAMED, 2]
        assert other.client.get_collection("memory").config.params.vectors == VectorParams(
            size=4, distance=Distance.COSINE
        )
    location = f"file://{shim.storage}/snapshots/memory/{snapshot.name}"
    assert shim.client.recover_snapshot("memory", location=location, checksum=snapshot.checksum, wait=True)
    assert nearest(shim) == [1, NAMED, 2]
    assert shim.client.delete_snapshot("memory", snapshot.name, wait=True)
    assert shim.client.list_snapshots("memory") == []


@pytest.mark.parametrize("damage", ["cut", "empty", "noise", "checksum"])
def test_a_bad_snapshot_is_refused_and_changes_nothing(shim: Shim, tmp_path: Path, damage: str) -> None:
    shim.fill()
    snapshot = shim.client.create_snapshot("memory", wait=True)
    assert snapshot is not None
    data = httpx.get(f"{shim.url}/collections/memory/snapshots/{snapshot.name}").content
    bad = {"cut": data[: len(data) // 2], "empty": b"", "noise": b"x" * len(data), "checksum": data}[damage]
    path = tmp_path / "bad.snapshot"
    path.write_bytes(bad)
    checksum = "0" * 64 if damage == "checksum" else None
    with pytest.raises(UnexpectedResponse, match="Wrong input"):
        shim.client.recover_snapshot("memory", location=f"file://{path}", checksum=checksum, wait=True)
    assert nearest(shim) == [1, NAMED, 2]
    assert not [path.name for path in (shim.storage / "collections").iterdir() if path.name != "memory"]


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("points/query", {"query": [1, 0, 0]}, "expected dim: 4, got 3"),
        ("points/query", {"query": {"fusion": "rrf"}, "prefetch": []}, "does not know prefetch of a query"),
        ("points/query", {"query": {"sample": "random"}}, "does not know sample of a query"),
        ("points/count", {"filter": {"must": {"key": "a", "geo_radius": {}}}}, "does not know geo_radius, key of a"),
        ("points/count", {"filter": {"min_should": {}}}, "does not know min_should of a filter"),
        ("points/scroll", {"order_by": "age"}, "does not know order_by of a scroll"),
        ("points", {"ids": ["no uuid"]}, "'no uuid' is no point id"),
        ("points/delete", {}, "points or a filter say what is removed"),
        ("points/query", {"query": [1, 0, 0, 0], "params": {"quantization": {"rescore": True}}}, "quantization of"),
    ],
)
def test_what_it_does_not_know_it_refuses_by_name(shim: Shim, path: str, body: dict[str, object], said: str) -> None:
    shim.fill()
    answer = httpx.post(f"{shim.url}/collections/memory/{path}", json=body)
    assert answer.status_code == 400
    assert said in answer.json()["status"]["error"]


def test_a_collection_that_asks_for_more_is_refused(shim: Shim) -> None:
    bodies = [
        ({"vectors": {"size": 4, "distance": "Cosine"}, "quantization_config": {"scalar": {}}}, "quantization_config"),
        ({"vectors": {"size": 4, "distance": "Hamming"}}, "distance is 'Hamming'"),
        ({}, "a collection needs vectors"),
    ]
    for body, said in bodies:
        answer = httpx.put(f"{shim.url}/collections/memory", json=body)
        assert (answer.status_code, said in answer.text) == (400, True)
    shim.fill()
    assert (
        httpx.put(f"{shim.url}/collections/memory", json={"vectors": {"size": 4, "distance": "Dot"}}).status_code == 409
    )
    assert httpx.put(f"{shim.url}/collections/..%2Fx", json={}).status_code in {400, 404}


def test_it_says_that_it_is_a_stand_in_and_what_it_holds(shim: Shim) -> None:
    shim.fill()
    about = httpx.get(shim.url).json()
    assert about["title"] == "Qdrant Edge shim, a stand-in for the Qdrant server"
    assert is_compatible(version("qdrant-client"), about["version"])
    metrics = httpx.get(f"{shim.url}/metrics").text
    assert "collections_total 1\n" in metrics
    assert "collections_vector_total 3\n" in metrics
    assert 'rest_responses_total{method="PUT",endpoint="/collections/{name}/points",status="200"} ' in metrics
    assert [httpx.get(f"{shim.url}/{path}").status_code for path in ("readyz", "livez", "healthz")] == [200, 200, 200]
