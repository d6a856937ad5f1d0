"""Facts about a container, told from inside it through testinfra."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from blueprint.evidence import JSON
from provision.processes import Completed
from worlds.whole_output import marked, whole

LISTENS = "0A"
"""State of a listening socket in /proc/net/tcp."""
EMBEDDED_DNS = "0B00007F"
"""127.0.0.11, where Docker answers names inside every container; its listener is not the container's own."""
NANO = 1_000_000_000

Execute = Callable[[Sequence[str]], Completed]


def facts(container: dict[str, Any], execute: Execute) -> dict[str, JSON]:
    """What ``blueprint.live.Inside`` holds, of a container as ``docker inspect`` describes it.

    Only files of /proc are read: an image needs a shell and cat for that, neither ps nor ss.
    """
    limits = container["HostConfig"]
    seen: dict[str, JSON] = {
        "memory_limit": limits.get("Memory") or 0,
        "cpu_limit": (limits.get("NanoCpus") or 0) / NANO,
        "pids_limit": limits.get("PidsLimit") or 0,
        "declared": declared(container["Config"].get("ExposedPorts") or {}),
    }
    host = _host(container["Id"], execute)
    try:
        return {**seen, **_told(host)}
    except (AssertionError, RuntimeError) as error:  # how testinfra says that a command or file is not there
        return {**seen, "error": " ".join(str(error).split())[:300]}


def _host(container_id: str, execute: Execute) -> Any:  # noqa: ANN401 - testinfra ships no types
    import testinfra

    host = testinfra.get_host(f"docker://{container_id}")
    backend = host.backend

    def run_local(command: str, *arguments: str) -> Any:  # noqa: ANN401 - testinfra ships no types
        """Its own one starts a program by itself, without our environment and in our process group."""
        line = backend.quote(command, *arguments[:-1], marked(arguments[-1]))
        done = whole(lambda: execute(["sh", "-c", line]))
        return backend.result(done.exit_code, line, done.stdout.encode(), done.stderr.encode())

    backend.run_local = run_local
    return host


def _told(host: Any) -> dict[str, JSON]:  # noqa: ANN401 - testinfra ships no types
    statuses = host.check_output("for file in /proc/[0-9]*/status; do cat $file 2>/dev/null; done; true")
    sockets = host.check_output("cat /proc/net/tcp; cat /proc/net/tcp6 2>/dev/null; true")
    return {
        "users": users(statuses),
        "no_new_privileges": "NoNewPrivs:\t1" in host.file("/proc/1/status").content_string,
        "root_options": root_options(host.file("/proc/1/mounts").content_string),
        "listening": listening(sockets),
    }


def declared(exposed: dict[str, Any]) -> list[JSON]:
    """TCP ports out of a container's ExposedPorts: what EXPOSE, expose and ports name."""
    named = [port.partition("/") for port in exposed]
    return list[JSON](sorted(int(number) for number, _, protocol in named if protocol == "tcp"))


def users(statuses: str) -> dict[str, JSON]:
    """Process names and the user that each runs as, effectively, from /proc/*/status."""
    found: dict[str, JSON] = {}
    for name, user in re.findall(r"^Name:\t(\S+).*?^Uid:\t\d+\t(\d+)", statuses, re.MULTILINE | re.DOTALL):
        found[name] = min(int(user), int(str(found.get(name, user))))
    return found


def root_options(mounts: str) -> list[JSON]:
    """Flags of the file system that is mounted at / last, from /proc/*/mounts; its directories are left out."""
    rows = [line.split() for line in mounts.splitlines()]
    options = [row[3] for row in rows if len(row) > 3 and row[1] == "/"]  # noqa: PLR2004 - the fourth column
    return [flag for flag in options[-1].split(",") if "=" not in flag] if options else []


def listening(sockets: str) -> list[JSON]:
    """TCP ports that listen, from /proc/net/tcp and tcp6; Docker's own DNS is left out."""
    rows = re.findall(r"^\s*\d+: ([0-9A-F]+):([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} (\w\w)", sockets, re.MULTILINE)
    ports = {int(port, 16) for address, port, state in rows if state == LISTENS and address != EMBEDDED_DNS}
    return list[JSON](sorted(ports))
