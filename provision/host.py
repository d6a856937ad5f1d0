"""What the machine needs before anything can be stood up: ``python -m provision.host [--yes] [--down [--purge]]``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from platformdirs import user_cache_path

from blueprint.trouble import Trouble
from provision import changes, leavings, network_traces, packages, private_daemon
from provision.changes import Changes
from provision.engine import NEXT, ComposeLacking, Engine, NoEngine, docker_config_path, engine, place_compose
from provision.host_plan import Plan, plan, told
from provision.private_daemon import Layout
from provision.privilege import require_privileged
from provision.processes import ProgramFailed
from provision.steps import step
from provision.tools import read_table, tool, whereabouts
from provision.turns import turn

__all__ = ["Engine", "engine", "main"]

_BUSY_SECONDS = 1800.0


def main(argv: Sequence[str] | None = None, layout: Layout | None = None) -> int:
    """Run the command; 0 when the machine is as asked or the plan was shown, 2 where the reader has to act."""
    parser = argparse.ArgumentParser(prog="nox -s host --", description=__doc__)
    parser.add_argument("--yes", action="store_true", help="install and start what this machine lacks")
    parser.add_argument("--down", action="store_true", help="stop our engine and put back what it changed")
    parser.add_argument("--purge", action="store_true", help="with --down: delete its images and volumes too")
    asked = parser.parse_args(argv)
    place = layout or Layout()
    try:
        return down(place, purge=asked.purge) if asked.down else up(place, yes=asked.yes)
    except Trouble as trouble:
        print(trouble, file=sys.stderr, flush=True)  # noqa: T201 - a command line speaks
        return 2
    except KeyboardInterrupt:
        _say("stopped half-way; the same command again goes on from there")
        return 130


def up(layout: Layout, *, yes: bool) -> int:
    """Bring the machine to a fit engine, or say what that would take."""
    try:
        found = engine()
    except ComposeLacking as lacking:
        return _up_with_compose(lacking, yes=yes)
    except NoEngine as silence:
        return _up_with_engine(layout, plan(layout, silence), yes=yes)
    require_privileged(found)
    _say(f"nothing to do: {_described(found)}")
    _say_tools()
    return 0


def _up_with_compose(lacking: ComposeLacking, *, yes: bool) -> int:
    if not yes:
        _say_plan(lacking.what, [f"fetch Docker Compose as a plugin of our own in {docker_config_path()}"])
        return 0
    _fetch_compose()
    found = engine()
    require_privileged(found)
    _say(f"fit: {_described(found)}")
    return 0


def _up_with_engine(layout: Layout, chosen: Plan, *, yes: bool) -> int:
    if not yes:
        _say_plan("no container engine answers on this machine", told(chosen, layout))
        return 0
    with _alone(layout):
        try:
            engine()  # another run may have brought it up while we waited for our turn
        except ComposeLacking:
            pass
        except NoEngine as silence:
            _install_and_start(layout, plan(layout, silence))
        _finish()
    return 0


def _install_and_start(layout: Layout, chosen: Plan) -> None:
    _say_plan("doing", told(chosen, layout), done=True)
    _install(layout, chosen)
    with step(_say, "engine", f"starting it; its log is {layout.log}"):
        private_daemon.start(layout)


def _install(layout: Layout, chosen: Plan) -> None:
    """Install packages and write down, before anything changes, what will have to be put back."""
    brings = chosen.brings
    if chosen.wanted and not brings:
        with step(_say, "packages", "fetching the package lists") as line:
            packages.update(line)
        brings = packages.would_install(chosen.wanted)
    _write_down(layout, brings)
    if not chosen.wanted:
        return
    with step(_say, "packages", f"installing {' '.join(chosen.wanted)}") as line:
        try:
            packages.install(chosen.wanted, line)
        except ProgramFailed as failure:
            if not packages.lists_are_missing(failure):
                raise
            packages.update(line)
            packages.install(chosen.wanted, line)


def _write_down(layout: Layout, brings: Sequence[str]) -> None:
    """What was there before; what an installation that was cut off has written down stays written."""
    before = changes.read(_ledger(layout))
    here = changes.boot_id()
    same_boot = before is not None and before.boot == here
    changes.write(
        _ledger(layout),
        Changes(
            packages=tuple(dict.fromkeys([*(before.packages if before else ()), *brings])),
            absent=before.absent if before else leavings.absent(),
            boot=here,
            traces=before.traces if before and same_boot else network_traces.look(),
        ),
    )


def _finish() -> None:
    try:
        found = engine()
    except ComposeLacking:
        _fetch_compose()
        found = engine()
    with step(_say, "engine", "trying a privileged container"):
        require_privileged(found)
    _say(f"fit: {_described(found)}")
    if exports := " ".join(f"{name}={value}" for name, value in found.env().items()):
        _say(f"to use it by hand: export {exports}")
    _say("to stop it and put things back: nox -s host -- --down")
    _say_tools()


def _fetch_compose() -> None:
    place_compose(tool("compose", _say).path)


def down(layout: Layout, *, purge: bool) -> int:
    """Stop our engine and put back what it changed; what is kept is named."""
    written = changes.read(_ledger(layout))
    process = private_daemon.living(layout)
    if written is None and process is None and not (purge and layout.data.exists()):
        _say("nothing to put back: no engine of ours is on this machine")
        _say_kept(layout)
        return 0
    if os.geteuid() != 0:
        raise Trouble("stopping the engine and putting things back takes root", next_command=f"sudo {NEXT[:-5]}--down")
    with _alone(layout):
        _stop(layout)
        if written:
            _put_back(layout, written)
        if purge:
            private_daemon.forget_data(layout)
            _say(f"deleted {layout.state}")
        else:
            for path in (layout.settings, layout.shim, layout.log):
                path.unlink(missing_ok=True)
    _say_kept(layout)
    return 0


def _stop(layout: Layout) -> None:
    if private_daemon.living(layout) and (names := private_daemon.running_containers(layout)):
        _say(f"containers that stop with it: {' '.join(names)}")
    with step(_say, "engine", "stopping it"):
        was_up = private_daemon.stop(layout)
    if not was_up:
        _say("engine: it was not running")


def _put_back(layout: Layout, written: Changes) -> None:
    if written.boot == changes.boot_id():
        for done in network_traces.restore(written.traces):
            _say(f"network: {done}")
    present = packages.installed(written.packages) if written.packages else frozenset()
    if present and (others := packages.needed_by_others(present)):
        _say(f"packages: {' '.join(sorted(present))} stay, since {' '.join(others)} need them now")
    elif present:
        with step(_say, "packages", f"removing {' '.join(sorted(present))}") as line:
            packages.remove(sorted(present), purge=leavings.DATA in written.absent, on_line=line)
        for done in leavings.remove(written.absent):
            _say(f"files: {done}")
    _ledger(layout).unlink()


def _say_kept(layout: Layout) -> None:
    if layout.data.exists():
        _say(f"kept: images and volumes in {layout.data}; nox -s host -- --down --purge deletes them")
    if (cache := user_cache_path("soma-verify")).exists():
        _say(f"kept: fetched tools in {cache}; rm -r {cache} deletes them")


def _alone(layout: Layout) -> AbstractContextManager[None]:
    """One at a time: two that install side by side would write down each other's changes as the machine's own."""
    lock = user_cache_path("soma-verify") / f"host{str(layout.state).replace('/', '-')}.lock"
    return turn(lock, "preparing this machine", _BUSY_SECONDS, _say)


def _ledger(layout: Layout) -> Path:
    return layout.state / "changes.json"


def _described(found: Engine) -> str:
    whose = "ours" if found.ours else "of this machine"
    return (
        f"the engine {found.version} at {found.address} ({whose}) answers, runs privileged containers, "
        f"and has Docker Compose {found.compose_version}"
    )


def _say_plan(head: str, lines: Sequence[str], *, done: bool = False) -> None:
    _say(f"{head}:" if done else f"{head}. `{NEXT}` would")
    for line in lines:
        _say(f"  - {line}")
    if not done:
        _say_tools()
        _say(f"Nothing was changed.\n  next: {NEXT}")


def _say_tools() -> None:
    for name in read_table():
        _say(f"  tool: {whereabouts(name)}")


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a command line speaks


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # leave as after Ctrl-C: children ended, nothing open
    sys.exit(main())
