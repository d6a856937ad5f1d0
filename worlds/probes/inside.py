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

_LOOKS = {
    "statuses": "for file in /proc/[0-9]*/status; do cat $file 2>/dev/null; done",
    "status": "cat /proc/1/status",
    "mounts": "cat /proc/1/mounts",
    "sockets": "cat /proc/net/tcp; cat /proc/net/tcp6 2>/dev/null",
}
"""What is read, all in one go: to start a program in a pod takes longer than to run it."""
_NEXT = "\x04next\x04"

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
    return {**seen, **told_inside(f"docker://{container['Id']}", execute)}


def told_inside(address: str, execute: Execute) -> dict[str, JSON]:
    """What a container tells of itself: its users, its root file system, its sockets; or why it tells nothing.

    Args:
        address: as testinfra has it, e.g. ``docker://ID`` or ``kubectl://POD?container=NAME&namespace=NAME``.
        execute: runs a program on this machine; ``docker`` or ``kubectl`` stands on its PATH.
    """
    try:
        return _told(_host(address, execute))
    except (AssertionError, RuntimeError) as error:  # how testinfra says that a command or file is not there
        return {"error": " ".join(str(error).split())[:300]}


def _host(address: str, execute: Execute) -> Any:  # noqa: ANN401 - testinfra ships no types
    import testinfra

    host = testinfra.get_host(address)
    backend = host.backend

    def run_local(command: str, *arguments: str) -> Any:  # noqa: ANN401 - testinfra ships no types
        """Its own one starts a program by itself, without our environment and in our process group."""
        line = backend.quote(command, *arguments[:-1], marked(arguments[-1]))
        done = whole(lambda: execute(["sh", "-c", line]))
        return backend.result(done.exit_code, line, done.stdout.encode(), done.stderr.encode())

    backend.run_local = run_local
    return host


def _told(host: Any) -> dict[str, JSON]:  # noqa: ANN401 - testinfra ships no types
    said = host.check_output(f"; printf '{_NEXT}'; ".join((*_LOOKS.values(), "true"))).split(_NEXT)
    if len(said) <= len(_LOOKS):
        raise RuntimeError(f"of {len(_LOOKS)} looks at /proc only {len(said) - 1} answered")
    seen = dict(zip(_LOOKS, said, strict=False))
    return {
        "users": users(seen["statuses"]),
        "no_new_privileges": "NoNewPrivs:\t1" in seen["status"],
        "root_options": root_options(seen["mounts"]),
        "listening": listening(seen["sockets"]),
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
