"""A container engine of our own on a machine without one: own settings, data, socket; started, stopped, recovered."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from blueprint.trouble import Trouble
from provision import runtime_shim
from provision.engine import PRIVATE_SOCKET, environment
from provision.ownership import OWNER_VARIABLE
from provision.processes import daemonise, has_ended, run
from provision.waiting import Deadline, WaitedTooLong, until

DAEMON_ANSWERS = Deadline("the container daemon to answer", 60)
DAEMON_STOPPED = Deadline("the container daemon to stop its containers and end", 60)
CHILDREN_GONE = Deadline("what the daemon had started to end with it", 10)
STOP_SECONDS = 15
"""How long a container may take to stop when the daemon does."""
LOG_LINES = 15
_RUNTIME = "soma-shim"
_OOM_SETTING_GONE = 25  # the first major version that refuses the setting and no longer needs it
# A containerd of the machine, if one runs, is shared in namespaces of our own. As flags: the daemon's config file
# knows the second under two names, one that it accepts and one that it obeys.
_NAMESPACES = ("--containerd-namespace=soma-verify", "--containerd-plugins-namespace=soma-verify-plugins")
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the engine keeps its things.

    Attributes:
        state: settings, log, runtime shim and the data root; outlives a reboot.
        volatile: socket, pid file, exec root; gone with a reboot.
    """

    state: Path = Path("/var/lib/soma-verify")
    volatile: Path = PRIVATE_SOCKET.parent

    @property
    def settings(self) -> Path:
        """The daemon's config file."""
        return self.state / "daemon.json"

    @property
    def data(self) -> Path:
        """Images, containers, volumes."""
        return self.state / "data"

    @property
    def log(self) -> Path:
        """What the daemon says."""
        return self.state / "daemon.log"

    @property
    def shim(self) -> Path:
        """The OCI runtime of :mod:`provision.runtime_shim`."""
        return self.state / "runc-within-bounds"

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.volatile / PRIVATE_SOCKET.name

    @property
    def pid_file(self) -> Path:
        """The daemon writes its process id here."""
        return self.volatile / "docker.pid"

    @property
    def exec_root(self) -> Path:
        """State of what runs, the daemon's own containerd included."""
        return self.volatile / "exec"


def lacking_capabilities() -> tuple[str, ...]:
    """The capabilities that the kernel knows and this machine withholds; the shim is for a machine with some."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        last = int(Path("/proc/sys/kernel/cap_last_cap").read_text(encoding="ascii"))
    except OSError:
        return ()  # no Linux: nothing of this kind to lack
    return runtime_shim.lacking(status, last)


def settings(layout: Layout, *, shimmed: bool, version: str) -> dict[str, Any]:
    """The daemon's config file.

    Args:
        layout: where its things are.
        shimmed: whether containers start through the shim.
        version: the daemon's, whose settings they are.
    """
    chosen: dict[str, Any] = {
        "hosts": [f"unix://{layout.socket}"],
        "data-root": str(layout.data),
        "exec-root": str(layout.exec_root),
        "pidfile": str(layout.pid_file),
        "storage-driver": "overlay2",
        "log-level": "warn",
        "log-driver": "json-file",
        "log-opts": {"max-size": "10m", "max-file": "3"},
        "live-restore": False,  # a stopped daemon leaves nothing running
        "shutdown-timeout": STOP_SECONDS,
    }
    if shimmed:
        chosen |= {"default-runtime": _RUNTIME, "runtimes": {_RUNTIME: {"path": str(layout.shim)}}}
        if int(version.split(".", maxsplit=1)[0]) < _OOM_SETTING_GONE:
            chosen["oom-score-adjust"] = 0  # the default is negative, which the machine may refuse
    return chosen


def daemon_version() -> str:
    """The version of the installed daemon."""
    said = run(["dockerd", "--version"], env={"PATH": _path()}).stdout
    found = re.search(r"version (\d+\.\d+[.\w]*)", said)
    if not found:
        raise Trouble(f"`dockerd --version` names no version: {said.strip()}")
    return found[1]


def living(layout: Layout) -> psutil.Process | None:
    """Our daemon's process, where it lives; a pid file left by a killed one, or of another process, does not count."""
    try:
        process = psutil.Process(int(layout.pid_file.read_text(encoding="ascii")))
        ours = str(layout.settings) in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE
    except (OSError, ValueError, psutil.Error):
        return None
    return process if ours else None


