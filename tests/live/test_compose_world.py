"""A Compose project of ours, started, stopped, killed and crowded: what is ours goes, what is not stays."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from blueprint.live import BringUp, Stock
from blueprint.rules.live_compose import unhealthy_containers
from blueprint.trouble import Trouble
from provision.engine_lock import engine_id, engine_lock
from provision.host import engine
from provision.images import ensure
from provision.ledger import Kind, Ledger, things
from provision.ownership import LABEL, PREFIX, Owner, marks, sweep
from provision.processes import Running, run, start
from provision.waiting import Deadline, until
from tests.cut_line import CutLine
from tests.verifying import ROOT, Verified, begin, verify
from worlds import compose_acts as acts
from worlds.compose import FILE, PROJECT_LABEL
from worlds.compose_opening import Choices, open_project

STARTS = 20
REACHED = Deadline("the run to reach the point where it is hurt", 120)
SOON = Deadline("the engine", 2)
LOST_IS_TOLD = Deadline("a run to tell that its engine is gone", 15)
ENDED = Deadline("the run that was hurt to end", 120)
SAMPLE = """
name: sample
services:
  gateway:
    profiles: [default]
    image: {image}
    init: true
    stop_grace_period: 2s
    command: [python3, -c, "import http.server as s; s.test(s.SimpleHTTPRequestHandler, port=8010)"]
    ports: ["127.0.0.1:8010:8010"]
    volumes: ["data:/data", /cache]
    healthcheck:
      test: [CMD, python3, -c, "import socket; socket.create_connection(('127.0.0.1', 8010), 1)"]
      interval: 1s
      start_period: 20s
volumes:
  data: {{}}
"""
FOREIGN = SAMPLE.replace('    ports: ["127.0.0.1:8010:8010"]\n', "").replace("name: sample", "name: {project}")


@pytest.fixture(scope="session")
def env() -> dict[str, str]:
    """The environment that leads to the engine."""
    return engine().env()


@pytest.fixture(scope="session")
def image(env: Mapping[str, str]) -> str:
    """A small image with a shell and a Python."""
    del env
    return next(record.reference for record in ensure(["python"], engine(), overlay=None) if record.name == "python")


@pytest.fixture
def subject(tmp_path: Path, image: str) -> Path:
    """A checkout that holds a Compose file of one small service, and nothing else."""
    return _subject(tmp_path / "subject", SAMPLE.format(image=image))


def _subject(root: Path, text: str) -> Path:
    (root / "infra").mkdir(parents=True)
    (root / FILE).write_text(text)
    return root


def ours(env: Mapping[str, str]) -> set[str]:
    """Everything on the engine that has the name of a world of ours, or a mark; images may be built meanwhile."""
    return {str(thing) for thing in things(env) if thing.name.startswith(PREFIX) or f"{LABEL}run" in thing.labels}


@pytest.fixture(autouse=True)
def clean(env: Mapping[str, str]) -> Iterator[None]:
    """Nothing of ours stands before, and nothing that a test made stands after it."""
    sweep(env, print)
    before = ours(env)
    yield
    assert ours(env) <= before


@dataclass(frozen=True)
class Stranger:
    """Things of somebody else: a Compose project, a lone container, a volume, a network."""

    project: str
    things: frozenset[str]
    running: str


@pytest.fixture
def stranger(tmp_path: Path, env: Mapping[str, str], image: str) -> Iterator[Stranger]:
    """A stranger whose project has the name that the subject's own Compose file has."""
    with _stranger(tmp_path / "stranger", "sample", env, image) as standing:
        yield standing


@contextmanager
def _stranger(root: Path, project: str, env: Mapping[str, str], image: str) -> Iterator[Stranger]:
    _subject(root, FOREIGN.format(image=image, project=project))
    command = ["docker", "compose", "-f", FILE]
    chosen = {**env, "COMPOSE_PROFILES": "default"}
    alone = f"{project}-alone"
    run([*command, "up", "--wait"], cwd=root, env=chosen)
    run(["docker", "run", "--detach", "--init", "--name", alone, image, "sleep", "600"], env=env)
    run(["docker", "volume", "create", alone], env=env)
    run(["docker", "network", "create", alone], env=env)
    try:
        yield Stranger(project, frozenset(_named(project, env)), _running(project, env))
    finally:
        run(["docker", "rm", "--force", alone], env=env)
        run(["docker", "volume", "rm", alone], env=env)
        run(["docker", "network", "rm", alone], env=env)
        run([*command, "down", "-v"], cwd=root, env=chosen)


def _named(project: str, env: Mapping[str, str]) -> list[str]:
    return [str(thing) for thing in things(env) if thing.name.startswith(project)]


