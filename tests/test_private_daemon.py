"""The container engine of our own: its settings, its process, and how it fails to start."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest

from blueprint.trouble import Trouble
from provision import private_daemon, runtime_shim
from provision.private_daemon import Layout, left_over, living, settings, start, stop
from provision.processes import run
from provision.processes import start as start_program
from provision.waiting import Deadline
from tests.fake_machine import REFUSED, SERVER, FakeMachine

LAYOUT = Layout()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeMachine:
    return FakeMachine(tmp_path, monkeypatch)


def dockerd(then: str) -> str:
    return f'[ "$1" = --version ] && {{ echo "Docker version 20.10.24+dfsg1, build 297e128"; exit; }}; {then}'


def test_everything_of_ours_is_in_places_of_its_own() -> None:
    chosen = settings(LAYOUT, shimmed=False, version="28.2.2")
    assert chosen["hosts"] == ["unix:///run/soma-verify/docker.sock"]
    for name in ("data-root", "exec-root", "pidfile"):
        assert str(chosen[name]).startswith(("/var/lib/soma-verify/", "/run/soma-verify/"))
    assert (chosen["storage-driver"], chosen["live-restore"], chosen["log-level"]) == ("overlay2", False, "warn")
    assert not chosen.keys() & {"bridge", "default-runtime", "runtimes", "oom-score-adjust"}


@pytest.mark.parametrize(("version", "oom"), [("20.10.24+dfsg1", 0), ("24.0.9", 0), ("25.0.0", None), ("28.2", None)])
def test_the_shim_is_the_default_runtime_where_capabilities_are_withheld(version: str, oom: int | None) -> None:
    chosen = settings(LAYOUT, shimmed=True, version=version)
    assert chosen["runtimes"][chosen["default-runtime"]] == {"path": str(LAYOUT.shim)}
    assert chosen.get("oom-score-adjust") == oom


def test_a_pid_file_of_a_killed_daemon_or_of_another_process_is_no_daemon(machine: FakeMachine) -> None:
    layout = machine.layout
    assert living(layout) is None
    layout.volatile.mkdir()
    for text in ("", "x", "999999999", str(os.getpid())):
        layout.pid_file.write_text(text)
        assert living(layout) is None
    with machine.our_daemon():
        found = living(layout)
        assert found is not None
        assert found.pid == int(layout.pid_file.read_text())
    assert living(layout) is None


def test_what_a_killed_daemon_left_running_is_found(machine: FakeMachine) -> None:
    address = machine.layout.exec_root / "containerd" / "containerd.sock"
    # one that never forks: a fork has its parent's command line until it runs something else
    with start_program([sys.executable, "-c", "import signal; signal.pause()", "-address", address]) as running:
        assert [process.pid for process in left_over(machine.layout)] == [running.pid]
    assert left_over(machine.layout) == []


def test_a_daemon_that_ends_as_it_starts_is_told_with_its_last_lines(machine: FakeMachine) -> None:
    layout = machine.layout
    layout.state.mkdir()
    layout.log.write_text("of another day\n")
    machine.docker(version=REFUSED)
    machine.program("dockerd", dockerd("echo 'failed to mount overlay: no such device' >&2; exit 1"))
    with pytest.raises(Trouble, match="the container daemon ended as it started") as trouble:
        start(layout)
    assert trouble.value.where == str(layout.log)
    assert "    failed to mount overlay: no such device" in trouble.value.what
    assert "of another day" not in trouble.value.what


def test_a_daemon_that_never_answers_is_told_with_the_deadline_and_its_last_lines(
    machine: FakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_daemon, "DAEMON_ANSWERS", Deadline("the container daemon to answer", 0.5))
    machine.docker(version=REFUSED)
    machine.program("dockerd", dockerd("echo waiting for the disk; exec sleep 3"))
    with pytest.raises(Trouble, match=r"waited 0\.5 s for the container daemon to answer") as trouble:
        start(machine.layout)
    assert "    waiting for the disk" in trouble.value.what


def test_a_stale_socket_and_pid_file_do_not_hinder_a_start(
    machine: FakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_daemon, "lacking_capabilities", lambda: ("CAP_SYS_RESOURCE",))
    layout = machine.layout
    layout.volatile.mkdir()
    layout.pid_file.write_text("999999999")
    orphan = layout.volatile / "exec" / "containerd" / "containerd.pid"
    orphan.parent.mkdir(parents=True)
    orphan.write_text("1")  # alive as far as a signal can tell, as a process is that nobody has reaped
    layout.socket.touch()
    machine.docker(version=f"[ -e {layout.volatile}/up ] && echo '{SERVER}'")
    checks = " && ".join(f"[ ! -e {stale} ]" for stale in (layout.pid_file, layout.socket, orphan))
    gone = f"{checks} && touch {layout.volatile}/up; exec sleep 3"
    machine.program("dockerd", dockerd(gone))
    start(layout)
    assert "soma-shim" in json.loads(layout.settings.read_text())["runtimes"]
    assert any(
        re.match(r"dockerd --config-file \S+/daemon.json --containerd-namespace", call) for call in machine.calls
    )
    first, _, rest = layout.shim.read_text().partition("\n")
    assert re.fullmatch(r"#!/\S+ -IS", first)
    assert rest == Path(runtime_shim.__file__).read_text()
    (machine.bin / "runc").symlink_to("/bin/echo")
    assert run([layout.shim, "state", "ID"]).stdout == "state ID\n"


def test_stopping_what_is_not_there_leaves_nothing(machine: FakeMachine) -> None:
    machine.layout.volatile.mkdir()
    machine.layout.pid_file.write_text("999999999")
    assert stop(machine.layout) is False
    assert not machine.layout.volatile.exists()
