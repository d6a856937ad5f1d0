"""`nox -s host`: what it would do, does, refuses, and puts back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from provision import changes, host, packages, private_daemon
from provision.changes import Changes
from provision.engine import docker_config_path
from provision.network_traces import Traces
from provision.processes import start
from provision.tools import Tool, read_table
from tests.fake_machine import NONE_BEFORE, REFUSED, SERVER, SIMULATES, FakeMachine

DEBIAN = 'ID=debian\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'
UBUNTU = 'ID=ubuntu\nID_LIKE=debian\nPRETTY_NAME="Ubuntu 24.04 LTS"\n'
NEXT = "next: nox -s host -- --yes"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeMachine:
    return FakeMachine(tmp_path, monkeypatch)


@pytest.fixture
def bare_debian(machine: FakeMachine) -> FakeMachine:
    """Debian, root, a docker client, no engine, and no other dockerd among the processes."""
    machine.bare_debian()
    return machine


def test_a_fit_engine_is_all_that_is_wanted(machine: FakeMachine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.fit_docker()
    for flags in ([], ["--yes"], ["--yes"]):
        assert host.main(flags, machine.layout) == 0
        first, *rest = capsys.readouterr().out.splitlines()
        assert [line.split()[:2] for line in rest] == [["tool:", name] for name in read_table()]
        assert first == (
            "nothing to do: the engine 27.0.1 at the docker CLI's own context (of this machine) answers, "
            "runs privileged containers, and has Docker Compose 2.30.3"
        )
    assert len([call for call in machine.calls if call.startswith("docker run")]) == 1  # the answer is kept
    assert not machine.layout.state.exists()


def test_the_plan_is_told_and_nothing_is_done(
    bare_debian: FakeMachine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provision.host_plan.lacking_capabilities", lambda: ("CAP_SYS_RESOURCE",))
    assert host.main([], bare_debian.layout) == 0
    said = capsys.readouterr().out
    for fact in (
        "install docker.io containerd runc iptables iproute2 mmdebstrap with apt-get",
        "all in all runc docker.io",
        f"listening at unix://{bare_debian.layout.socket} alone",
        "since this machine withholds CAP_SYS_RESOURCE",
        "net.ipv4.ip_forward",
        "docker0",
        "iptables",
        "fetch Docker Compose",
        f"Nothing was changed.\n  {NEXT}",
    ):
        assert fact in said
    assert not bare_debian.layout.state.exists()
    assert [call for call in bare_debian.calls if call.startswith("apt-get") and " -s " not in call] == []


def test_the_shim_is_not_spoken_of_where_nothing_is_withheld(
    bare_debian: FakeMachine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provision.host_plan.lacking_capabilities", tuple)
    assert host.main([], bare_debian.layout) == 0
    assert "withholds" not in capsys.readouterr().out


def test_the_client_is_installed_where_it_has_a_package_of_its_own(
    bare_debian: FakeMachine, capsys: pytest.CaptureFixture[str]
) -> None:
    (bare_debian.bin / "docker").unlink()
    bare_debian.program("apt-cache", "exit 0")
    assert host.main([], bare_debian.layout) == 0
    assert "mmdebstrap docker-cli with apt-get" in capsys.readouterr().out


def test_package_lists_that_are_not_there_yet_are_no_trouble(
    bare_debian: FakeMachine, capsys: pytest.CaptureFixture[str]
) -> None:
    bare_debian.program("apt-get", 'echo "E: Unable to locate package docker.io" >&2; exit 100')
    assert host.main([], bare_debian.layout) == 0
    assert "lists come first" in capsys.readouterr().out


ELSEWHERE = {
    "debian": (DEBIAN, 1000, "installing one takes root", "sudo nox -s host -- --yes"),
    "ubuntu": (UBUNTU, 1000, "installing one takes root", "sudo nox -s host -- --yes"),
    "fedora": ('ID=fedora\nPRETTY_NAME="Fedora Linux 43"\n', 0, "on Fedora Linux 43 this installs none", "dnf install"),
    "rocky": ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', 0, "this installs none", "dnf install"),
    "suse": ('ID="opensuse-leap"\nID_LIKE="suse opensuse"\n', 0, "this installs none", "zypper install"),
    "alpine": ("ID=alpine\n", 0, "this installs none", "apk add"),
    "macos": ("ID=darwin\n", 501, "this installs none", "brew install colima"),
    "unknown": ("ID=plan9\n", 0, "this installs none", "docker version && docker compose version"),
}


@pytest.mark.parametrize("name", ELSEWHERE)
@pytest.mark.parametrize("flags", [[], ["--yes"]], ids=["plan", "yes"])
def test_without_root_or_elsewhere_there_is_one_clear_message(
    bare_debian: FakeMachine, capsys: pytest.CaptureFixture[str], name: str, flags: list[str]
) -> None:
    release, user, message, command = ELSEWHERE[name]
    bare_debian.distribution(release)
    bare_debian.user(user)
    assert host.main(flags, bare_debian.layout) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert command in err.partition("\n  next: ")[2]
    assert "Traceback" not in err
    assert not bare_debian.layout.state.exists()


def test_an_engine_that_docker_host_names_is_not_replaced(
    bare_debian: FakeMachine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///elsewhere.sock")
    assert host.main(["--yes"], bare_debian.layout) == 2
    assert "DOCKER_HOST says that unix:///elsewhere.sock is the engine" in capsys.readouterr().err


def test_docker_host_may_name_our_own_engine_before_it_is_up(
    bare_debian: FakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{bare_debian.layout.socket}")
    assert host.main([], bare_debian.layout) == 0


def test_an_engine_that_this_user_may_not_use_is_not_replaced(
    bare_debian: FakeMachine, capsys: pytest.CaptureFixture[str]
) -> None:
    bare_debian.docker(version="echo 'permission denied while trying to connect' >&2; exit 1")
    assert host.main(["--yes"], bare_debian.layout) == 2
    assert "this user may not use it" in capsys.readouterr().err


def test_no_second_engine_is_started_beside_one_that_hangs(
    machine: FakeMachine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.distribution(DEBIAN)
    machine.user(0)
    machine.docker(version=REFUSED)
    foreign = tmp_path / "dockerd"
    shutil.copy(machine.bin / "sleep", foreign)
    with start([foreign, "60"]) as running:
        assert host.main(["--yes"], machine.layout) == 2
        err = capsys.readouterr().err
    assert "dockerd runs here already, process " in err
    assert "no second engine is started beside it" in err
    assert running.pid > 0
    assert not machine.layout.state.exists()


def test_our_own_engine_that_hangs_is_to_be_taken_down(
    bare_debian: FakeMachine, capsys: pytest.CaptureFixture[str]
) -> None:
    with bare_debian.our_daemon():
        assert host.main(["--yes"], bare_debian.layout) == 2
    err = capsys.readouterr().err
    assert "our engine runs, process " in err
    assert err.endswith("next: nox -s host -- --down\n")


def test_an_engine_that_runs_no_privileged_container_is_unfit(
    machine: FakeMachine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.fit_docker(run="echo 'unable to apply caps: operation not permitted' >&2; exit 126")
    assert host.main(["--yes"], machine.layout) == 2
    err = capsys.readouterr().err
    assert "runs no privileged container, which Kind needs: unable to apply caps" in err
    made = [call.split()[-2] for call in machine.calls if call.startswith("docker import")]
    removed = [call.split()[-2] for call in machine.calls if call.startswith("docker image rm")]
    assert made == removed
    assert made[0].startswith("soma.local/privileged-probe:")
    assert not machine.layout.state.exists()


def test_a_container_that_runs_but_may_not_mount_is_not_privileged(
    machine: FakeMachine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.fit_docker(run="exit 1")
    assert host.main([], machine.layout) == 2
    assert "mounting in it failed with errno 1" in capsys.readouterr().err


@pytest.mark.parametrize("change", ['"ID":"id-2"', '"DefaultRuntime":"crun"'])
def test_another_engine_or_other_settings_are_tried_again(machine: FakeMachine, change: str) -> None:
    machine.fit_docker()
    host.main([], machine.layout)
    machine.fit_docker(info=f"echo '{{{change}}}'", run="exit 1")
    assert host.main([], machine.layout) == 2


def test_compose_alone_takes_no_root(
    machine: FakeMachine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.user(1000)
    machine.fit_docker(compose='[ -n "$DOCKER_CONFIG" ] && echo 5.6.1')
    assert host.main([], machine.layout) == 0
    said = capsys.readouterr().out
    assert "`docker compose` is not there" in said
    assert "Nothing was changed" in said
    monkeypatch.setattr(host, "tool", lambda *_: Tool("compose", machine.bin / "cat", "5.6.1", "a test"))
    assert host.main(["--yes"], machine.layout) == 0
    assert "has Docker Compose 5.6.1" in capsys.readouterr().out
    assert (docker_config_path() / "cli-plugins" / "docker-compose").readlink() == machine.bin / "cat"


def test_yes_installs_writes_down_starts_and_tries(
    bare_debian: FakeMachine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = bare_debian.layout
    seen: list[tuple[str, ...]] = []

    def started(place: private_daemon.Layout) -> None:
        written = changes.read(place.state / "changes.json")
        seen.append(written.packages if written else ())
        bare_debian.fit_docker()

    monkeypatch.setattr(private_daemon, "start", started)
    assert host.main(["--yes"], layout) == 0
    assert seen == [("runc", "docker.io")]
    said = capsys.readouterr().out
    assert "packages: installing docker.io containerd runc iptables iproute2 mmdebstrap: done in" in said
    assert "fit: the engine 27.0.1" in said
    installs = [call for call in bare_debian.calls if call.startswith("apt-get") and " -s " not in call]
    assert len(installs) == 1
    assert "--no-install-recommends docker.io containerd runc iptables iproute2 mmdebstrap" in installs[0]


def test_what_another_run_has_brought_up_meanwhile_is_used(bare_debian: FakeMachine, tmp_path: Path) -> None:
    bare_debian.fit_docker(version=f"[ -e {tmp_path}/up ] || {{ touch {tmp_path}/up; {REFUSED}; }}; echo '{SERVER}'")
    assert host.main(["--yes"], bare_debian.layout) == 0
    assert not any(call.startswith("apt-get") and " -s " not in call for call in bare_debian.calls)
    assert not bare_debian.layout.state.exists()


def test_an_installation_that_was_cut_off_is_resumed_and_still_known(
    bare_debian: FakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = bare_debian.layout.state / "changes.json"
    first = Traces({"net/ipv4/ip_forward": "0"}, ("lo",), {})
    changes.write(path, Changes(("runc", "tini"), ("docker",), changes.boot_id(), first))
    monkeypatch.setattr(private_daemon, "start", lambda _: bare_debian.fit_docker())
    assert host.main(["--yes"], bare_debian.layout) == 0
    assert changes.read(path) == Changes(("runc", "tini", "docker.io"), ("docker",), changes.boot_id(), first)
    assert "dpkg --configure -a []" in bare_debian.calls


def test_after_a_reboot_the_network_is_looked_at_anew(
    bare_debian: FakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = bare_debian.layout.state / "changes.json"
    changes.write(path, Changes(("runc",), (), "another boot", Traces({"a": "0"}, (), {})))
    monkeypatch.setattr(private_daemon, "start", lambda _: bare_debian.fit_docker())
    for program in ("dockerd", "containerd", "runc", "iptables", "ip", "mmdebstrap"):
        bare_debian.program(program, "exit 0")
    assert host.main(["--yes"], bare_debian.layout) == 0
    assert changes.read(path) == Changes(("runc",), (), changes.boot_id(), NONE_BEFORE)


def test_a_registry_that_refuses_is_told_with_what_apt_said(
    bare_debian: FakeMachine, capsys: pytest.CaptureFixture[str]
) -> None:
    bare_debian.program("apt-get", f'{SIMULATES}\ncase "$*" in *-s*) ;; *) echo "E: no route" >&2; exit 100 ;; esac')
    assert host.main(["--yes"], bare_debian.layout) == 2
    err = capsys.readouterr().err
    assert "exit code 100" in err
    assert "E: no route" in err
    assert not packages.POLICY.exists()
