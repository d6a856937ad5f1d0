"""Whose a thing on the engine is, and what may be removed.

Compose gives every container, network and volume of a world the project label, and our projects carry the id of
the run in their name. Docker's labels cannot be changed once they are set and the blueprint's commands leave no
room for more of them, so the rest of the ownership (process, start, keep) stands on the **mark** of the world: an
empty volume that is made before anything else of the world and removed after everything else.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Self

import psutil

from blueprint.trouble import Trouble
from provision.ledger import Kind, Thing, remove, things
from provision.processes import run

PREFIX = "soma-verify-"
"""How every name that we give to a thing on an engine begins."""
LABEL = "soma.verify/"
OWNER_VARIABLE = "SOMA_VERIFY_OWNER"
"""Environment variable that programs started for a world carry, so that orphans of a killed run are known."""
ORPHAN_GONE = 5.0
"""Seconds that an orphan has between SIGTERM and SIGKILL."""
START_TOLERANCE = 2.0
"""Seconds by which two readings of one process's start may differ: the boot time that they count from drifts."""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Owner:
    """Who stands behind a world.

    Attributes:
        run: id of the run, in the names of all that it makes.
        pid: process that verifies.
        started: start of that process, seconds since the epoch.
        machine: host and boot; a pid says nothing on another one.
        keep: the world outlives its run, until a run takes it up or down.
        selector: label that everything of the world carries, ``key=value``; empty where things are labelled one by one.
    """

    run: str
    pid: int
    started: float
    machine: str
    keep: bool = False
    selector: str = ""

    @classmethod
    def current(cls, *, keep: bool = False, run: str = "") -> Self:
        """This process, as the owner of a new run."""
        pid = os.getpid()
        return cls(run or secrets.token_hex(4), pid, psutil.Process(pid).create_time(), _machine(), keep)

    @classmethod
    def of(cls, labels: Mapping[str, str]) -> Self | None:
        """The owner that labels name, or none where they are not ours."""
        told = {key.removeprefix(LABEL): value for key, value in labels.items() if key.startswith(LABEL)}
        try:
            pid, started = int(told["owner-pid"]), float(told["owner-start"])
            return cls(told["run"], pid, started, told["owner-machine"], told["keep"] == "true", told["selector"])
        except (KeyError, ValueError):
            return None

    def labels(self) -> dict[str, str]:
        """The labels that say all this on a thing."""
        return {
            f"{LABEL}run": self.run,
            f"{LABEL}owner-pid": str(self.pid),
            f"{LABEL}owner-start": f"{self.started:.2f}",
            f"{LABEL}owner-machine": self.machine,
            f"{LABEL}keep": str(self.keep).lower(),
            f"{LABEL}selector": self.selector,
        }

    def env(self) -> dict[str, str]:
        """What a program that is started for the world carries in its environment."""
        return {OWNER_VARIABLE: json.dumps(asdict(self))}

    def is_dead(self) -> bool:
        """The process is gone, or its pid belongs to another by now. On another host nobody can tell: not dead."""
        host, _, boot = self.machine.partition("/")
        own_host, _, own_boot = _machine().partition("/")
        if host != own_host:
            return False
        if boot != own_boot:
            return True
        try:
            process = psutil.Process(self.pid)
            zombie = process.status() == psutil.STATUS_ZOMBIE
            return zombie or abs(process.create_time() - self.started) > START_TOLERANCE
        except psutil.NoSuchProcess:
            return True

    def for_things(self, selector: str) -> Owner:
        """The same owner, of all things that carry a label."""
        return replace(self, selector=selector)

    def __str__(self) -> str:
        state = "dead" if self.is_dead() else "running"
        return f"run {self.run} (pid {self.pid}, {state}{', kept' if self.keep else ''})"


@dataclass(frozen=True)
class Mark:
    """The volume that says whose a world is."""

    owner: Owner
    thing: Thing

    def belongings(self, env: Mapping[str, str]) -> list[Thing]:
        """All that the world consists of, in the order in which it can be removed; the mark comes last."""
        selected = things(env, f"label={self.owner.selector}") if self.owner.selector else []
        return [*(thing for thing in selected if thing != self.thing), self.thing]


def mark_of(owner: Owner, name: str) -> Mark:
    """The mark of a world under a name, which is yet to be set."""
    return Mark(owner, Thing(Kind.VOLUME, name, name, owner.labels()))


def set_mark(mark: Mark, env: Mapping[str, str]) -> None:
    """Set the mark of a world, once :func:`refuse_foreign` has found its name free.

    Whoever sets it has already seen to it that it is removed: an interrupt may come in the middle.
    """
    labels = [part for key, value in mark.owner.labels().items() for part in ("--label", f"{key}={value}")]
    run(["docker", "volume", "create", *labels, mark.thing.name], env=env)


