"""Several stores as one: what happens when one of them is away, slow, new, or has lost what it had."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from common.health import examine
from services.memory_service.library import BOUND_SECONDS, Library
from services.memory_service.meaning import embed
from services.memory_service.sqlite import SqliteStore
from services.memory_service.store import Found, Kept, Memory, StoreFailed, Wanted

pytestmark = pytest.mark.anyio
AT = datetime(2026, 1, 2, tzinfo=UTC)


class Shelf:
    """A store in a dictionary, with troubles on demand."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.items: dict[str, Kept] = {}
        self.given: list[str] = []
        self.trouble = ""
        self.slow = 0.0

    async def prepare(self) -> None:
        """Fail where there is trouble."""
        await asyncio.sleep(self.slow)
        if self.trouble:
            raise ConnectionError(self.trouble)

    async def close(self) -> None:
        """Nothing."""

    async def put(self, items: Sequence[Kept]) -> None:
        """Keep them, the first of each id."""
        await self.prepare()
        self.given += [item.memory.id for item in items]
        for item in items:
            self.items.setdefault(item.memory.id, item)

    async def get(self, memory_id: str) -> Memory | None:
        """The memory of that id."""
        await self.prepare()
        return self.items[memory_id].memory if memory_id in self.items else None

    async def search(self, wanted: Wanted) -> list[Found]:
        """All that have anything in common."""
        await self.prepare()
        scored = (
            (sum(one * other for one, other in zip(item.vector, wanted.vector, strict=True)), item.memory)
            for item in self.items.values()
        )
        return [Found(memory=memory, score=score, stores=[self.name]) for score, memory in scored if score > 0]

    async def count(self) -> int:
        """How many it holds."""
        await self.prepare()
        return len(self.items)


def kept(text: str) -> Kept:
    return Kept(Memory(id=text, session_id="s", kind="statement", text=text, created_at=AT), embed(text))


@asynccontextmanager
async def library(path: Path, *shelves: Shelf) -> AsyncIterator[Library]:
    made = Library(SqliteStore(path / "m.sqlite3", ("one", "two")), shelves, logging.getLogger("tested"))
    await made.open()
    try:
        yield made
    finally:
        await made.close()


async def status(made: Library) -> tuple[str, dict[str, str]]:
    health = await examine(made.checks())
    return health.status, {name: part.status for name, part in health.components.items() if part.status != "ok"}


async def soon(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(8):
        while not holds():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.02)


async def well(made: Library) -> None:
    async with asyncio.timeout(8):
        while (await status(made))[0] != "ok":  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.02)


async def test_a_memory_is_in_every_store_and_found_by_each(tmp_path: Path) -> None:
    one, two = Shelf("one"), Shelf("two")
    async with library(tmp_path, one, two) as made:
        await well(made)
        await made.add(kept("tea"))
        assert set(one.items) == set(two.items) == {"tea"}
        [found] = await made.search(Wanted(embed("tea")))
        assert found.stores == ["one", "two"]
        for only in ("sqlite", "one", "two"):
            [found] = await made.search(Wanted(embed("tea")), only)
            assert found.stores == [only]


async def test_not_ready_until_every_store_was_there_once_and_nothing_is_lost_meanwhile(tmp_path: Path) -> None:
    one, two = Shelf("one"), Shelf("two")
    two.trouble = "starting"
    async with library(tmp_path, one, two) as made:
        await soon(lambda: one.items == {} and made.used() == ["one"])
        await made.add(kept("tea"))
        assert await status(made) == ("down", {"two": "down", "migrations": "down"})
        two.trouble = ""
        await well(made)
        assert set(two.items) == {"tea"}


