"""Memories: kept through a restart, found by meaning, bounded."""

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.memory_service.meaning import DIMENSIONS, embed
from services.memory_service.sqlite import SqliteStore
from services.memory_service.store import Kept, Memory, StoreFailed, Wanted
from tests.services.wiring import World

AT = datetime(2026, 1, 2, tzinfo=UTC)


def kept(name: str, text: str, session: str = "s", kind: str = "statement") -> Kept:
    return Kept(Memory(id=name, session_id=session, kind=kind, text=text, created_at=AT), embed(text))


def closeness(one: str, other: str) -> float:
    return sum(left * right for left, right in zip(embed(one), embed(other), strict=True))


@settings(deadline=None)  # wall time says nothing on a busy machine
@given(st.text(max_size=200))
def test_a_text_is_a_direction_and_always_the_same(text: str) -> None:
    vector = embed(text)
    assert len(vector) == DIMENSIONS
    length = sum(value * value for value in vector)
    assert length == pytest.approx(1) or length == 0
    assert vector == embed(text)


def test_the_direction_is_the_same_on_every_machine() -> None:
    found = {at: round(value, 6) for at, value in enumerate(embed("tea")) if value}
    assert found == {0: -0.354472, 35: -0.354472, 129: -0.354472, 165: -0.354472, 194: 0.354472, 210: 0.609711}


@pytest.mark.parametrize(
    ("asked", "near", "far"),
    [
        ("keys", "the spare key is under the mat", "monkeys like bananas"),
        ("the deployment", "we deploy to a cluster on Fridays", "Ada likes green tea"),
        ("favourite colour", "my favorite color is blue", "the spare key is under the mat"),
        ("when do we ship?", "shipping happens every Tuesday", "the cat sleeps"),
    ],
)
def test_what_is_meant_is_closer_than_what_is_not(asked: str, near: str, far: str) -> None:
    assert closeness(asked, near) > 0.2 > closeness(asked, far)


@pytest.mark.anyio
async def test_a_memory_outlives_the_store_that_kept_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "memory.sqlite3"
    first = SqliteStore(path)
    await first.prepare()
    await first.put([kept("a", "tea")])
    await first.close()
    second = SqliteStore(path)
    await second.prepare()
    assert await second.get("a") == kept("a", "tea").memory
    await second.close()


@pytest.mark.anyio
async def test_adding_an_id_again_changes_nothing(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "m.sqlite3")
    await store.prepare()
    await store.put([kept("a", "first"), kept("a", "second")])
    await store.put([kept("a", "third")])
    found = await store.get("a")
    assert found
    assert (found.text, await store.count()) == ("first", 1)
    await store.close()


@pytest.mark.anyio
async def test_search_is_by_session_and_kind_and_limit(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "m.sqlite3")
    await store.prepare()
    for name, session, kind in (("a", "s", "statement"), ("b", "t", "statement"), ("c", "s", "question")):
        await store.put([kept(name, f"tea {name}", session, kind)])

    async def ids(session: str | None, kind: str | None, limit: int = 9) -> set[str]:
        return {hit.memory.id for hit in await store.search(Wanted(embed("tea"), session, kind, limit))}

    assert await ids(None, None) == {"a", "b", "c"}
    assert await ids("s", None) == {"a", "c"}
    assert await ids("s", "question") == {"c"}
    assert len(await ids(None, None, 2)) == 2
    assert await ids("nobody", None) == set()
    await store.close()


@pytest.mark.anyio
async def test_a_folder_that_cannot_be_made_stops_the_start_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreFailed, match=r"sqlite: .*file/m\.sqlite3"):
        await SqliteStore(tmp_path / "file" / "m.sqlite3").prepare()


@contextmanager
def files_at_most(size: int) -> Iterator[None]:
    """No file of this process grows beyond a size: what a full disk is to a database."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.anyio
async def test_no_room_to_write_is_said_keeps_nothing_by_halves_and_is_over_when_there_is_room(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "m.sqlite3")
    await store.prepare()
    await store.put([kept("before", "tea")])
    await store.look()
    with files_at_most(60_000):
        with pytest.raises(StoreFailed, match=r"sqlite: .*(full|disk)"):
            await store.put([kept(str(number), "x" * 2000) for number in range(500)])
        assert await store.count() == 1
        with files_at_most(1), pytest.raises(StoreFailed):
            await store.look()
    await store.look()
    await store.put([kept("after", "tea")])
    assert await store.count() == 2
    await store.close()


@pytest.mark.anyio
async def test_a_store_that_was_lost_makes_the_service_down_and_not_ready(world: World, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "memory.sqlite3") as other:
        other.execute("DROP TABLE memories")
    for path in ("/health", "/ready"):
        answer = await world.clients["memory_service"].get(path)
        assert (answer.status_code, answer.json()["components"]["sqlite"]["status"]) == (503, "down")
    for path, body in (("/v1/memories", {"text": "x", "session_id": "s"}), ("/v1/memories/search", {"text": "x"})):
        answer = await world.clients["memory_service"].post(path, json=body)
        assert (answer.status_code, answer.json()) == (503, {"detail": "sqlite: no such table: memories"})


@pytest.mark.anyio
async def test_the_service_finds_what_it_was_given(world: World) -> None:
    client = world.clients["memory_service"]
    for text in ("the spare key is under the mat", "Ada likes tea"):
        answer = await client.post("/v1/memories", json={"text": text, "session_id": "s"})
        assert answer.status_code == 201
    hits = (await client.post("/v1/memories/search", json={"text": "keys"})).json()["hits"]
    assert hits[0]["memory"]["text"] == "the spare key is under the mat"
    assert 0.2 < hits[0]["score"] <= 1