def left_over(layout: Layout) -> list[psutil.Process]:
    """Processes of a daemon of ours that was killed: its containerd, and what holds its containers."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            if any(word.startswith(f"{layout.exec_root}/") for word in words) and process.pid != os.getpid():
                found.append(process)
    return found


def start(layout: Layout) -> None:
    """Start the daemon and wait until it answers; one that was killed before is recovered.

    Raises:
        Trouble: it ends or does not answer in time; with its last lines and where its log is.
    """
    layout.state.mkdir(parents=True, exist_ok=True)
    layout.volatile.mkdir(parents=True, exist_ok=True)
    shimmed = bool(lacking_capabilities())
    if shimmed:
        _install_shim(layout.shim)
    chosen = settings(layout, shimmed=shimmed, version=daemon_version())
    layout.settings.write_text(json.dumps(chosen, indent=2) + "\n", encoding="utf-8")
    # a killed daemon's containerd dies with it, and counts as alive until it is reaped: the new one would wait for it
    for stale in (layout.pid_file, layout.socket, layout.volatile / "exec" / "containerd" / "containerd.pid"):
        stale.unlink(missing_ok=True)
    began = layout.log.stat().st_size if layout.log.exists() else 0
    pid = daemonise(
        ["dockerd", "--config-file", layout.settings, *_NAMESPACES], log=layout.log, env=_daemon_environment()
    )
    try:
        until(lambda: _answers(layout), lambda answer: answer or has_ended(pid), DAEMON_ANSWERS)
    except Trouble as late:
        raise Trouble(f"{late.what}\n{_last_lines(layout, began)}", where=str(layout.log)) from None
    if not _answers(layout):
        raise Trouble(f"the container daemon ended as it started:\n{_last_lines(layout, began)}", where=str(layout.log))


def stop(layout: Layout) -> bool:
    """Stop the daemon, its containers first, and take away what is volatile; whether there was one to stop.

    One that was killed, or does not stop, leaves containers that a daemon alone knows how to end: it is started again.
    """
    process = living(layout)
    if process is not None:
        _end(layout, process)
    if left_over(layout) and shutil.which("dockerd", path=_path()):
        start(layout)
        process = living(layout)
        if process is not None:
            _end(layout, process)
    _unmount_below(layout)
    shutil.rmtree(layout.volatile, ignore_errors=True)
    return process is not None


def _end(layout: Layout, process: psutil.Process) -> None:
    """Ask the daemon to end; one that hangs is killed."""
    process.send_signal(signal.SIGTERM)
    try:
        until(lambda: living(layout), lambda alive: alive is None, DAEMON_STOPPED)
        until(lambda: left_over(layout), lambda alive: not alive, CHILDREN_GONE)
    except WaitedTooLong:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def forget_data(layout: Layout) -> None:
    """Delete images, containers and volumes, the settings and the log."""
    _unmount_below(layout)
    for path in layout.state.iterdir() if layout.state.exists() else ():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    with contextlib.suppress(OSError):  # a disk of the user's own may be mounted there
        layout.state.rmdir()


def running_containers(layout: Layout) -> list[str]:
    """Names of the containers that run on it."""
    answer = run(["docker", "ps", "--format", "{{.Names}}"], env=environment(_address(layout), None), check=False)
    return answer.stdout.split()


def _install_shim(path: Path) -> None:
    """Write the runtime as a script of the system's Python, since the one that runs us may go with its venv."""
    system = Path("/usr/bin/python3")
    python = system if system.exists() else Path(sys.executable).resolve()
    body = Path(runtime_shim.__file__).read_text(encoding="utf-8")
    path.write_text(f"#!{python} -IS\n{body}", encoding="utf-8")
    path.chmod(0o755)


def _answers(layout: Layout) -> bool:
    argv = ["docker", "version", "--format", "{{.Server.Version}}"]
    return run(argv, env=environment(_address(layout), None), check=False, timeout=20).exit_code == 0


def _address(layout: Layout) -> str:
    return f"unix://{layout.socket}"


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:{_SYSTEM_PATH}"


def _daemon_environment() -> dict[str, str | None]:
    """It is nobody's, whoever started it: it must not be taken for the orphan of a run."""
    names = ("DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT", "NOTIFY_SOCKET", OWNER_VARIABLE)
    return {"PATH": _path(), **dict.fromkeys(names)}


def _last_lines(layout: Layout, began: int) -> str:
    with layout.log.open("rb") as log:
        log.seek(began)
        lines = log.read().decode("utf-8", "replace").splitlines()
    return "\n".join(f"    {line}" for line in lines[-LOG_LINES:])


def _unmount_below(layout: Layout) -> None:
    """Unmount what a killed daemon left mounted, the innermost first."""
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():
        return
    points = [line.split()[1] for line in mounts.read_text(encoding="utf-8").splitlines()]
    for point in sorted(points, key=len, reverse=True):
        if point == str(layout.data) or point.startswith((f"{layout.data}/", f"{layout.volatile}/")):
            run(["umount", "--lazy", point], check=False)