def refuse_foreign(owner: Owner, env: Mapping[str, str]) -> None:
    """Refuse a world whose name is taken by things without our mark.

    Raises:
        Trouble: it names them and says that nothing was touched.
    """
    standing = things(env, f"label={owner.selector}")
    if standing:
        names = ", ".join(str(thing) for thing in standing)
        raise Trouble(
            f"{owner.selector.rpartition('=')[2]} stands on this engine without our mark: {names}. It is neither "
            "adopted nor removed",
            next_command=f"docker ps --all --filter label={owner.selector}",
        )


def free_mark(owner: Owner, selector: str, env: Mapping[str, str]) -> Mark:
    """The mark of a world that is yet to be made, named like the value of the label that all of it will carry.

    Raises:
        Trouble: things without our mark carry that label already.
    """
    owner = owner.for_things(selector)
    refuse_foreign(owner, env)
    return mark_of(owner, selector.rpartition("=")[2])


def newest_kept(label: str, env: Mapping[str, str]) -> Mark | None:
    """The mark of the world that was kept last, of those whose things carry a label; nobody holds it any more."""
    kept = [mark for mark in marks(env) if mark.owner.keep and mark.owner.selector.startswith(f"{label}=")]
    return max(kept, key=lambda mark: mark.owner.started, default=None)


def marks(env: Mapping[str, str]) -> list[Mark]:
    """Every mark on the engine, of whatever run."""
    marked = things(env, f"label={LABEL}run", kinds=(Kind.VOLUME,))
    return [Mark(owner, thing) for thing in marked if (owner := Owner.of(thing.labels))]


def sweep(env: Mapping[str, str], progress: Progress) -> list[Thing]:
    """Remove what is dead, unkept and ours, and nothing else; what was removed.

    Raises:
        Trouble: something of ours resists removal; the rest is removed all the same.
    """
    for pid in end_orphans():
        progress(f"ended pid {pid}, which a dead run had started")
    removed: list[Thing] = []
    resisting: list[str] = []
    for mark in _abandoned(env):
        gone, staying = remove_world(mark, env)
        for thing in gone:
            progress(f"removed {thing}, which dead {mark.owner} had left")
        removed += gone
        resisting += staying
    if resisting:
        raise Trouble("what a dead run left cannot be removed: " + "; ".join(resisting))
    return removed


def remove_world(mark: Mark, env: Mapping[str, str]) -> tuple[list[Thing], list[str]]:
    """Remove all of a world; what was removed, and what resists.

    The mark stays while anything else does, so that the next run still knows whose it is.
    """
    removed: list[Thing] = []
    resisting: list[str] = []
    for thing in mark.belongings(env):
        if thing == mark.thing and resisting:
            break
        if refusal := remove(thing, env):
            resisting.append(f"{thing}: {refusal}")
        else:
            removed.append(thing)
    return removed, resisting


def remove_own(mark: Mark, env: Mapping[str, str]) -> None:
    """Remove all of a world.

    Raises:
        Trouble: something resists; names it.
    """
    _, resisting = remove_world(mark, env)
    if resisting:
        raise Trouble("it cannot be removed: " + "; ".join(resisting), where=mark.thing.name)


def _abandoned(env: Mapping[str, str]) -> list[Mark]:
    """Marks, and things that are labelled one by one, of dead and unkept owners."""
    marked = [Mark(owner, thing) for thing in things(env, f"label={LABEL}run") if (owner := Owner.of(thing.labels))]
    return [mark for mark in marked if mark.owner.is_dead() and not mark.owner.keep]


def end_orphans() -> list[int]:
    """End the programs that a dead run had started and left; they would go on making things."""
    orphans = [process for process in psutil.process_iter() if _is_orphan(process)]
    for process in orphans:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, staying = psutil.wait_procs(orphans, timeout=ORPHAN_GONE)
    for process in staying:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(staying, timeout=ORPHAN_GONE)
    return [process.pid for process in orphans]


def _is_orphan(process: psutil.Process) -> bool:
    try:
        told = process.environ().get(OWNER_VARIABLE)
        return told is not None and Owner(**json.loads(told)).is_dead()
    except (psutil.Error, OSError, ValueError, TypeError):
        return False


@cache
def _machine() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id")
    started = boot.read_text(encoding="ascii").strip() if boot.exists() else f"{psutil.boot_time():.0f}"
    return f"{platform.node()}/{started}"