def _running(project: str, env: Mapping[str, str]) -> str:
    """Ids and start times of a stranger's containers: that nobody stopped and started them either."""
    ids = [thing.id for thing in things(env, kinds=(Kind.CONTAINER,)) if thing.name.startswith(project)]
    return run(
        ["docker", "inspect", "--format", "{{.Id}} {{.State.StartedAt}} {{.State.Running}}", *ids], env=env
    ).stdout


def is_untouched(stranger: Stranger, env: Mapping[str, str]) -> bool:
    """All of it stands, and runs as it ran."""
    now = frozenset(_named(stranger.project, env)), _running(stranger.project, env)
    return now == (stranger.things, stranger.running)


# starting and stopping


def test_twenty_starts_and_stops_leave_nothing_and_change_no_verdict(subject: Path, env: Mapping[str, str]) -> None:
    before, verdicts = Ledger.taken(env), set()
    for _ in range(STARTS):
        with open_project(Choices(subject), print) as opened:
            up = BringUp.of(acts.brought_up(opened.project, "default"))
            findings = unhealthy_containers(up)
            verdicts.add((findings.examined, findings.found, findings.observed))
    after = Ledger.taken(env).since(before)
    assert verdicts == {(frozenset({"gateway"}), (), "1 of 1 containers healthy with default")}
    assert not {str(thing) for thing in after.things} & ours(env)
    assert 8010 not in after.ports
    assert not [thing for thing in after.things if thing.kind is Kind.VOLUME]


def test_a_start_that_fails_half_way_is_torn_down(tmp_path: Path, image: str, env: Mapping[str, str]) -> None:
    text = SAMPLE.format(image=image).replace("import socket; socket.create_connection", "raise SystemExit(1) #")
    subject = _subject(tmp_path / "subject", text.replace("start_period: 20s", "retries: 1"))
    with open_project(Choices(subject), print) as opened:
        up = BringUp.of(acts.brought_up(opened.project, "default"))
        assert up.exit_code == 1
        assert "unhealthy" in str(unhealthy_containers(up).found[0])
        assert any(name.startswith("container") for name in ours(env))
    assert not ours(env)


def test_down_is_idempotent_and_what_it_leaves_is_known(subject: Path) -> None:
    with open_project(Choices(subject), print) as opened:
        acts.brought_up(opened.project, "default")
        seen = acts.taken_down(opened.project, "default")
        again = acts.taken_down(opened.project, "default")
    before, nothing = Stock.of(seen["before"]), Stock()
    assert (len(before.containers), len(before.networks), len(before.volumes), len(before.ports)) == (1, 1, 2, 1)
    assert (seen["exit_code"], again["exit_code"]) == (0, 0)
    assert [Stock.of(stock) for stock in (seen["after"], again["before"], again["after"])] == [nothing] * 3


def test_a_left_over_is_seen(subject: Path, env: Mapping[str, str]) -> None:
    with open_project(Choices(subject), print) as opened:
        name = opened.project.name
        label = f"{PROJECT_LABEL}={name}"
        acts.brought_up(opened.project, "default")
        run(["docker", "volume", "create", "--label", label, f"{name}_forgotten"], env=env)
        assert acts.taken_down(opened.project, "default")["after"] == {
            "containers": [],
            "networks": [],
            "volumes": [f"{name}_forgotten"],
            "ports": [],
        }


def test_a_kept_world_is_left_alone_and_taken_up_by_reuse(subject: Path, env: Mapping[str, str]) -> None:
    with open_project(Choices(subject, keep=True), print) as opened:
        acts.brought_up(opened.project, "default")
        first = opened.project.name, opened.project.containers()
    with pytest.raises(Trouble, match=rf"{first[0]}, which run \w+ .*kept.* stands on this engine and has the ports"):
        _up_and_down(subject)
    assert {str(thing) for thing in things(env, f"label={PROJECT_LABEL}={first[0]}")} <= ours(env)
    with open_project(Choices(subject, reuse=True), print) as opened:
        assert opened.taken_up
        assert (opened.project.name, opened.project.containers()) == first
        assert acts.brought_up(opened.project, "default")["exit_code"] == 0
    assert not ours(env)


def _up_and_down(subject: Path) -> None:
    with open_project(Choices(subject), print) as opened:
        acts.brought_up(opened.project, "default")


# runs that end badly


@dataclass(frozen=True)
class Point:
    """A moment of a run: what its output or the engine shows then."""

    is_reached: Callable[[Running, Mapping[str, str]], bool]


