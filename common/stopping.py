"""A clean stop: on SIGTERM open streams end first, then the server leaves with exit code 0."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from types import FrameType
from typing import TypeVar

import uvicorn

Item = TypeVar("Item")

GRACE_SECONDS = 3
"""How long requests in flight may take after SIGTERM, unless uvicorn was told another figure."""


def stop_on_sigterm(stopping: asyncio.Event) -> None:
    """Set `stopping` as soon as SIGTERM or SIGINT arrives, while the connections are still open.

    uvicorn tells an application to shut down only once every response has ended, which a stream of events
    never does by itself; and it ends by raising the signal again, so that a clean stop looks like a death.
    Where no uvicorn server holds the signal (under test, or in a thread) nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        server = getattr(signal.getsignal(number), "__self__", None)
        if isinstance(server, uvicorn.Server):
            signal.signal(number, _leave(server, stopping, loop))
            if server.config.timeout_graceful_shutdown is None:
                server.config.timeout_graceful_shutdown = GRACE_SECONDS


def _leave(server: uvicorn.Server, stopping: asyncio.Event, loop: asyncio.AbstractEventLoop) -> signal._HANDLER:
    def leave(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the shape of a signal handler
        loop.call_soon_threadsafe(stopping.set)
        server.should_exit = True

    return leave


async def until_stopped(stream: AsyncIterator[Item], stopping: asyncio.Event) -> AsyncGenerator[Item, None]:
    """The items of a stream, up to the moment of stopping."""
    stop = asyncio.create_task(stopping.wait())
    step: asyncio.Task[Item] | None = None
    try:
        while not stopping.is_set():
            step = asyncio.create_task(_next(stream))
            await asyncio.wait({step, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not step.done():
                return
            try:
                item = step.result()
            except StopAsyncIteration:
                return
            yield item
    finally:
        for task in (stop, step):
            if task is not None and not task.done():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task


async def _next(stream: AsyncIterator[Item]) -> Item:
    return await anext(stream)
