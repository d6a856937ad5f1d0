"""Distribution packages of Debian and Ubuntu: what an installation would bring, installing it, taking it away."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from provision.processes import ProgramFailed, run

APT_SECONDS = 900.0
LOCK_SECONDS = 120
POLICY = Path("/usr/sbin/policy-rc.d")
POLICY_TEXT = "#!/bin/sh\n# soma-verify: no service starts while its packages are installed\nexit 101\n"
_QUIET = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
_APT = ("apt-get", "-y", "-q", "-o", f"DPkg::Lock::Timeout={LOCK_SECONDS}", "-o", "APT::Color=0")


def has_apt() -> bool:
    """Whether this machine is one of those: it has apt-get and dpkg."""
    return all(shutil.which(program) for program in ("apt-get", "dpkg-query"))


def installed(names: Iterable[str]) -> frozenset[str]:
    """Those of the names that are installed."""
    answer = run(["dpkg-query", "-W", "-f", "${binary:Package} ${db:Status-Status}\n", *names], check=False, env=_QUIET)
    rows = (line.split() for line in answer.stdout.splitlines())
    return frozenset(row[0].split(":")[0] for row in rows if row[1:] == ["installed"])


def is_known(name: str) -> bool:
    """Whether apt's lists have a package of that name."""
    return run(["apt-cache", "show", "--no-all-versions", name], check=False, env=_QUIET).exit_code == 0


def would_install(names: Iterable[str]) -> tuple[str, ...]:
    """Every package, dependencies included, that installing the names would bring; by apt's own simulation.

    Raises:
        ProgramFailed: apt knows no such package; its lists may be missing.
    """
    answer = run([*_APT, "-s", "install", "--no-install-recommends", *names], env=_QUIET, timeout=APT_SECONDS)
    return tuple(re.findall(r"^Inst (\S+)", answer.stdout, re.MULTILINE))


def update(on_line: Callable[[str], None]) -> None:
    """Fetch the package lists."""
    run([*_APT, "update"], env=_QUIET, timeout=APT_SECONDS, on_line=on_line)


def install(names: Iterable[str], on_line: Callable[[str], None]) -> None:
    """Install packages without what they recommend, and without starting what they bring.

    An installation that was cut off before is finished first.

    Raises:
        ProgramFailed: dpkg or apt fails; the message has their output.
    """
    with _no_service_starts():
        run(["dpkg", "--configure", "-a"], env=_QUIET, timeout=APT_SECONDS, on_line=on_line)
        run([*_APT, "install", "--no-install-recommends", *names], env=_QUIET, timeout=APT_SECONDS, on_line=on_line)


def needed_by_others(names: Iterable[str]) -> tuple[str, ...]:
    """The packages that would have to go with the names and are not among them."""
    mine = set(names)
    answer = run([*_APT, "-s", "remove", *mine], env=_QUIET, timeout=APT_SECONDS)
    return tuple(name for name in re.findall(r"^(?:Remv|Purg) (\S+)", answer.stdout, re.MULTILINE) if name not in mine)


def remove(names: Iterable[str], *, purge: bool, on_line: Callable[[str], None]) -> None:
    """Take packages away; with ``purge`` also their settings and what they keep under /var."""
    word = "purge" if purge else "remove"
    run([*_APT, word, *names], env=_QUIET, timeout=APT_SECONDS, on_line=on_line)


@contextlib.contextmanager
def _no_service_starts() -> Iterator[None]:
    """Debian's own way to install a daemon without starting it: a policy-rc.d that says no."""
    left_over = POLICY.exists() and POLICY.read_text(encoding="utf-8", errors="replace") == POLICY_TEXT
    if POLICY.exists() and not left_over:
        yield  # this machine has a policy of its own
        return
    POLICY.write_text(POLICY_TEXT, encoding="utf-8")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)


def lists_are_missing(failure: ProgramFailed) -> bool:
    """Whether an installation failed because apt does not know the package, or an old list names a gone version."""
    text = failure.completed.stdout + failure.completed.stderr
    return any(phrase in text for phrase in ("Unable to locate", "no installation candidate", "404", "Failed to fetch"))
