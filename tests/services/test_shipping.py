"""Logs that are pushed: to a server on loopback that speaks Loki's push interface, as it takes, refuses or is away."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from common.logs import speak_json
from common.shipping import LINE_CHARACTERS, PATH, WAITING, Shipper, shipped
from provision.waiting import Deadline, until
from tests.services.running import free_ports

LABELS = {"service": "tested", "environment": "DEV"}
ARRIVED = Deadline("lines to arrive", 30)


class Server(ThreadingHTTPServer):
    """Takes pushes; `status` is what it answers, `hold` keeps it from answering."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Pushes)
        self.status = 204
        self.pushed: list[dict[str, Any]] = []
        self.asked = 0
        self.answering = threading.Event()
        self.answering.set()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def lines(self) -> list[str]:
        """The messages that it took, in order."""
        values = [value for push in self.pushed for stream in push["streams"] for value in stream["values"]]
        return [json.loads(line)["message"] for _, line in values]


class Pushes(BaseHTTPRequestHandler):
    """One push."""

    server: Server

    def do_POST(self) -> None:
        """Take it where the server takes."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked += 1
        self.server.answering.wait()
        if self.path == PATH and self.server.status == 204:
            self.server.pushed.append(body)
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
        """Nothing."""


@contextmanager
def loki() -> Iterator[Server]:
    """A server while the ``with`` lasts."""
    server = Server()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.answering.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loaded machine may take longer than a service that stops would wait."""
    monkeypatch.setattr("common.shipping.CLOSE_SECONDS", ARRIVED.seconds)


def counted(registry: CollectorRegistry, name: str, **labels: str) -> float:
    """A count of the shipper."""
    return registry.get_sample_value(name, labels) or 0.0


def test_every_line_arrives_once_and_in_order() -> None:
    registry = CollectorRegistry()
    with loki() as server, shipped(server.url, LABELS, registry):
        logger = speak_aside()
        for number in range(1200):
            logger.info("line %d", number)
        until(server.lines, lambda lines: len(lines) == 1200, ARRIVED)
    assert server.lines() == [f"line {number}" for number in range(1200)]
    times = [int(at) for push in server.pushed for stream in push["streams"] for at, _ in stream["values"]]
    assert times == sorted(set(times))
    assert {json.dumps(stream["stream"]) for push in server.pushed for stream in push["streams"]} == {
        json.dumps(LABELS)
    }
    assert counted(registry, "soma_logs_pushed_total") == 1200


def test_what_is_said_last_is_pushed_when_the_service_stops() -> None:
    registry = CollectorRegistry()
    with loki() as server:
        with shipped(server.url, LABELS, registry):
            speak_aside().info("stopped")
        assert server.lines() == ["stopped"]
        speak_aside().info("after the end")
    assert server.lines() == ["stopped"]


def test_lines_are_kept_while_loki_is_away_and_those_beyond_the_bound_are_counted() -> None:
    registry = CollectorRegistry()
    shipper = Shipper("http://127.0.0.1:1", LABELS, registry)  # nothing is started: nobody takes anything
    for number in range(WAITING + 7):
        shipper.waiting.handle(logging.makeLogRecord({"msg": f"line {number}", "levelno": logging.INFO}))
    assert counted(registry, "soma_logs_dropped_total", reason="full") == 7


def test_what_failed_is_tried_again_and_what_is_refused_is_not() -> None:
    registry = CollectorRegistry()
    with loki() as server, shipped(server.url, LABELS, registry):
        server.status = 503
        speak_aside().info("kept")
        until(lambda: server.asked, lambda asked: asked >= 2, ARRIVED)
        server.status = 204
        until(server.lines, lambda lines: lines == ["kept"], ARRIVED)
        server.status = 400
        speak_aside().info("refused")
        until(lambda: counted(registry, "soma_logs_dropped_total", reason="refused"), lambda count: count == 1, ARRIVED)
        server.status = 204
        speak_aside().info("next")
        until(server.lines, lambda lines: lines == ["kept", "next"], ARRIVED)


def test_a_loki_that_hangs_holds_up_nobody_who_speaks() -> None:
    registry = CollectorRegistry()
    with loki() as server, shipped(server.url, LABELS, registry):
        server.answering.clear()
        speak_aside().info("first")
        until(lambda: server.asked, lambda asked: asked >= 1, ARRIVED)
        for number in range(2 * WAITING):
            speak_aside().info("line %d", number)  # returns, though nothing leaves the queue
        assert counted(registry, "soma_logs_dropped_total", reason="full") >= 1
        assert not server.pushed
        server.answering.set()


def test_loki_that_is_not_there_ends_with_what_it_did_not_get_counted() -> None:
    registry = CollectorRegistry()
    (port,) = free_ports(1)
    with shipped(f"http://127.0.0.1:{port}", LABELS, registry):
        speak_aside().info("lost")
    assert counted(registry, "soma_logs_dropped_total", reason="stopped") == 1


def test_a_long_line_is_cut() -> None:
    registry = CollectorRegistry()
    shipper = Shipper("http://127.0.0.1:1", LABELS, registry)
    shipper.waiting.handle(logging.makeLogRecord({"msg": "x" * 100_000, "levelno": logging.INFO}))
    assert [len(line) for _, line in shipper.waiting.take()] == [LINE_CHARACTERS]


def speak_aside() -> logging.Logger:
    """The logger of the service, with what it had."""
    logger = logging.getLogger("soma.tested")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return logger


def test_stdout_has_every_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    logger = speak_json("tested", "INFO")
    with loki() as server, shipped(server.url, LABELS, CollectorRegistry()):
        logger.info("said")
        until(server.lines, lambda lines: lines == ["said"], ARRIVED)
    assert json.loads(capsys.readouterr().out)["message"] == "said"
