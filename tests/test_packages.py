"""Distribution packages, on a machine whose apt is a script."""

from __future__ import annotations

from pathlib import Path

import pytest

from provision import packages
from provision.processes import ProgramFailed
from tests.fake_machine import FakeMachine

OWN_POLICY = "#!/bin/sh\nexit 0\n"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeMachine:
    found = FakeMachine(tmp_path, monkeypatch)
    monkeypatch.setattr(packages, "POLICY", tmp_path / "policy-rc.d")
    found.program("dpkg", "exit 0")
    return found


def quiet(_: str) -> None:
    """Progress that nobody reads."""


def install(machine: FakeMachine, then: str = "") -> str:
    """Install with an apt-get that shows the policy that it finds; what it showed."""
    machine.program("apt-get", f"cat {packages.POLICY} > {machine.cache}/seen; {then}")
    packages.install(["docker.io"], quiet)
    return (machine.cache / "seen").read_text()


def test_no_service_starts_while_it_is_installed(machine: FakeMachine) -> None:
    assert install(machine) == packages.POLICY_TEXT
    assert not packages.POLICY.exists()


def test_a_policy_of_the_machine_s_own_is_obeyed_and_kept(machine: FakeMachine) -> None:
    packages.POLICY.write_text(OWN_POLICY)
    assert install(machine) == OWN_POLICY
    assert packages.POLICY.read_text() == OWN_POLICY


def test_a_policy_that_a_killed_run_left_goes_too(machine: FakeMachine) -> None:
    packages.POLICY.write_text(packages.POLICY_TEXT)
    assert install(machine) == packages.POLICY_TEXT
    assert not packages.POLICY.exists()


def test_a_failed_installation_takes_its_policy_along(machine: FakeMachine) -> None:
    with pytest.raises(ProgramFailed):
        install(machine, "exit 100")
    assert not packages.POLICY.exists()


def test_what_was_cut_off_is_finished_before_more_is_installed(machine: FakeMachine) -> None:
    install(machine)
    first, second = (call.rpartition(" ")[0] for call in machine.calls)
    assert first == "dpkg --configure -a"
    assert second.endswith("install --no-install-recommends docker.io")


def test_an_installed_package_is_told_from_one_that_left_its_settings(machine: FakeMachine) -> None:
    machine.program("dpkg-query", "echo 'runc installed'; echo 'tini:amd64 installed'; echo 'jq config-files'; exit 1")
    assert packages.installed(["runc", "tini", "jq", "vim"]) == {"runc", "tini"}


@pytest.mark.parametrize(
    ("said", "lists"),
    [
        ("E: Unable to locate package docker.io", True),
        ("E: Package 'docker.io' has no installation candidate", True),
        ("E: Failed to fetch  404  Not Found", True),
        ("E: Could not get lock /var/lib/dpkg/lock-frontend", False),
    ],
)
def test_missing_lists_are_told_from_other_failures(machine: FakeMachine, said: str, *, lists: bool) -> None:
    machine.program("apt-get", f'echo "{said}" >&2; exit 100')
    with pytest.raises(ProgramFailed) as failed:
        packages.would_install(["docker.io"])
    assert packages.lists_are_missing(failed.value) is lists