POINTS = {
    "marked": Point(lambda _, env: bool(marks(env))),
    "containers": Point(lambda _, env: any(name.startswith("container") for name in ours(env))),
    "healthy": Point(lambda child, _: "is healthy" in child.output),
    "going-down": Point(lambda child, _: "Stopping" in child.output),
}
RUN = """
import sys
from pathlib import Path
from provision.waiting import Deadline, until
from worlds import compose_acts as acts
from worlds.compose_opening import Choices, open_project
from worlds.lost import WorldLost
import signal

def interrupt(*_):
    raise KeyboardInterrupt

signal.signal(signal.SIGTERM, interrupt)
with open_project(Choices(Path(sys.argv[1])), lambda line: print(line, flush=True)) as opened:
    acts.brought_up(opened.project, "default")
    print("is healthy", flush=True)
    if sys.argv[2] == "going-down":
        print("Stopping", flush=True)
    else:
        signal.pause()
"""


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
def test_what_a_hurt_run_leaves_the_next_one_removes(
    how: signal.Signals, point: str, subject: Path, env: Mapping[str, str], stranger: Stranger
) -> None:
    argv = [sys.executable, "-c", RUN, str(subject), point]
    with start(argv, env={"PYTHONPATH": str(ROOT)}, log=subject / "run.log") as child:
        until(lambda: POINTS[point].is_reached(child, env), bool, REACHED, every=0.05)
        child.signal(how)
        child.wait(ENDED)
    if how is not signal.SIGKILL:
        assert not ours(env), child.output
    with open_project(Choices(subject), print) as opened:
        assert acts.brought_up(opened.project, "default")["exit_code"] == 0
        alive = {str(thing) for thing in things(env, f"label={opened.project.selector}")}
        assert ours(env) == {*alive, f"volume {opened.project.name}"}
    assert not ours(env)
    assert is_untouched(stranger, env)


# other runs, strangers, and an engine that goes


def test_a_second_run_waits_for_the_first_and_touches_nothing_of_it(subject: Path, env: Mapping[str, str]) -> None:
    argv = [sys.executable, "-c", RUN, str(subject), "healthy"]
    with start(argv, env={"PYTHONPATH": str(ROOT)}, log=subject / "run.log") as first:
        until(lambda: POINTS["healthy"].is_reached(first, env), bool, REACHED)
        standing = ours(env)
        assert not sweep(env, print)
        said: list[str] = []
        with (
            pytest.raises(Trouble, match=rf"the engine is held by run \w+ \(pid {first.pid}, running\)"),
            engine_lock(engine_id(env), Owner.current(), said.append, SOON),
        ):
            pass
        assert ours(env) == standing
        assert len(said) == 1
        first.signal(signal.SIGINT)
        with open_project(Choices(subject), print) as opened:
            assert opened.swept == ()
        first.wait(ENDED)


def test_a_stranger_of_our_own_name_is_refused_and_runs_on(
    subject: Path, tmp_path: Path, env: Mapping[str, str], image: str
) -> None:
    with _stranger(tmp_path / "other", "soma-verify-taken", env, image) as other:
        refusal = pytest.raises(Trouble, match="soma-verify-taken stands on this engine without our mark")
        with refusal, open_project(Choices(subject, name="soma-verify-taken"), print):
            pass
        assert is_untouched(other, env)


def test_a_port_that_a_process_has_is_refused_by_name(subject: Path, env: Mapping[str, str]) -> None:
    with (
        socket.create_server(("127.0.0.1", 8010)),
        pytest.raises(Trouble, match=rf"port 8010, which gateway publishes, is held by .*\(pid {os.getpid()}\)"),
        open_project(Choices(subject), print) as opened,
    ):
        acts.brought_up(opened.project, "default")
    assert not ours(env)


@pytest.fixture
def cut_line(tmp_path: Path, env: Mapping[str, str]) -> Iterator[CutLine]:
    """A way to the engine that can be cut, as if the daemon had died."""
    real = env.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
    with CutLine(tmp_path / "line.sock", Path(real)) as line:
        yield line


LOST = """
import sys
import time
from pathlib import Path
from provision.waiting import Deadline, until
from worlds import compose_acts as acts
from worlds.compose_opening import Choices, open_project
from worlds.lost import WorldLost

with open_project(Choices(Path(sys.argv[1])), lambda line: print(line, flush=True)) as opened:
    acts.brought_up(opened.project, "default")
    print("is healthy", flush=True)
    try:
        until(opened.project.ps, lambda _: False, Deadline("the engine to go", 60))
    except WorldLost as lost:
        print(lost)
    started = time.monotonic()
    try:
        acts.killed(opened.project, "gateway")
    except WorldLost:
        print(f"told again at once: {time.monotonic() - started < 0.1}")
"""


