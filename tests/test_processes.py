"""Programs that are started, fed, watched, and ended."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from blueprint.trouble import Trouble
from provision.processes import ProgramFailed, ProgramTimedOut, daemonise, has_ended, run, start
from provision.waiting import Deadline, WaitedTooLong, until

SOON = Deadline("the process to do so", 10)


def gone(pid: int) -> Callable[[], bool]:
    def look() -> bool:
        try:
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    return look


def test_both_streams_the_exit_code_and_the_time_come_back() -> None:
    done = run(["sh", "-c", "echo out; echo err >&2; exit 3"], check=False)
    assert (done.stdout, done.stderr, done.exit_code, done.argv[0]) == ("out\n", "err\n", 3, "sh")
    assert 0 < done.seconds < 5


def test_a_failure_shows_command_exit_code_and_both_streams() -> None:
    with pytest.raises(ProgramFailed) as failed:
        run(["sh", "-c", "echo seen; echo 'not found' >&2; exit 4"], next_command="do this")
    text = str(failed.value)
    assert text.startswith("`sh -c 'echo seen; echo '\"'\"'not found'\"'\"' >&2; exit 4'` failed: exit code 4, after ")
    assert "  stdout:\n    seen\n  stderr:\n    not found\n  next: do this" in text


def test_of_a_long_output_a_failure_shows_the_last_lines_and_keeps_all() -> None:
    with pytest.raises(ProgramFailed) as failed:
        run(["sh", "-c", "seq 1 500; exit 1"])
    assert "… 460 lines before\n    461\n" in str(failed.value)
    assert failed.value.completed.stdout.startswith("1\n2\n")


def test_a_missing_program_is_named_with_the_next_command() -> None:
    with pytest.raises(Trouble, match="the program `no-such-thing` is not on this machine") as trouble:
        run(["no-such-thing"])
    assert trouble.value.next_command == "nox -s host"


def test_a_missing_folder_is_not_taken_for_a_missing_program(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match=r"`true` cannot run in .*nowhere: no such folder"):
        run(["true"], cwd=tmp_path / "nowhere")


@pytest.mark.parametrize(("body", "mode"), [(b"\x00\x01", 0o755), (b"#!/bin/sh\n", 0o644)], ids=["no program", "no x"])
def test_a_file_that_cannot_be_executed_is_trouble(tmp_path: Path, body: bytes, mode: int) -> None:
    program = tmp_path / "program"
    program.write_bytes(body)
    program.chmod(mode)
    with pytest.raises(Trouble, match="cannot be executed"):
        run([program])


def test_the_environment_is_ours_with_additions_and_removals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEPT", "1")
    monkeypatch.setenv("TAKEN", "1")
    done = run(["sh", "-c", 'echo "$KEPT${TAKEN-gone}$ADDED"'], env={"TAKEN": None, "ADDED": "2"})
    assert done.stdout == "1gone2\n"


@pytest.mark.parametrize("fed", ["ünïcode", "ünïcode".encode(), "x" * 1_000_000], ids=["text", "bytes", "a lot"])
def test_what_is_fed_arrives(fed: str | bytes) -> None:
    assert run(["cat"], input=fed).stdout == (fed if isinstance(fed, str) else fed.decode())


def test_a_program_that_does_not_read_what_it_is_fed_is_no_failure() -> None:
    assert run(["true"], input="x" * 1_000_000).exit_code == 0


def test_nothing_is_read_from_our_own_standard_input() -> None:
    assert run(["cat"], timeout=5).stdout == ""


def test_output_that_is_no_text_is_shown_as_far_as_it_is() -> None:
    assert run(["printf", r"a\377b"]).stdout == "a�b"


def test_lines_are_told_while_the_program_runs() -> None:
    told: list[tuple[str, float]] = []
    run(["sh", "-c", "echo one; sleep 0.4; echo two >&2"], on_line=lambda line: told.append((line, time.monotonic())))
    assert [line for line, _ in told] == ["one", "two"]
    assert told[1][1] - told[0][1] > 0.2


def test_a_program_that_takes_too_long_is_ended_with_what_it_started(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    with pytest.raises(ProgramTimedOut, match=r"not done after 0\.5 s"):
        run(["sh", "-c", f"sleep 60 & echo $! > {pid_file}; wait"], timeout=0.5, check=False)
    until(gone(int(pid_file.read_text())), bool, SOON)


def test_a_program_that_ignores_the_first_signal_gets_the_last() -> None:
    began = time.monotonic()
    with start(["sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.1; done"]) as running:
        until(lambda: running.output, lambda seen: "up" in seen, SOON)
        assert running.stop(grace=0.2) == -signal.SIGKILL
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupt_ends_the_whole_group(error: type[BaseException]) -> None:
    pids: list[int] = []

    def interrupt(line: str) -> None:
        pids.append(int(line))
        raise error

    with pytest.raises(error):
        run(["sh", "-c", "sleep 60 & echo $!; wait"], on_line=interrupt)
    until(gone(pids[0]), bool, SOON)


def test_a_grandchild_that_keeps_the_pipe_open_does_not_hold_us() -> None:
    began = time.monotonic()
    done = run(["sh", "-c", "setsid sleep 30 & echo $!"])
    assert time.monotonic() - began < 5
    os.kill(int(done.stdout), signal.SIGKILL)


def test_a_child_is_in_a_session_of_its_own() -> None:
    done = run([sys.executable, "-c", "import os; print(os.getsid(0) == os.getpid())"])
    assert done.stdout == "True\n"


def test_a_running_program_is_watched_signalled_and_read() -> None:
    script = "trap 'echo stopping; exit 7' INT; echo up; while :; do sleep 0.05; done"
    with start(["sh", "-c", script]) as running:
        until(lambda: running.output, lambda seen: "up" in seen, SOON)
        assert running.poll() is None
        running.signal(signal.SIGINT)
        assert running.wait(SOON) == 7
        assert running.output == "up\nstopping\n"
        log = running.log
    assert not log.exists()


INTERRUPTS = """
import signal
from provision.processes import start
from provision.waiting import Deadline, until

