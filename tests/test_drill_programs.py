"""What drills run beside a stack: the reader of the topics, the patient sender, and the late passer-on."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from blueprint.message_history import Asked, Told, packed_told
from worlds.faults import PLACES
from worlds.message_load import MessageLoad, text_of
from worlds.slow_path import serve
from worlds.topic_history import HEAD_BYTES, KINDS, Load

LATE_SECONDS = 0.3
SAID = b"all of it"


def record(body: dict[str, object]) -> bytes:
    """As it stands in a topic: a head that names the schema, and JSON."""
    return b"\0" * HEAD_BYTES + json.dumps(body).encode()


def told(load: Load, message: int, number: int, event: str, *, session: str = "drill-000", **data: str) -> None:
    fields = {"session_id": session, "message_id": str(message), "event": event, "data": data}
    load.take(is_event=True, value=record({"event": fields, "attempt": 1, "number": number}))


def test_what_topics_hold_of_a_message_is_told_in_letters() -> None:
    load = Load("drill-")
    asked = {"session_id": "drill-000", "message_id": "3", "message": text_of(3)}
    load.take(is_event=False, value=record({"message": asked, "attempt": 1}))
    for number, event in enumerate(("received", "planned", "memory_stored", "memory_recalled", "tool_called"), 1):
        told(load, 3, number, event)
    told(load, 3, 6, "answered", answer="4 * 7 = 28")
    assert load.asked["000"] == ["3.1"]
    assert load.told["000"] == ["3.1.1.R", "3.1.2.P", "3.1.3.S", "3.1.4.M", "3.1.5.T", "3.1.6.A"]
    assert load.progress() == {"answered": 1, "records": 7, "failed": []}


def test_a_wrong_answer_is_told_from_a_right_one_and_a_failure_from_both() -> None:
    load = Load("drill-")
    told(load, 0, 1, "answered", answer="1 * 7 = 8")  # the right one, 7, stands in it all the same
    told(load, 1, 1, "failed")
    told(load, 2, 1, "answered", answer="3 * 7 = 21", session="somebody-else")
    assert load.told == {"000": ["0.1.1.X", "1.1.1.F"]}
    assert load.progress()["failed"] == [("000", 1)]


def test_every_kind_of_event_has_a_letter_of_its_own() -> None:
    assert len(set(KINDS.values())) == len(KINDS)
    events = [Told(0, 1, number, kind) for number, kind in enumerate(KINDS.values(), 1)]
    assert packed_told(events) == [f"0-0 1.1 {''.join(KINDS.values())}"]
    assert Asked(0, 1) == (0, 1)


class Gateway(BaseHTTPRequestHandler):
    """Refuses each message once, and takes it then."""

    refused: ClassVar[Counter[str]]
    taken: ClassVar[list[str]]

    def do_POST(self) -> None:  # noqa: D102 - named by the base class
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = f"{body['session_id']}/{body['message_id']}"
        self.refused[name] += 1
        if self.refused[name] > 1:
            self.taken.append(name)
        self.send_response(200 if self.refused[name] > 1 else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def gateway() -> Iterator[tuple[str, type[Gateway]]]:
    class Own(Gateway):
        refused: ClassVar[Counter[str]] = Counter()
        taken: ClassVar[list[str]] = []

    server = ThreadingHTTPServer(("127.0.0.1", 0), Own)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", Own
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_message_that_is_refused_is_sent_again_before_the_next_of_its_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("worlds.message_load.PAUSE_SECONDS", 0.01)
    with gateway() as (address, seen):
        load = MessageLoad(address, "drill-")
        asyncio.run(load.send(["000", "001"], 3))
    assert (load.taken, load.again) == (6, 6)
    for session in ("drill-000", "drill-001"):
        own = [name for name in seen.taken if name.startswith(session)]
        assert own == [f"{session}/{message}" for message in range(3)]


def test_a_slow_path_is_late_both_ways_and_loses_nothing() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(len(SAID)))
        writer.close()

    async def through() -> tuple[bytes, float]:
        over = asyncio.Event()
        behind = await asyncio.start_server(echo, "127.0.0.1", 0)
        port = behind.sockets[0].getsockname()[1]

        async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await serve("127.0.0.1", port, LATE_SECONDS, reader, writer)
            over.set()

        before = await asyncio.start_server(pass_on, "127.0.0.1", 0)
        started = time.monotonic()
        reader, writer = await asyncio.open_connection(*before.sockets[0].getsockname()[:2])
        writer.write(SAID)
        said = await reader.read()
        taken = time.monotonic() - started
        writer.close()
        await over.wait()
        before.close()
        behind.close()
        return said, taken

    said, taken = asyncio.run(through())
    assert said == SAID
    assert taken >= 2 * LATE_SECONDS


def test_every_service_of_the_matrix_has_a_place() -> None:
    from blueprint.fault_matrix import read_matrix

    assert {cell.service for cell in read_matrix().cells.values()} == set(PLACES)
