"""A machine whose programs are scripts of a test: a folder that is all of PATH."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from provision import changes, engine, host_plan, network_traces, packages, private_daemon
from provision.changes import Changes
from provision.network_traces import Traces
from provision.private_daemon import Layout
from provision.processes import start
from provision.waiting import Deadline, until

SHELL = ("sh", "cat", "sleep", "echo", "env", "id", "touch", "rm", "printf")
SERVER = '{"Version":"27.0.1","ApiVersion":"1.46","Os":"linux","Arch":"amd64"}'
REFUSED = "echo 'Cannot connect to the Docker daemon. Is the docker daemon running?' >&2; exit 1"
INFO = '{"ID":"id-1","DefaultRuntime":"runc","KernelVersion":"6.1","Name":"box","SecurityOptions":[]}'

APT_SAYS = "Inst runc (1.1)\nInst docker.io (20.10)\nConf runc (1.1)\nConf docker.io (20.10)"
SIMULATES = f'case "$*" in *-s*) echo "{APT_SAYS}" ;; esac'
NONE_BEFORE = Traces({}, (), {})


class FakeMachine:
    """Its programs; each call of a fake one is a line of ``calls``, with the DOCKER_HOST that it saw.

    ``layout`` is where an engine of ours would be on it, and ``cache`` the user's cache.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        for name in SHELL:
            (self.bin / name).symlink_to(shutil.which(name) or f"/bin/{name}")
        self._calls = folder / "calls"
        self.layout = Layout(folder / "state", folder / "run")
        self.cache = folder / "cache"
        self.cache.mkdir()
        self._folder = folder
        self._monkeypatch = monkeypatch
        for name in ("DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("PATH", str(self.bin))
        monkeypatch.setenv("HOME", str(folder / "home"))
        monkeypatch.setenv("XDG_CACHE_HOME", str(self.cache))
        monkeypatch.setattr(host_plan, "SBIN", str(self.bin))
        monkeypatch.setattr(private_daemon, "_SYSTEM_PATH", str(self.bin))  # no real dockerd, whatever a test breaks
        monkeypatch.setattr(engine, "PRIVATE_SOCKET", self.layout.socket)

    def program(self, name: str, script: str) -> None:
        """Put a shell script on PATH, in the place of what has the name."""
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(f'#!/bin/sh\necho "{name} $* [$DOCKER_HOST]" >> {self._calls}\n{script}\n')
        path.chmod(0o755)

    def docker(self, **answers: str) -> None:
        """Put a docker CLI on PATH: scripts by the first word of a command; any other is an error."""
        cases = "\n".join(f"{word}) {script} ;;" for word, script in answers.items())
        self.program("docker", f'case "$1" in\n{cases}\n*) echo "unknown: $*" >&2; exit 98 ;;\nesac')

    def fit_docker(self, **others: str) -> None:
        """A docker CLI whose engine is fit, but for the answers that a test gives."""
        answers = {"version": f"echo '{SERVER}'", "compose": "echo 2.30.3", "info": f"echo '{INFO}'", "import": "cat"}
        self.docker(**{**answers, "run": "exit 0", "image": "exit 0", **others})

    def distribution(self, text: str) -> None:
        """Let the machine name itself as an os-release file does."""
        path = self._folder / "os-release"
        path.write_text(text)
        self._monkeypatch.setattr(host_plan, "OS_RELEASE", path)

    def user(self, number: int) -> None:
        """Let us be the user of that number."""
        self._monkeypatch.setattr("os.geteuid", lambda: number)

    def bare_debian(self) -> None:
        """Debian, root, a docker client, no engine, and no other dockerd among the processes."""
        self.distribution('ID=debian\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n')
        self.user(0)
        self.docker(version=REFUSED)
        self.program("apt-get", SIMULATES)
        self.program("dpkg", "exit 0")
        self.program("dpkg-query", "exit 1")
        self.program("apt-cache", "exit 100")
        self._monkeypatch.setattr("psutil.process_iter", lambda *_: iter(()))
        self._monkeypatch.setattr(packages, "POLICY", self._folder / "policy-rc.d")
        self._monkeypatch.setattr(network_traces, "look", lambda: NONE_BEFORE)

    def installed_by_us(self, *, absent: tuple[str, ...] = ("/var/lib/docker",)) -> None:
        """Let the machine look as after ``--yes``."""
        self.layout.data.mkdir(parents=True)
        self.layout.settings.write_text("{}")
        written = Changes(("runc", "docker.io", "gone-since"), absent, "another boot", NONE_BEFORE)
        changes.write(self.layout.state / "changes.json", written)
        rows = "echo 'runc installed'; echo 'docker.io:amd64 installed'; echo 'gone-since config-files'"
        self.program("dpkg-query", rows)
        self.program("apt-get", "echo 'Remv runc [1]'; echo 'Remv docker.io [1]'")

    @contextmanager
    def our_daemon(self) -> Iterator[None]:
        """A process with our daemon's command line and pid file, which ends when it is asked to."""
        self.layout.volatile.mkdir(parents=True, exist_ok=True)
        script = "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done"
        with start(["sh", "-c", script, "--config-file", str(self.layout.settings)]) as running:
            self.layout.pid_file.write_text(str(running.pid))
            until(lambda: running.output, bool, Deadline("the stand-in for the daemon to be up", 10))
            yield

    @property
    def calls(self) -> list[str]:
        """What was called so far."""
        return self._calls.read_text().splitlines() if self._calls.exists() else []
