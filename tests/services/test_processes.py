"""All five as their containers run them: one uvicorn process each, on loopback."""

import json
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from provision.processes import Running, run, start
from provision.waiting import Deadline, until

NAMES = ("memory_service", "tool_executor", "conversation_worker", "gateway", "ui")
SETTING = {
    "memory_service": "SA01_MEMORY_URL",
    "tool_executor": "SA01_TOOL_URL",
    "conversation_worker": "SA01_WORKER_URL",
    "gateway": "SA01_GATEWAY_URL",
    "ui": "SA01_UI_URL",
}
ALL_UP = Deadline("all five services to be ready", 40)
STOPPED = Deadline("a service to stop after SIGTERM", 5)
ANSWERED = Deadline("the answer", 10)


class Stack:
    """Five processes, their addresses, and a client."""

    def __init__(self, folder: Path, client: httpx.Client) -> None:
        ports = dict(zip(NAMES, free_ports(len(NAMES)), strict=True))
        self.urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        self.client = client
        self.running: dict[str, Running] = {}
        self._folder = folder
        self._ports = ports

    def start(self, name: str) -> Running:
        """Start one as its image does."""
        env = {SETTING[each]: url for each, url in self.urls.items()}
        env |= {"SA01_SQLITE_PATH": str(self._folder / "memory.sqlite3"), "SA01_METRICS_PORT": "0"}
        command = [sys.executable, "-m", "uvicorn", f"services.{name}.main:app"]
        command += ["--host", "127.0.0.1", "--port", str(self._ports[name])]
        self.running[name] = start(command, env=env, log=self._folder / f"{name}.log")
        return self.running[name]

    def ready(self) -> dict[str, object]:
        """What each says at /ready, or its status code or error."""
        return {name: self.status(name, "/ready") for name in NAMES}

    def status(self, name: str, path: str) -> object:
        """Status code of a path, or why there is none."""
        try:
            return self.client.get(self.urls[name] + path).status_code
        except httpx.HTTPError as error:
            return type(error).__name__

    def ask(self, text: str) -> list[tuple[str, str]]:
        """Post a message to the gateway and stream its events up to the last, as (event, by)."""
        url = self.urls["gateway"]
        taken = self.client.post(f"{url}/v1/session/message", json={"message": text}).raise_for_status().json()
        seen = []
        with self.client.stream("GET", url + taken["events"]) as stream:
            for line in stream.iter_lines():
                if line.startswith("data: "):
                    event = json.loads(line[6:])
                    seen.append((event["event"], event["by"]))
                    if event["event"] in {"answered", "failed"}:
                        break
        return seen