async def test_a_store_that_goes_makes_degraded_and_gets_what_it_missed(tmp_path: Path) -> None:
    one, two = Shelf("one"), Shelf("two")
    async with library(tmp_path, one, two) as made:
        await well(made)
        await made.add(kept("coffee"))
        two.trouble = "gone"
        await made.add(kept("tea"))
        assert await status(made) == ("degraded", {"two": "down"})
        [found] = await made.search(Wanted(embed("tea")))
        assert found.stores == ["one", "sqlite"]
        with pytest.raises(StoreFailed, match="two is not in use"):
            await made.search(Wanted(embed("tea")), "two")
        two.trouble = ""
        await well(made)
        assert two.given == ["coffee", "tea"], "each once: what it had already is not given again"


async def test_all_stores_gone_still_keeps_and_finds(tmp_path: Path) -> None:
    one, two = Shelf("one"), Shelf("two")
    async with library(tmp_path, one, two) as made:
        await well(made)
        one.trouble = two.trouble = "gone"
        await made.add(kept("tea"))
        [found] = await made.search(Wanted(embed("tea")))
        assert found.stores == ["sqlite"]
        assert (await made.get("tea")) == kept("tea").memory


async def test_a_store_that_hangs_costs_one_bound_and_then_nothing(tmp_path: Path) -> None:
    one = Shelf("one")
    async with library(tmp_path, one) as made:
        await well(made)
        one.slow = hang = 60
        began = time.monotonic()
        await made.add(kept("first"))
        assert BOUND_SECONDS <= time.monotonic() - began < hang
        began = time.monotonic()
        for number in range(5):
            await made.add(kept(f"more {number}"))
        assert time.monotonic() - began < 5 * BOUND_SECONDS  # each would have waited for one
        assert (await examine(made.checks())).components["one"].detail == "no answer within 1 s"


async def test_a_store_that_lost_what_it_had_gets_all_again(tmp_path: Path) -> None:
    one = Shelf("one")
    async with library(tmp_path, one) as made:
        await well(made)
        for text in ("tea", "coffee", "milk"):
            await made.add(kept(text))
        del one.items["coffee"]
        await soon(lambda: set(one.items) == {"tea", "coffee", "milk"})


async def test_stores_switched_off_and_on_lose_nothing(tmp_path: Path) -> None:
    one, two = Shelf("one"), Shelf("two")
    async with library(tmp_path) as made:
        await made.add(kept("before"))
    async with library(tmp_path, one, two) as made:
        await well(made)
        await made.add(kept("with both"))
    async with library(tmp_path) as made:
        assert {found.memory.id for found in await made.search(Wanted(embed("before with both")))} == {
            "before",
            "with both",
        }
        await made.add(kept("without"))
    async with library(tmp_path, one) as made:
        await well(made)
    assert set(one.items) == {"before", "with both", "without"}
    assert set(two.items) == {"before", "with both"}


async def test_a_memory_that_only_another_replica_kept_is_found(tmp_path: Path) -> None:
    one = Shelf("one")
    one.items["theirs"] = kept("theirs")
    async with library(tmp_path, one) as made:
        await well(made)
        assert await made.get("theirs") == kept("theirs").memory
        assert [found.memory.id for found in await made.search(Wanted(embed("theirs")))] == ["theirs"]


async def test_what_is_said_of_a_store_holds_no_password(tmp_path: Path) -> None:
    one = Shelf("one")
    one.trouble = "cannot reach postgresql://soma:hunter2@db/soma"
    async with library(tmp_path, one) as made:
        await soon(lambda: "postgresql" in made.troubles()["one"])
        detail = (await examine(made.checks())).components["one"].detail
        assert detail == "cannot reach postgresql://soma:***@db/soma"


async def test_many_at_once_are_all_kept_everywhere(tmp_path: Path) -> None:
    one, two = Shelf("one"), Shelf("two")
    async with library(tmp_path, one, two) as made:
        await well(made)
        texts = [f"text {number}" for number in range(100)]
        await asyncio.gather(*(made.add(kept(text)) for text in texts))
        assert set(one.items) == set(two.items) == set(texts)
        assert await status(made) == ("ok", {})
