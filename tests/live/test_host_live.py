"""`nox -s host` for real: an engine of our own, brought up, killed, recovered and taken down.

It runs in namespaces of its own (mounts, network, processes), so that an engine of this machine is neither seen nor
touched; its network, and what it is put back to, is a fresh one. Takes root on Linux, and dockerd on PATH.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from blueprint.trouble import Trouble
from provision.engine import LOOK_SECONDS, engine
from provision.privilege import image, require_privileged
from provision.processes import Completed, run, start
from provision.tools import read_table, tool
from provision.waiting import Deadline, until

ROOT = Path(__file__).parents[2]
SANDBOX_UP = Deadline("the namespaces to be laid out", 20)
GONE = Deadline("every process of ours to be gone", 10)
LAY_OUT = """
mount --make-rprivate /
mkdir -p /run/soma-verify /var/lib/soma-verify
mount -t tmpfs tmpfs /run/soma-verify
mount --bind "$1/state" /var/lib/soma-verify
mount --rbind /sys/fs/cgroup "$1/cgroup"
mount -t sysfs sysfs /sys
mount --rbind "$1/cgroup" /sys/fs/cgroup
ip link set lo up
echo 0 > /proc/sys/net/ipv4/ip_forward
iptables -A FORWARD -i lo -j ACCEPT
echo laid out
trap 'exit 0' TERM
while :; do sleep 0.2; done  # a shell reaps what is orphaned, as the first process has to
"""
MOUNTS = [word for folder in ("/bin", "/lib", "/lib64", "/usr") for word in ("-v", f"{folder}:{folder}:ro")]


class Sandbox:
    """Namespaces in which nothing of ours is up yet."""

    def __init__(self, inside: int) -> None:
        self._enter = ["nsenter", f"--target={inside}", "--mount", "--net", "--pid", f"--wd={ROOT}"]

    def run(self, *argv: str, check: bool = True, fed: bytes | None = None) -> Completed:
        """Run a program in it."""
        free = {"DOCKER_HOST": None, "DOCKER_CONFIG": None, "DOCKER_CONTEXT": None}
        return run([*self._enter, *argv], env=free, timeout=120, check=check, input=fed)

    def host(self, *flags: str, check: bool = True) -> Completed:
        """Run the command itself, read through a pipe that ends only when nobody holds it."""
        line = f'{{ "{sys.executable}" -m provision.host {" ".join(flags)}; echo "exit code $?"; }} 2>&1 | cat'
        done = self.run("sh", "-c", line)
        if check:
            assert done.stdout.endswith("exit code 0\n"), done.stdout
        return done

    def docker(self, *words: str, fed: bytes | None = None) -> str:
        """Run docker on the engine of ours in it."""
        return self.run("env", "DOCKER_HOST=unix:///run/soma-verify/docker.sock", "docker", *words, fed=fed).stdout

    def network(self) -> dict[str, list[str] | str]:
        """What an engine would change."""
        rules = self.run("iptables-save").stdout.splitlines()
        return {
            "links": sorted(self.run("ls", "/sys/class/net").stdout.split()),
            "forward": self.run("cat", "/proc/sys/net/ipv4/ip_forward").stdout.strip(),
            "rules": [line for line in rules if line.startswith("-A")],
            "chains": [line for line in rules if line.startswith(":") and " - " in line],
            "policy": [line.split()[1] for line in rules if line.startswith(":FORWARD")],
        }

    def daemon(self) -> int:
        """The process id of the daemon, as it is inside."""
        return int(self.run("cat", "/run/soma-verify/docker.pid").stdout)

    def kill(self, signal: str) -> None:
        """Send the daemon a signal."""
        self.run("kill", f"-{signal}", str(self.daemon()))

    def programs(self) -> set[str]:
        """Names of all processes inside but those that hold it."""
        found = set(self.run("ps", "-e", "-o", "comm=").stdout.split())
        return found - {"sh", "sleep", "ps"} | ({"sleeper"} if self.sleeper() else set())

    def sleeper(self) -> bool:
        """Whether the container's process lives."""
        return "sleep 7777" in self.run("ps", "-e", "-o", "args=").stdout


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    if os.geteuid() != 0:
        raise Trouble(
            "an engine is started in namespaces here, which takes root", next_command="sudo nox -s tests-live"
        )
    for name in ("state", "cgroup"):
        (tmp_path / name).mkdir()
    flags = ["--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
    with start(["unshare", *flags, "sh", "-ec", LAY_OUT, "sh", tmp_path]) as running:
        until(
            lambda: (running.output, running.poll()),
            lambda seen: "laid out" in seen[0] or seen[1] is not None,
            SANDBOX_UP,
        )
        assert running.poll() is None, running.output
        (inside,) = psutil.Process(running.pid).children()
        yield Sandbox(inside.pid)
    for name in ("/run/soma-verify", "/var/lib/soma-verify"):  # what was mounted over, if nothing else is in it
        with contextlib.suppress(OSError):
            Path(name).rmdir()


def container_runs(sandbox: Sandbox) -> str:
    """Start a container that sleeps, of the image that the probe is made of and this machine's own sleep."""
    sandbox.docker("import", "-", "probe:1", fed=image(engine_platform(sandbox)))
    port = ["-p", "127.0.0.1:18999:80"]
    return sandbox.docker("run", "-d", "--name=sleeper", "--init", *port, *MOUNTS, "probe:1", "/bin/sleep", "7777")


def engine_platform(sandbox: Sandbox) -> str:
    server = json.loads(sandbox.docker("version", "--format", "{{json .Server}}"))
    return f"{server['Os']}/{server['Arch']}"


def test_from_nothing_to_a_fit_engine_and_back(sandbox: Sandbox) -> None:
    before = sandbox.network()
    assert before["forward"] == "0"
    assert "nothing to put back" in sandbox.host("--down").stdout
    assert "Nothing was changed" in sandbox.host().stdout
    assert sandbox.network() == before
    assert "fit: the engine" in sandbox.host("--yes").stdout
    assert "nothing to do" in sandbox.host("--yes").stdout
    container_runs(sandbox)
    assert sandbox.network()["forward"] == "1"
    down = sandbox.host("--down").stdout
    assert "containers that stop with it: sleeper" in down
    assert sandbox.network() == before
    until(sandbox.programs, lambda seen: not seen, GONE)
    assert sandbox.run("ls", "/var/lib/soma-verify").stdout == "data\n"
    assert "fit: the engine" in sandbox.host("--yes").stdout
    assert "probe:1" in sandbox.docker("images", "--format", "{{.Repository}}:{{.Tag}}")
    sandbox.host("--down", "--purge")
    assert sandbox.run("ls", "/var/lib/soma-verify").stdout == ""
    assert sandbox.network() == before


def test_a_killed_daemon_is_recovered_and_its_containers_do_not_live_on(sandbox: Sandbox) -> None:
    before = sandbox.network()
    sandbox.host("--yes")
    container_runs(sandbox)
    sandbox.kill("KILL")
    assert "fit: the engine" in sandbox.host("--yes").stdout
    assert sandbox.docker("ps", "-q") == ""
    assert not sandbox.sleeper()
    sandbox.docker("start", "sleeper")
    sandbox.kill("KILL")
    assert "engine: stopping it: done" in sandbox.host("--down").stdout
    until(sandbox.programs, lambda seen: not seen, GONE)
    assert sandbox.network() == before


def test_a_daemon_of_ours_that_hangs_is_named_within_ten_seconds(sandbox: Sandbox) -> None:
    sandbox.host("--yes")
    sandbox.kill("STOP")
    began = time.monotonic()
    said = sandbox.host("--yes", check=False).stdout
    assert time.monotonic() - began < 12
    assert "our engine runs, process " in said
    assert said.endswith("  next: nox -s host -- --down\nexit code 2\n")
    sandbox.kill("CONT")
    sandbox.host("--down")


def test_a_socket_that_accepts_and_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "hanging.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        began = time.monotonic()
        with pytest.raises(Trouble, match="accepts and does not answer"):
            engine()
        assert time.monotonic() - began < LOOK_SECONDS + 1


def test_the_engine_in_use_is_fit_and_its_privileged_container_can_do_what_another_cannot() -> None:
    found = engine()
    require_privileged(found)
    reference = f"soma.local/host-live:{os.getpid()}"
    label = "LABEL soma.verify/probe=live-test"
    run(["docker", "import", "--change", label, "-", reference], input=image(found.platform), env=found.env())
    try:
        argv = ["docker", "run", "--rm", "--network=none", reference, "/probe"]
        assert run(argv, env=found.env(), check=False).exit_code == 1  # EPERM
        argv.insert(2, "--privileged")
        assert run(argv, env=found.env(), check=False).exit_code == 0
    finally:
        run(["docker", "image", "rm", "--force", reference], env=found.env())


@pytest.mark.parametrize("name", read_table())
def test_every_tool_can_be_had_here_and_runs(name: str) -> None:
    found = tool(name)
    assert found.version in run([found.path, *read_table()[name]["asked"]]).stdout
