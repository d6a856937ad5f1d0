"""Whose a thing is, and that nothing else is ever removed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blueprint.trouble import Trouble
from provision import ownership
from provision.engine_lock import engine_lock
from provision.ledger import Kind, Ledger, Thing, holder_of, listening
from provision.ownership import OWNER_VARIABLE, Owner, refuse_foreign, sweep
from provision.processes import run, start
from provision.waiting import Deadline, until

SOON = Deadline("the engine", 0.6)
HELD = Deadline("the other process to hold the lock", 20)
OURS = "com.docker.compose.project=soma-verify-"


class Engine:
    """An engine in memory: things that stand, and a filter on labels as Docker has it."""

    def __init__(self, standing: list[Thing]) -> None:
        self.standing = standing
        self.removed: list[Thing] = []
        self.resisting: set[str] = set()

    def things(self, _env: object, *filters: str, kinds: Iterable[Kind] = Kind) -> list[Thing]:
        """What stands and carries the labels."""
        wanted = [one.removeprefix("label=").partition("=") for one in filters]
        chosen = set(kinds)
        return [thing for thing in self.standing if thing.kind in chosen and _matches(thing, wanted)]

    def remove(self, thing: Thing, _env: object) -> str:
        """Take it away, or say what stands in the way."""
        if thing.name in self.resisting:
            return "device or resource busy"
        self.removed.append(thing)
        self.standing.remove(thing)
        return ""


def _matches(thing: Thing, wanted: list[tuple[str, str, str]]) -> bool:
    return all(key in thing.labels and (not eq or thing.labels[key] == value) for key, eq, value in wanted)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    fake = Engine([])
    monkeypatch.setattr(ownership, "things", fake.things)
    monkeypatch.setattr(ownership, "remove", fake.remove)
    monkeypatch.setattr(ownership, "end_orphans", list)
    return fake


def world(owner: Owner) -> list[Thing]:
    """A mark and what Compose makes of a project."""
    project = f"soma-verify-{owner.run}"
    labels = {"com.docker.compose.project": project}
    made = [Thing(kind, f"{project}-{kind}", f"{project}-{kind}", labels) for kind in Kind]
    mark = owner.for_things(f"com.docker.compose.project={project}")
    return [*made, Thing(Kind.VOLUME, project, project, mark.labels())]


def dead(run_id: str = "dead") -> Owner:
    return replace(Owner.current(run=run_id), started=1.0)


def quiet(_line: str) -> None:
    """A listener that keeps nothing."""


def test_an_owner_comes_back_from_its_labels() -> None:
    owner = replace(Owner.current(keep=True), started=1234.5).for_things("a=b")
    assert Owner.of(owner.labels()) == owner


@pytest.mark.parametrize("labels", [{}, {"soma.verify/run": "x"}, {"com.docker.compose.project": "soma-verify-x"}])
def test_labels_that_are_not_all_there_name_no_owner(labels: dict[str, str]) -> None:
    assert Owner.of(labels) is None


def test_an_owner_dies_with_its_process_and_not_before() -> None:
    with start([sys.executable, "-c", "input()"]) as child:
        owner = replace(Owner.current(), pid=child.pid, started=psutil.Process(child.pid).create_time())
        child.stop()
    own = Owner.current()
    host, _, boot = own.machine.partition("/")
    assert {
        "this process": own.is_dead(),
        "an ended one": owner.is_dead(),
        "another process under that pid": replace(own, started=own.started - 60).is_dead(),
        "before the last boot": replace(own, machine=f"{host}/earlier").is_dead(),
        "another host's": replace(own, machine=f"elsewhere/{boot}", pid=1 << 22).is_dead(),
    } == {
        "this process": False,
        "an ended one": True,
        "another process under that pid": True,
        "before the last boot": True,
        "another host's": False,
    }


def test_a_dead_world_is_removed_whole_and_its_mark_last(engine: Engine) -> None:
    engine.standing = world(dead())
    removed = sweep({}, quiet)
    assert [thing.kind for thing in removed] == [*Kind, Kind.VOLUME]
    assert removed[-1].name == "soma-verify-dead"
    assert engine.standing == []


def test_what_resists_is_told_and_keeps_its_mark_and_nothing_else(engine: Engine) -> None:
    engine.standing = world(dead())
    engine.resisting = {"soma-verify-dead-network"}
    with pytest.raises(Trouble, match="network soma-verify-dead-network: device or resource busy"):
        sweep({}, quiet)
    assert [thing.name for thing in engine.standing] == ["soma-verify-dead-network", "soma-verify-dead"]


owners = st.builds(
    lambda run_id, gone, keep: replace(dead(run_id) if gone else Owner.current(run=run_id), keep=keep),
    st.sampled_from(["a1", "b2", "c3", "d4"]),
    st.booleans(),
    st.booleans(),
)
foreign = st.builds(
    lambda kind, name, labels: Thing(kind, f"their-{name}", f"their-{name}", labels),
    st.sampled_from(list(Kind)),
    st.integers(0, 99),
    st.sampled_from([{}, {"com.docker.compose.project": "soma"}, {"com.docker.compose.project": "soma-verify-zz"}]),
)


@given(st.lists(owners, unique_by=lambda owner: owner.run), st.lists(foreign, unique_by=lambda thing: thing.name))
def test_exactly_the_dead_and_unkept_goes(worlds: list[Owner], strangers: list[Thing]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        fake = Engine([*(thing for owner in worlds for thing in world(owner)), *strangers])
        patch.setattr(ownership, "things", fake.things)
        patch.setattr(ownership, "remove", fake.remove)
        patch.setattr(ownership, "end_orphans", list)
        sweep({}, quiet)
    staying = [owner for owner in worlds if owner.keep or not owner.is_dead()]
    assert set(fake.standing) == {*(thing for owner in staying for thing in world(owner)), *strangers}


def test_a_name_that_a_stranger_has_is_refused(engine: Engine) -> None:
    owner = Owner.current(run="taken").for_things(f"{OURS}taken")
    stranger = Thing(Kind.CONTAINER, "web", "web", {"com.docker.compose.project": "soma-verify-taken"})
    engine.standing = [stranger]
    with pytest.raises(Trouble, match="soma-verify-taken stands on this engine without our mark: container web"):
        refuse_foreign(owner, {})
    assert engine.standing == [stranger]


@pytest.fixture
def other_run(tmp_path: Path) -> Iterator[int]:
    """Another process that holds the lock of engine ``e``."""
    program = (
        "import sys; from pathlib import Path\n"
        "from provision.engine_lock import engine_lock; from provision.ownership import Owner\n"
        "with engine_lock('e', Owner.current(), print, folder=Path(sys.argv[1])):\n"
        "    print('held', flush=True); input()\n"
    )
    root = str(Path(__file__).parents[1])
    log = tmp_path / "other.log"
    argv = ["sh", "-c", f'sleep 60 | {sys.executable} -c "$0" $1', program, str(tmp_path)]
    with start(argv, env={"PYTHONPATH": root}, log=log) as child:
        until(lambda: child.output, lambda text: "held" in text, HELD)
        yield Owner(**json.loads((tmp_path / "e.owner").read_text())).pid


def test_a_second_run_waits_and_then_names_the_first(other_run: int, tmp_path: Path) -> None:
    said: list[str] = []
    with (
        pytest.raises(Trouble, match=rf"held by run \w+ \(pid {other_run}, running\) for more than"),
        engine_lock("e", Owner.current(), said.append, SOON, tmp_path),
    ):
        pass
    assert len(said) == 1
    assert f"pid {other_run}" in said[0]


def test_the_lock_of_a_killed_run_is_free(other_run: int, tmp_path: Path) -> None:
    psutil.Process(other_run).kill()
    with engine_lock("e", Owner.current(), quiet, HELD, tmp_path), engine_lock("e", Owner.current(), quiet, SOON):
        assert json.loads((tmp_path / "e.owner").read_text())["pid"] == os.getpid()


def test_programs_of_a_dead_run_are_ended_and_no_others() -> None:
    waiting = [sys.executable, "-c", "import signal; signal.pause()"]
    with (
        start(waiting, env=dead().env()) as orphan,
        start(waiting, env=Owner.current().env()) as living,
        start(waiting, env={OWNER_VARIABLE: "not JSON"}) as stranger,
    ):
        until(lambda: _environ(orphan.pid), bool, HELD)
        ended = ownership.end_orphans()
        assert (ended, living.poll(), stranger.poll()) == ([orphan.pid], None, None)


def _environ(pid: int) -> str:
    return psutil.Process(pid).environ().get(OWNER_VARIABLE, "")


def test_a_ledger_tells_what_came_since() -> None:
    old, new = Thing(Kind.VOLUME, "old", "1"), Thing(Kind.CONTAINER, "new", "2")
    before, after = Ledger(frozenset({old}), frozenset({80})), Ledger(frozenset({old, new}), frozenset({80, 8010}))
    assert str(after.since(before)) == "container new, port 8010"
    assert str(before.since(after)) == "nothing"


def test_a_port_names_its_holder() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert holder_of(port) == listening()[port]
        assert holder_of(port).endswith(f"(pid {os.getpid()})")
    assert holder_of(port) == ""


def test_a_holder_that_nobody_may_see_is_still_one(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refuse(kind: str) -> None:
        raise psutil.AccessDenied(msg=kind)

    monkeypatch.setattr(psutil, "net_connections", refuse)
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert holder_of(server.getsockname()[1]) == "a process that this user may not see"


def test_docker_is_asked_and_told_through_the_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "docker"
    program.write_text(
        '#!/bin/sh\necho "$@" >> $ASKED\ncase "$1 $2" in\n'
        "'container ls') echo c1;;\n"
        '\'container inspect\') echo \'[{"Id":"c1","Name":"/web","Config":{"Labels":null}}]\';;\n'
        "'volume ls') echo v1;;\n"
        '\'volume inspect\') echo \'[{"Name":"v1","Labels":{"a":"b"}}]\';;\n'
        "'volume rm') echo 'Error: no such volume' >&2; exit 1;;\n"
        "'container rm') echo 'Error: is running' >&2; exit 1;;\nesac\n"
    )
    program.chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "ASKED": str(tmp_path / "asked")}
    monkeypatch.setenv("PATH", env["PATH"])
    from provision import ledger

    found = ledger.things(env, "label=x")
    assert [(str(thing), dict(thing.labels)) for thing in found] == [("container web", {}), ("volume v1", {"a": "b"})]
    assert [ledger.remove(thing, env) for thing in found] == ["Error: is running", ""]
    asked = (tmp_path / "asked").read_text().splitlines()
    assert "container ls --quiet --all --filter label=x" in asked
    assert "container rm --force --volumes c1" in asked
    assert run(["true"]).exit_code == 0
