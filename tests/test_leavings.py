"""What an engine leaves on a disk."""

from __future__ import annotations

import grp
from pathlib import Path

import pytest

from provision import leavings
from provision.leavings import absent, remove
from provision.processes import Completed

Row = grp.struct_group


@pytest.fixture
def deleted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that would have been run, on a machine with an empty group docker."""
    monkeypatch.setattr(grp, "getgrnam", lambda _: Row(("docker", "x", 111, [])))
    ran: list[str] = []

    def run(argv: list[str]) -> Completed:
        ran.append(" ".join(argv))
        return Completed(tuple(argv), 0, "", "", 0)

    monkeypatch.setattr(leavings, "run", run)
    return ran


def test_what_was_not_there_before_goes_and_the_rest_stays(tmp_path: Path, deleted: list[str]) -> None:
    (tmp_path / "run/containerd").mkdir(parents=True)
    before = absent(tmp_path)
    assert before == ("/var/lib/docker", "/etc/docker", "/opt/containerd", "/run/docker")
    for folder in ("etc/docker", "opt/containerd/bin", "opt/containerd/lib", "run/docker/plugins"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "etc/docker/key.json").touch()
    assert remove(before, tmp_path) == ["/etc/docker is gone", "/opt/containerd is gone", "/run/docker is gone"]
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == [
        "etc",
        "opt",
        "run",
        "run/containerd",
    ]
    assert deleted == []


def test_what_somebody_put_there_meanwhile_stays(tmp_path: Path, deleted: list[str]) -> None:
    before = absent(tmp_path)
    (tmp_path / "etc/docker").mkdir(parents=True)
    (tmp_path / "etc/docker/daemon.json").touch()
    assert remove(before, tmp_path) == []
    assert (tmp_path / "etc/docker/daemon.json").exists()
    assert deleted == []


def test_a_group_that_was_not_there_goes(tmp_path: Path, deleted: list[str]) -> None:
    assert remove(["docker"], tmp_path) == ["the group docker is gone"]
    assert deleted == ["groupdel docker"]


def test_a_group_with_members_stays(tmp_path: Path, deleted: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grp, "getgrnam", lambda _: Row(("docker", "x", 111, ["ada"])))
    assert remove(["docker"], tmp_path) == []
    assert deleted == []