def test_an_engine_that_goes_is_told_at_once_and_the_next_run_cleans_up(
    subject: Path, env: Mapping[str, str], cut_line: CutLine
) -> None:
    argv, log = [sys.executable, "-c", LOST, str(subject)], subject / "run.log"
    with start(argv, env={"PYTHONPATH": str(ROOT), "DOCKER_HOST": cut_line.address}, log=log) as child:
        until(lambda: "is healthy" in child.output, bool, REACHED)
        cut_line.cut()
        assert child.wait(LOST_IS_TOLD) == 0, child.output
    assert f"{cut_line.address}: the container engine stopped answering: " in child.output
    assert "told again at once: True" in child.output
    assert "the engine is gone: the next run removes what is left of soma-verify-" in child.output
    assert ours(env)
    with open_project(Choices(subject), print) as opened:
        assert {thing.kind for thing in opened.swept} == set(Kind)


# whole verify sessions, over a subject that is small


def judged(verified: Verified) -> dict[tuple[str, str], str]:
    """The verdicts of the cases that were to be proven."""
    return {key: verdict for key, verdict in verified.verdicts("compose").items() if verdict != "not_yet"}


@contextmanager
def session(subject: Path, env: Mapping[str, str] | None = None) -> Iterator[Running]:
    """A verify session over the subject that has brought the profile default up."""
    arguments = ("--tier=compose", f"--subject={subject}", "--trust-subject")
    with begin(subject / "out", subject / "run.log", *arguments, env=env) as child:
        until(lambda: "Healthy" in child.output, bool, REACHED)
        yield child


def test_a_session_whose_engine_goes_errors_the_rest_at_once(
    subject: Path, env: Mapping[str, str], cut_line: CutLine
) -> None:
    with session(subject, {"DOCKER_HOST": cut_line.address}) as child:
        cut_line.cut()
        status = child.wait(LOST_IS_TOLD)
    done = Verified(status, child.output, subject / "out")
    errors = [case for case in done.cases("compose").values() if case["verdict"] == "error"]
    assert status == 1
    assert len(errors) >= len(judged(done)) - 1, child.output
    assert any("the container engine stopped answering" in case["message"] for case in errors)
    with open_project(Choices(subject), print):
        pass
    assert not ours(env)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
def test_a_session_that_is_hurt_leaves_its_verdicts_and_nothing_else(
    how: signal.Signals, subject: Path, env: Mapping[str, str], stranger: Stranger
) -> None:
    with session(subject) as child:
        child.signal(how)
        child.wait(ENDED)
    if how is not signal.SIGKILL:
        assert not ours(env), child.output
        document = Verified(1, "", subject / "out").document
        assert any("interrupted" in reason for reason in document["summary"]["broken"])
    with open_project(Choices(subject), print):
        pass
    assert not ours(env)
    assert is_untouched(stranger, env)


def test_a_session_that_finds_the_port_taken_says_by_whom(subject: Path, env: Mapping[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 8010)):
        done = verify(subject / "out", "--tier=compose", f"--subject={subject}", "--trust-subject")
    assert done.exit_code == 1
    assert set(judged(done).values()) == {"error"}
    for case in done.cases("compose").values():
        if case["verdict"] == "error":
            assert f"(pid {os.getpid()})" in case["message"]
    assert not ours(env)


def test_a_failing_proof_leaves_logs_and_what_the_engine_knew(tmp_path: Path, image: str) -> None:
    text = SAMPLE.format(image=image).replace("import http.server as s; s.test(", "print('cannot go on'); exit(7) #")
    subject = _subject(tmp_path / "subject", text.replace("start_period: 20s", "retries: 1"))
    done = verify(tmp_path / "out", "--tier=compose", f"--subject={subject}", "--trust-subject", "-k", "default_comes")
    case = done.cases("compose")["CMP-011", "default"]
    (folder,) = (tmp_path / "out" / "failures").iterdir()
    assert case["verdict"] == "fail"
    assert "gateway: exited (exit code 7) after the bring-up of default" in {
        f"{finding['key']}: {finding['what']}" for finding in case["findings"]
    }
    assert folder.name == "compose.test_local_environment.py.test_default_comes_up"
    assert {path.name for path in folder.iterdir()} == {"compose.log", "containers.json", "ps.json"}
    assert "cannot go on" in (folder / "compose.log").read_text()
    assert json.loads((folder / "containers.json").read_text())[0]["State"]["ExitCode"] == 7


def test_a_session_that_keeps_leaves_the_stack_standing_for_the_next(subject: Path, env: Mapping[str, str]) -> None:
    chosen = ("--tier=compose", f"--subject={subject}", "--trust-subject", "-k", "default_comes or down_leaves")
    kept = verify(subject / "out", *chosen, "--keep")
    left = ours(env)
    taken_up = verify(subject / "out", *chosen, "--reuse")
    cases = [("CMP-011", "default"), ("CMP-018", "whole")]
    assert [done.verdicts("compose")[case] for done in (kept, taken_up) for case in cases] == ["pass"] * 4, kept.output
    assert len([name for name in left if name.startswith("container")]) == 1
    assert "taking up soma-verify-" in taken_up.output
    assert not ours(env)
