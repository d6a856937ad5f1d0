"""Stands before a service and passes everything on late: run on its own, in a container, by `worlds.faults`.

    python slow_path.py HOST SECONDS PORT [PORT ...]

It listens on the ports and passes what comes to the same port of HOST, and what comes back, each piece SECONDS late.
It imports nothing of ours: its text is handed to a Python in the project's network.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial

PIECE = 65536


async def late(source: asyncio.StreamReader, target: asyncio.StreamWriter, seconds: float) -> None:
    """Pass one direction on, each piece late, in order, until its end."""
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def hear() -> None:
        while piece := await source.read(PIECE):
            waiting.put_nowait((loop.time() + seconds, piece))
        waiting.put_nowait((loop.time() + seconds, b""))

    hearing = asyncio.create_task(hear())
    try:
        while True:
            due, piece = await waiting.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            if not piece:
                return
            target.write(piece)
            await target.drain()
    finally:
        hearing.cancel()
        target.close()


async def serve(
    host: str, port: int, seconds: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """One connection."""
    try:
        onward, back = await asyncio.open_connection(host, port)
    except OSError:
        writer.close()
        return
    await asyncio.gather(late(reader, back, seconds), late(onward, writer, seconds), return_exceptions=True)


async def main(host: str, seconds: float, ports: list[int]) -> None:
    """Listen until the process is ended."""
    for port in ports:
        await asyncio.start_server(partial(serve, host, port, seconds), "0.0.0.0", port)  # noqa: S104 - inside a container
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2]), [int(port) for port in sys.argv[3:]]))