def free_ports(count: int) -> list[int]:
    """Ports that are free now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """All five, ready."""
    with ExitStack() as ended, httpx.Client(timeout=10, trust_env=False) as client:
        made = Stack(tmp_path, client)
        for name in NAMES:
            ended.enter_context(made.start(name))
        until(made.ready, lambda seen: set(seen.values()) == {200}, ALL_UP)
        yield made


def test_a_message_goes_round_and_every_process_stops_cleanly(stack: Stack) -> None:
    assert stack.ask("What is 6*7?") == [
        ("received", "conversation_worker"),
        ("planned", "conversation_worker"),
        ("memory_stored", "memory_service"),
        ("memory_recalled", "memory_service"),
        ("tool_called", "tool_executor"),
        ("answered", "conversation_worker"),
    ]
    probed = run([sys.executable, "-m", "services.probe", stack.urls["gateway"] + "/ready"])
    assert json.loads(probed.stdout)["status"] == "ok"

    session = stack.client.post(stack.urls["ui"] + "/api/v1/session/message", json={"message": "Hi"}).json()
    events = f"/v1/session/{session['session_id']}/events"
    with (
        stack.client.stream("GET", stack.urls["gateway"] + events) as direct,
        stack.client.stream("GET", stack.urls["ui"] + "/api" + events) as proxied,
    ):
        assert next(direct.iter_lines()) == next(proxied.iter_lines()) == "event: received"
        began = time.monotonic()
        for name in reversed(NAMES):
            stack.running[name].signal(signal.SIGTERM)
        assert {name: stack.running[name].wait(STOPPED) for name in NAMES} == dict.fromkeys(NAMES, 0)
        assert time.monotonic() - began < STOPPED.seconds

    for name in NAMES:
        lines = [json.loads(line) for line in stack.running[name].output.splitlines()]
        assert {line["service"] for line in lines} == {name}
        assert "stopped" in {line["message"] for line in lines}
        assert not [line for line in lines if line["level"] in {"ERROR", "WARNING", "CRITICAL"}]


def test_a_message_outlives_the_worker_that_took_it(stack: Stack) -> None:
    stack.running["memory_service"].signal(signal.SIGSTOP)
    url = stack.urls["gateway"]
    ids = {"session_id": "s", "message_id": "m"}
    stack.client.post(f"{url}/v1/session/message", json={"message": "What is 2+3?", **ids}).raise_for_status()
    stack.running["conversation_worker"].signal(signal.SIGKILL)
    stack.running["conversation_worker"].wait(STOPPED)
    stack.running["memory_service"].signal(signal.SIGCONT)
    with stack.start("conversation_worker"):
        text = until(
            lambda: stack.client.get(f"{url}/v1/session/s/events?follow=false").text,
            lambda seen: "event: answered" in seen or "event: failed" in seen,
            Deadline("the answer after a restart", 20),
        )
    kinds = [line[7:] for line in text.splitlines() if line.startswith("event: ")]
    assert kinds == ["received", "planned", "memory_stored", "memory_recalled", "tool_called", "answered"]


def test_the_gateway_says_which_process_is_gone(stack: Stack) -> None:
    stack.running["tool_executor"].signal(signal.SIGKILL)
    stack.running["tool_executor"].wait(STOPPED)
    answer = stack.client.get(stack.urls["gateway"] + "/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "down")
    assert [name for name, part in answer.json()["components"].items() if part["status"] != "ok"] == ["tool_executor"]
    stack.running["memory_service"].signal(signal.SIGSTOP)
    began = time.monotonic()
    answer = stack.client.get(stack.urls["gateway"] + "/health")
    assert time.monotonic() - began < 1.5
    assert answer.json()["components"]["memory_service"]["status"] == "down"
    stack.running["memory_service"].signal(signal.SIGCONT)


def test_settings_that_make_no_sense_end_the_process_with_a_reason(tmp_path: Path) -> None:
    done = run(
        [sys.executable, "-m", "uvicorn", "services.gateway.main:app", "--port", "0"],
        env={"SOMA_AGENT_ENV": "QA", "SA01_SQLITE_PATH": str(tmp_path / "m")},
        check=False,
        timeout=30,
    )
    assert done.exit_code != 0
    assert "unknown environment; SOMA_AGENT_ENV or SA01_ENVIRONMENT is one of DEV, TEST, STAGING, PROD" in done.stderr


def test_metrics_are_served_apart_on_their_own_port(tmp_path: Path) -> None:
    port, metrics = free_ports(2)
    env = {"SA01_METRICS_PORT": str(metrics), "SA01_METRICS_HOST": "127.0.0.1"}
    command = [sys.executable, "-m", "uvicorn", "services.tool_executor.main:app", "--port", str(port)]
    with start(command, env=env, log=tmp_path / "log") as process, httpx.Client(trust_env=False) as client:

        def page() -> str:
            try:
                return client.get(f"http://127.0.0.1:{metrics}/metrics").text
            except httpx.HTTPError:
                return ""

        text = until(page, bool, ALL_UP)
        assert 'soma_service_info{environment="DEV",service="tool_executor",version="0.1.0"} 1.0' in text
        process.signal(signal.SIGTERM)
        assert process.wait(STOPPED) == 0


def test_the_settings_in_force_are_printed() -> None:
    env = {"POSTGRES_DSN": "postgresql://soma:hunter2@db/soma", "SA01_PROFILES": "kafka,default"}
    shown = json.loads(run([sys.executable, "-m", "common.config.settings"], env=env).stdout)
    assert shown["profiles"] == ["default", "kafka"]
    assert shown["postgres_dsn"] == "postgresql://soma:***@db/soma"
