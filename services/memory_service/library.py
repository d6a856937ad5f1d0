"""All stores of a service as one: the file first, then every other store, each with its own troubles."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from common.config.settings import without_passwords
from common.health import Check, Component
from common.peers import reason
from services.memory_service.sqlite import SqliteStore
from services.memory_service.store import Found, Kept, Memory, Store, StoreFailed, Wanted

Result = TypeVar("Result")

BOUND_SECONDS = 1.0
"""How long another store may take to answer before it counts as away."""

PREPARE_SECONDS = 5.0
TEND_SECONDS = 1.0
"""Between two looks at another store."""

_BATCH = 200


@dataclass
class Side:
    """Another store, and how it is.

    Attributes:
        prepared: it was there once since this service started, its schema up to date.
        trouble: what is wrong with it now; empty when it is in use.
    """

    store: Store
    prepared: bool = False
    trouble: str = "not connected yet"
    call: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def used(self) -> bool:
        """Whether it takes part now."""
        return not self.trouble


class Library:
    """Keeps in the file and in every other store, finds in all of them.

    A memory is acknowledged once it is in the file. Another store that is away does not hold anything up after
    the first bound: what it is owed is noted in the file and given to it when it comes back, also when it comes
    back with less than it had, and also when it comes for the first time.
    """

    def __init__(self, file: SqliteStore, others: Sequence[Store], logger: logging.Logger) -> None:
        self._file = file
        self._sides = [Side(store) for store in others]
        self._logger = logger
        self._tending: list[asyncio.Task[None]] = []

    def checks(self) -> list[Check]:
        """The file and the migrations are required; another store that was there once may be away."""
        found = [Check(self._file.name, True, self._look_at_file)]
        found += [Check(side.store.name, False, _looking(side)) for side in self._sides]
        return [*found, Check("migrations", True, self._look_at_migrations)] if self._sides else found

    def used(self) -> list[str]:
        """Names of the other stores that take part now."""
        return [side.store.name for side in self._sides if side.used]

    def troubles(self) -> dict[str, str]:
        """What is wrong with each other store; empty where nothing is."""
        return {side.store.name: side.trouble for side in self._sides}

    async def _look_at_file(self) -> Component:
        await self._file.look()
        return Component(status="ok")

    async def _look_at_migrations(self) -> Component:
        waited_for = [side.store.name for side in self._sides if not side.prepared]
        if waited_for:
            return Component(status="down", detail=f"waiting for {', '.join(waited_for)}")
        return Component(status="ok")

    async def open(self) -> None:
        """Open the file, and begin to look after the other stores."""
        await self._file.prepare()
        self._tending = [asyncio.create_task(self._tend(side)) for side in self._sides]

    async def close(self) -> None:
        """Stop looking after the other stores, and close all."""
        for task in self._tending:
            task.cancel()
        await asyncio.gather(*self._tending, return_exceptions=True)
        for store in (*(side.store for side in self._sides), self._file):
            await store.close()

    async def add(self, item: Kept) -> Memory:
        """Keep a memory; where its id is there already, nothing changes. Returns what is kept."""
        await self._file.put([item])
        kept = await self._file.get(item.memory.id) or item.memory
        if kept == item.memory:
            await asyncio.gather(*(self._give(side, [item]) for side in self._sides if side.used))
        return kept

    async def get(self, memory_id: str) -> Memory | None:
        """The memory of that id, from wherever it is."""
        found = await self._file.get(memory_id)
        for side in self._sides:
            if found is None and side.used:
                found = await self._try(side, lambda store: store.get(memory_id))
        return found

    async def search(self, wanted: Wanted, only: str | None = None) -> list[Found]:
        """The closest first, each once, with the names of all stores that found it.

        The file is not searched while every other store has all and answers: they do it faster.

        Raises:
            StoreFailed: `only` names a store that is not in use.
        """
        if only is not None:
            return await self._search_one(wanted, only)
        sides = [side for side in self._sides if side.used]
        answers = await asyncio.gather(*(self._try(side, lambda store: store.search(wanted)) for side in sides))
        debts = [await self._file.debt(side.store.name) for side in self._sides]
        if not answers or None in answers or len(sides) < len(self._sides) or any(debts):
            answers.append(await self._file.search(wanted))
        return _merged([found for answer in answers for found in answer or ()])[: wanted.limit]

    async def _search_one(self, wanted: Wanted, only: str) -> list[Found]:
        if only == self._file.name:
            return await self._file.search(wanted)
        for side in self._sides:
            if side.store.name == only and side.used:
                found = await self._try(side, lambda store: store.search(wanted))
                if found is not None:
                    return found
        raise StoreFailed(f"{only} is not in use")

    async def _give(self, side: Side, items: list[Kept]) -> bool:
        """Whether the store took them; then that is noted."""
        if await self._try(side, lambda store: _done(store.put(items))) is None:
            return False
        await self._file.paid(side.store.name, items)
        return True

    async def _try(self, side: Side, act: Callable[[Store], Awaitable[Result]]) -> Result | None:
        try:
            async with asyncio.timeout(BOUND_SECONDS):
                return await act(side.store)
        except Exception as error:  # noqa: BLE001 - whatever it raises, that store is away and the others go on
            self._away(side, error)
            return None

    def _away(self, side: Side, error: Exception) -> None:
        name = side.store.name
        said = f"no answer within {BOUND_SECONDS:g} s" if isinstance(error, TimeoutError) else reason(error)
        trouble = without_passwords(said)[:200]
        if trouble != side.trouble:
            self._logger.warning("%s is away: %s", name, trouble)
        side.trouble = trouble
        side.call.set()

    async def _tend(self, side: Side) -> None:
        """Prepare a store, give it what it is owed, see that it lost nothing; again and again."""
        while True:
            try:
                if not side.used:
                    async with asyncio.timeout(PREPARE_SECONDS):
                        await side.store.prepare()
                    side.prepared = True
                await self._settle(side)
            except Exception as error:  # noqa: BLE001 - it stays away, and is asked again
                self._away(side, error)
            side.call.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(side.call.wait(), TEND_SECONDS)
            if not side.used:
                await asyncio.sleep(TEND_SECONDS / 2)

    async def _settle(self, side: Side) -> None:
        name = side.store.name
        given = await self._file.given(name)  # before the store is asked: what is given meanwhile only adds to it
        async with asyncio.timeout(BOUND_SECONDS):
            held = await side.store.count()
        if held < given:
            self._logger.warning("%s holds fewer memories than it was given: it gets all again", name)
            await self._file.owe_all(name)
        while items := await self._file.owed(name, _BATCH):
            async with asyncio.timeout(PREPARE_SECONDS):
                await side.store.put(items)
            await self._file.paid(name, items)
        if not side.used:
            self._logger.info("%s is in use", name)
        side.trouble = ""


def _looking(side: Side) -> Callable[[], Coroutine[Any, Any, Component]]:
    async def look() -> Component:
        return Component(status="down", detail=side.trouble) if side.trouble else Component(status="ok")

    return look


async def _done(work: Awaitable[None]) -> bool:
    await work
    return True


def _merged(found: list[Found]) -> list[Found]:
    by_id: dict[str, Found] = {}
    for each in found:
        known = by_id.setdefault(each.memory.id, each)
        if known is not each:
            stores = sorted({*known.stores, *each.stores})
            by_id[each.memory.id] = Found(memory=known.memory, score=max(known.score, each.score), stores=stores)
    return sorted(by_id.values(), key=lambda each: (each.score, each.memory.created_at), reverse=True)