with start(["sh", "-c", "trap 'exit 7' INT; echo up; while :; do sleep 0.05; done"]) as running:
    until(lambda: running.output, bool, Deadline("it to be up", 10))
    signal.raise_signal(signal.SIGINT)
    running.signal(signal.SIGINT)
    print(running.wait(Deadline("it to end", 10)))
"""


def test_where_interrupts_are_ignored_a_child_is_interrupted_and_we_are_not() -> None:
    done = run(["sh", "-c", 'trap "" INT; exec "$0" -c "$1"', sys.executable, INTERRUPTS], timeout=60)
    assert done.stdout == "7\n"


def test_leaving_the_block_ends_what_runs_and_keeps_a_named_log(tmp_path: Path) -> None:
    with start(["sh", "-c", "echo said; sleep 60"], log=tmp_path / "logs" / "it.log") as running:
        until(lambda: running.output, bool, SOON)
    assert running.poll() == -signal.SIGTERM
    assert (tmp_path / "logs" / "it.log").read_text() == "said\n"


def test_a_wait_that_is_too_long_shows_the_last_lines() -> None:
    with start(["sh", "-c", "echo busy; sleep 60"]) as running:
        until(lambda: running.output, bool, SOON)
        with pytest.raises(WaitedTooLong, match=r"(?s)for the end of it; `sh -c .*` still runs:\n    busy"):
            running.wait(Deadline("the end of it", 0.1))


def test_a_daemon_outlives_us_and_holds_no_pipe(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from provision.processes import daemonise;"
        f"print(daemonise(['sh', '-c', 'echo said; exec sleep 60'], log=Path({str(tmp_path / 'log')!r})), flush=True)"
    )
    began = time.monotonic()
    done = run(["sh", "-c", f'"{sys.executable}" -c "$CODE" | cat'], env={"CODE": code}, cwd=Path.cwd(), timeout=20)
    process = psutil.Process(int(done.stdout))
    assert time.monotonic() - began < 10
    assert os.getsid(process.pid) == process.pid
    until((tmp_path / "log").read_text, lambda seen: seen == "said\n", SOON)
    process.kill()


def test_a_daemon_that_ends_is_seen_to_have_ended(tmp_path: Path) -> None:
    pid = daemonise(["sh", "-c", "exit 1"], log=tmp_path / "log")
    until(lambda: has_ended(pid), bool, SOON)
    assert not has_ended(os.getpid())
