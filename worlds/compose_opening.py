"""Having a Compose project of our own, and leaving nothing of it behind."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from blueprint.trouble import Trouble
from provision.engine_lock import engine_id, engine_lock
from provision.host import Engine, engine
from provision.ledger import Thing, holder_of
from provision.ownership import (
    PREFIX,
    Mark,
    Owner,
    Progress,
    free_mark,
    newest_kept,
    remove_own,
    set_mark,
    sweep,
)
from provision.processes import run
from worlds.compose import EVERY_PROFILE, FILE, PROJECT_LABEL, QUICK, ComposeProject

SHELL_SIGNS = frozenset('"$`\\!\n')
"""Characters that a shell acts on between double quotes; pytest-docker puts the file's path there."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What whoever opens a project chose.

    Attributes:
        root: the subject.
        keep: leave the project standing.
        reuse: take up a project that was kept, where there is one.
        name: of the project; by default one that holds the id of the run.
    """

    root: Path
    keep: bool = False
    reuse: bool = False
    name: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """A project that is ours while the ``with`` lasts."""

    project: ComposeProject
    engine: Engine
    swept: tuple[Thing, ...]
    taken_up: bool


@contextmanager
def open_project(choices: Choices, progress: Progress) -> Iterator[Opened]:
    """A project on the engine in use, which is ours alone meanwhile; what dead runs left is removed first.

    Raises:
        Trouble: there is no fit engine, another run holds it, the Compose file is missing or its path cannot be
            used, or a project of that name is there without our mark.
    """
    file = _usable(choices.root / FILE)
    found, owner = engine(), Owner.current(keep=choices.keep)
    env = {**found.env(), **owner.env()}
    with engine_lock(engine_id(env), owner, progress):
        swept = tuple(sweep(env, progress))
        kept = _kept(env, choices)
        mark = kept or free_mark(owner, f"{PROJECT_LABEL}={choices.name or PREFIX + owner.run}", env)
        project = ComposeProject(choices.root, mark.owner.selector.rpartition("=")[2], env, progress)
        with _torn_down(project, mark, file, keep=choices.keep):
            if kept:
                progress(f"taking up {kept.thing.name}, which {kept.owner} kept")
            else:
                set_mark(mark, env)
            yield Opened(project, found, swept, taken_up=kept is not None)


def refuse_taken_ports(project: ComposeProject, profiles: str) -> None:
    """Refuse a bring-up whose host ports somebody else has.

    Raises:
        Trouble: it names the ports, who has them, and what to type.
    """
    wanted = project.published(profiles)
    taken = [
        f"port {port}, which {service} publishes, is held by {holder}"
        for port, service in sorted(wanted.items())
        if (holder := _port_holder(project, port))
    ]
    if taken:
        raise Trouble(
            "; ".join(taken),
            next_command="end what holds it, then the same again",
        )


def _port_holder(project: ComposeProject, port: int) -> str:
    """Who has a port: a container where the engine knows one, else a process; nobody where it is ours or free."""
    published = ("--filter", f"publish={port}", "--format", '{{.Names}}\t{{.Label "' + PROJECT_LABEL + '"}}')
    rows = run(["docker", "ps", *published], env=project.engine, timeout=QUICK).stdout.splitlines()
    for row in rows:
        container, _, owner = row.partition("\t")
        if owner == project.name:
            return ""
        return f"container {container}" + (f" of Compose project {owner}" if owner else "")
    return holder_of(port)


def _usable(file: Path) -> Path:
    if not file.is_file():
        raise Trouble("there is no Compose file", where=str(file))
    if SHELL_SIGNS & set(str(file)):
        raise Trouble(
            'the path holds a character that a shell acts on (one of " $ ` \\ !, or a line break); live tiers need a '
            "checkout at another path",
            where=str(file),
        )
    return file


def _kept(env: Mapping[str, str], choices: Choices) -> Mark | None:
    """The project that was kept, to be taken up; of its run nobody holds the engine any more.

    Raises:
        Trouble: one was kept, and is not wanted: two cannot have the same ports.
    """
    newest = newest_kept(PROJECT_LABEL, env)
    if newest and not choices.reuse:
        raise Trouble(
            f"{newest.thing.name}, which {newest.owner} kept, stands on this engine and has the ports",
            next_command="the same with --reuse: it is taken up, and without --keep taken down at the end",
        )
    return newest


@contextmanager
def _torn_down(project: ComposeProject, mark: Mark, file: Path, *, keep: bool) -> Iterator[None]:
    """Everything of the project is gone afterwards, whatever happens inside; with ``keep``, all of it stays.

    pytest-docker's own context takes the project down, also after a start that failed half-way. It runs a shell:
    what is put in its command is quoted here, and the path of the file has been checked.
    """
    from pytest_docker.plugin import get_docker_services

    env = {name: value for name, value in project.env(EVERY_PROFILE).items() if value is not None}
    command = shlex.join(["env", *(f"{name}={value}" for name, value in env.items()), "docker", "compose"])
    cleanup: list[str] = []
    try:
        with get_docker_services(command, str(file), project.name, docker_setup=[], docker_cleanup=cleanup):
            try:
                yield
            finally:
                if not keep and not project.lost:
                    cleanup.append("down -v --remove-orphans")
    finally:
        if project.lost:
            project.progress(f"the engine is gone: the next run removes what is left of {project.name}")
        elif keep:
            project.progress(f"kept {project.name}; take it up with --reuse, which without --keep takes it down")
        else:
            remove_own(mark, project.engine)
