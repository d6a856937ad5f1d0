"""`nox -s host -- --down`: what it stops, puts back, and keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from provision import changes, host, private_daemon
from provision.changes import Changes
from tests.fake_machine import NONE_BEFORE, SERVER, FakeMachine


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeMachine:
    return FakeMachine(tmp_path, monkeypatch)


@pytest.fixture
def bare_debian(machine: FakeMachine) -> FakeMachine:
    machine.bare_debian()
    return machine


def test_with_nothing_up_there_is_nothing_to_put_back(machine: FakeMachine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.user(1000)
    assert host.main(["--down"], machine.layout) == 0
    assert "nothing to put back: no engine of ours is on this machine" in capsys.readouterr().out
    assert not machine.layout.state.exists()


def test_taking_down_takes_root(machine: FakeMachine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.user(1000)
    changes.write(machine.layout.state / "changes.json", Changes((), (), "boot", NONE_BEFORE))
    assert host.main(["--down"], machine.layout) == 2
    assert capsys.readouterr().err.endswith("next: sudo nox -s host -- --down\n")


def test_down_stops_the_daemon_removes_what_was_installed_and_keeps_the_data(
    bare_debian: FakeMachine, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = bare_debian.layout
    with bare_debian.our_daemon():
        bare_debian.installed_by_us()
        bare_debian.docker(version=f"echo '{SERVER}'", ps="echo web; echo db")
        assert host.main(["--down"], layout) == 0
        assert private_daemon.living(layout) is None
    said = capsys.readouterr().out
    assert "containers that stop with it: web db" in said
    assert "packages: removing docker.io runc: done" in said
    assert f"kept: images and volumes in {layout.data}; nox -s host -- --down --purge deletes them" in said
    assert [path.name for path in layout.state.iterdir()] == ["data"]
    assert not layout.volatile.exists()
    assert any(call.startswith("apt-get") and " purge docker.io runc" in call for call in bare_debian.calls)
    assert host.main(["--down"], layout) == 0
    assert "nothing to put back" in capsys.readouterr().out


def test_purge_deletes_the_data_too(bare_debian: FakeMachine) -> None:
    bare_debian.installed_by_us()
    assert host.main(["--down", "--purge"], bare_debian.layout) == 0
    assert not bare_debian.layout.state.exists()


def test_purge_after_down_still_finds_the_data(bare_debian: FakeMachine) -> None:
    bare_debian.installed_by_us()
    host.main(["--down"], bare_debian.layout)
    assert host.main(["--down", "--purge"], bare_debian.layout) == 0
    assert not bare_debian.layout.state.exists()


def test_settings_of_a_docker_that_was_there_before_are_not_purged(bare_debian: FakeMachine) -> None:
    bare_debian.installed_by_us(absent=())
    assert host.main(["--down"], bare_debian.layout) == 0
    assert not any(" purge " in call for call in bare_debian.calls)
    assert any(" remove docker.io runc" in call and " -s " not in call for call in bare_debian.calls)


def test_packages_that_others_need_now_stay(bare_debian: FakeMachine, capsys: pytest.CaptureFixture[str]) -> None:
    bare_debian.installed_by_us()
    bare_debian.program("apt-get", "echo 'Remv runc [1]'; echo 'Remv docker.io [1]'; echo 'Remv k3s [1]'")
    assert host.main(["--down"], bare_debian.layout) == 0
    assert "packages: docker.io runc stay, since k3s need them now" in capsys.readouterr().out
    assert not any(" purge " in call for call in bare_debian.calls)


def test_a_damaged_list_of_changes_is_told_and_nothing_is_guessed(
    bare_debian: FakeMachine, capsys: pytest.CaptureFixture[str]
) -> None:
    bare_debian.installed_by_us()
    (bare_debian.layout.state / "changes.json").write_text("{")
    assert host.main(["--down"], bare_debian.layout) == 2
    assert "changes.json: the list of what was changed on this machine is damaged" in capsys.readouterr().err
    assert bare_debian.layout.data.exists()
