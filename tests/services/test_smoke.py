"""The smoke test from outside: against the five services as processes, whole, broken, and behind tokens."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from provision.processes import Completed, run, start
from provision.waiting import until
from tests.services.issuing import Issuer, issuing
from tests.services.running import ALL_UP, SETTING, Stack, free_ports, running
from tests.verifying import ROOT
from worlds.probes.http import fetch

SCRIPT = ROOT / "scripts" / "smoke_test.py"
LEFT_OUT = {"pods", "topics", "group", "redis"}
"""What nobody sees from outside."""


def smoke(*words: str, cwd: Path = ROOT, **env: str) -> Completed:
    given = {"SOMA_TOKEN": None, "KUBECONFIG": "/nowhere/kubeconfig", **env}
    done = run([sys.executable, SCRIPT, *words], env=given, cwd=cwd, check=False, timeout=120)
    assert "Traceback" not in done.stdout + done.stderr
    return done


def told(done: Completed) -> dict[str, str]:
    """Verdict of every check, by its name."""
    found = {}
    for line in done.stdout.splitlines():
        verdict = line[:9].strip()
        if verdict in {"ok", "FAILED", "left out"}:
            found[line[9:20].strip()] = verdict
    return found


@pytest.fixture(scope="module")
def ended() -> Iterator[ExitStack]:
    """Ends what was started anew."""
    with ExitStack() as made:
        yield made


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("smoke")) as made:
        yield made


def test_all_that_an_address_shows_is_looked_at(stack: Stack, tmp_path: Path) -> None:
    done = smoke("--base-url", stack.urls["gateway"], cwd=tmp_path)
    left_out = dict.fromkeys([*LEFT_OUT, "token", "refusal"], "left out")
    assert told(done) == {"health": "ok", "message": "ok", **left_out}, done.stdout
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "all ok")
    assert "answered 42" in done.stdout


def test_a_service_that_is_down_is_named(stack: Stack, ended: ExitStack) -> None:
    worker = stack.running["conversation_worker"]
    worker.stop()
    try:
        done = smoke("--base-url", stack.urls["gateway"] + "/", "--env", "dev", "--seconds", "5")
    finally:
        ended.enter_context(stack.start("conversation_worker"))
        until(stack.ready, lambda seen: set(seen.values()) == {200}, ALL_UP)
    assert done.exit_code == 1
    assert {name for name, verdict in told(done).items() if verdict == "FAILED"} >= {"health", "message"}, done.stdout
    assert "conversation_worker is down" in done.stdout


def test_nobody_there_is_told_check_by_check() -> None:
    (port,) = free_ports(1)
    done = smoke("--base-url", f"http://127.0.0.1:{port}", "--seconds", "1")
    assert done.exit_code == 1
    assert told(done)["health"] == told(done)["message"] == "FAILED"
    assert "refused" in done.stdout


@pytest.mark.parametrize("url", ["nonsense", "http://[::1"])
def test_an_address_that_is_none_is_told_too(url: str) -> None:
    assert smoke("--base-url", url, "--seconds", "1").exit_code == 1


@pytest.mark.parametrize("words", [(), ("--env", "qa"), ("--kube-context", "x")])
def test_a_question_that_makes_no_sense_is_answered_with_the_usage(words: tuple[str, ...]) -> None:
    done = smoke(*words)
    assert done.exit_code == 2
    assert done.stderr.startswith("usage: smoke_test.py")


@contextmanager
def guarded_gateway(stack: Stack, issuer: Issuer) -> Iterator[str]:
    """A second gateway before the same services, which asks for tokens; its URL."""
    (port,) = free_ports(1)
    told = {SETTING[name]: url for name, url in stack.urls.items()}
    told |= {"SA01_METRICS_PORT": "0", "SA01_AUTH_URL": issuer.url}
    argv = [sys.executable, "-m", "uvicorn", "services.gateway.main:app", "--host", "127.0.0.1", "--port", str(port)]
    url = f"http://127.0.0.1:{port}"
    with start(argv, env=told):
        until(lambda: fetch(f"{url}/ready")["status"], lambda status: status == 200, ALL_UP)
        yield url


def test_behind_tokens_one_is_needed(stack: Stack) -> None:
    with issuing() as issuer, guarded_gateway(stack, issuer) as url:
        without, with_one = smoke("--base-url", url), smoke("--base-url", url, SOMA_TOKEN=issuer.token())
    assert (without.exit_code, told(without)["refusal"], told(without)["message"]) == (1, "ok", "FAILED")
    assert "SOMA_TOKEN" in without.stdout
    assert (with_one.exit_code, told(with_one)["token"], told(with_one)["message"]) == (0, "ok", "ok"), with_one.stdout
