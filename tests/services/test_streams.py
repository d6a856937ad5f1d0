"""Logs of events and how they are followed, dropped and ended."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from common.eventlog import EventLog, EventLogs
from common.stopping import until_stopped
from common.wire import Event

pytestmark = pytest.mark.anyio


def event(text: str = "", message: str = "m") -> Event:
    return Event(event="planned", by="x", session_id="s", message_id=message, data={"text": text})


async def test_a_late_reader_and_an_early_one_see_the_same() -> None:
    log = EventLog()
    early = asyncio.create_task(read(log))
    for text in "abc":
        log.append(event(text))
        await asyncio.sleep(0)
    late = asyncio.create_task(read(log))
    await asyncio.sleep(0)
    log.append(event("d"))
    log.close()
    assert await early == await late == list(enumerate("abcd"))


async def test_a_full_log_drops_its_oldest_and_keeps_its_numbers() -> None:
    log = EventLog(most=2)
    for text in "abcd":
        log.append(event(text))
    log.close()
    assert await read(log) == [(2, "c"), (3, "d")]
    assert log.end == 4
    twin = EventLog(most=2)
    for text in "cd":
        twin.append(event(text))
    assert log.weight == twin.weight


async def test_the_log_opened_longest_ago_is_dropped_first_and_its_readers_end() -> None:
    logs = EventLogs(weight=30_000, dropped=EventLog.close)
    first = logs.open("first")
    reader = asyncio.create_task(read(first))
    await asyncio.sleep(0)
    for name in ("second", "third"):
        logs.open(name).append(event("x" * 8000))
    logs.open("fourth")
    assert (logs.get("first"), len(logs)) == (None, 2)
    assert await asyncio.wait_for(reader, 1) == []


async def test_one_log_is_kept_however_heavy_it_is() -> None:
    logs = EventLogs(weight=1)
    logs.open("only").append(event("x" * 8000))
    assert logs.open("only").end == 1


async def test_a_stream_ends_when_the_service_stops() -> None:
    log, stopping = EventLog(), asyncio.Event()
    log.append(event("a"))
    seen: list[str] = []

    async def follow() -> None:
        async for _, each in until_stopped(log.follow(), stopping):
            seen.append(str(each.data["text"]))

    task = asyncio.create_task(follow())
    await asyncio.sleep(0.01)
    assert not task.done()
    stopping.set()
    await asyncio.wait_for(task, 1)
    assert seen == ["a"]


async def test_what_a_stream_raises_arrives() -> None:
    async def broken() -> AsyncIterator[int]:
        yield 1
        raise ValueError("broke off")

    stream = until_stopped(broken(), asyncio.Event())
    assert await anext(stream) == 1
    with pytest.raises(ValueError, match="broke off"):
        await anext(stream)


async def read(log: EventLog) -> list[tuple[int, str]]:
    return [(number, str(each.data["text"])) async for number, each in log.follow()]
