"""All five as their containers run them: started, killed, and stopped."""

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from provision.processes import run, start
from provision.waiting import Deadline, until
from tests.services.running import ALL_UP, NAMES, STOPPED, Stack, free_ports, running


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """All five, ready."""
    with running(tmp_path) as made:
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
        open_streams = [direct.iter_lines(), proxied.iter_lines()]  # held: a stream that is let go of ends by itself
        assert [next(lines) for lines in open_streams] == ["event: received"] * 2
        for name in reversed(NAMES):
            stack.running[name].signal(signal.SIGTERM)
        assert {name: stack.running[name].wait(STOPPED) for name in NAMES} == dict.fromkeys(NAMES, 0)
        assert all(list(lines)[-1] == "" for lines in open_streams)

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
    answer = stack.client.get(stack.urls["gateway"] + "/health")  # the client gives up before a stopped peer does
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
