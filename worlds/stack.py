"""The Compose project as proofs see it: every look and every change goes through the recorder and replays offline."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from blueprint.evidence import JSON, Observation
from blueprint.live import BringUp, Exchange, HealthLook, Inside, Restart, Stock, rows, table
from blueprint.trouble import Trouble
from provision.host import Engine
from worlds import compose_acts as acts
from worlds.compose import BRING_UP, ComposeProject, profiles_of
from worlds.compose_opening import Opened, refuse_taken_ports
from worlds.lost import WorldLost
from worlds.recorder import Recorder

Bring = Callable[[Sequence[str], Opened], Sequence[Mapping[str, Any]]]
"""Has the images of some services on the engine; gives their records."""


@dataclass
class ComposeStack:
    """One project for a session, its profiles switched by delta.

    Attributes:
        recorder: every look and change goes through it.
        opening: gives the project; entered once, and never on replay.
        bring: has the images that a selection needs.
        left: profiles to leave standing, where the last proof took everything down; empty for none.
        tools: the engine and Compose, as the report names them.
    """

    recorder: Recorder
    opening: Callable[[], AbstractContextManager[Opened]]
    bring: Bring
    left: str = ""
    tools: tuple[Mapping[str, Any], ...] = field(default=(), init=False)
    _opened: Opened | None = field(default=None, init=False)
    _exit: ExitStack = field(default_factory=ExitStack, init=False)
    _standing: tuple[str, str] | None = field(default=None, init=False)  # a selection, and the id of its bring-up
    _failed: dict[str, Trouble] = field(default_factory=dict, init=False)  # by selection
    _images: dict[str, Observation] = field(default_factory=dict, init=False)  # by selection
    _inside: dict[str, Observation] = field(default_factory=dict, init=False)  # by services

    def __enter__(self) -> Self:
        with self.recorder.session():
            opened = table(self.recorder.do("compose:open", {}, self._open).seen)
        self.tools = tuple(rows(opened.get("tools")))
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._leave_standing()
        finally:
            self._exit.close()

    @property
    def project(self) -> ComposeProject:
        """The project, for what happens within an act.

        Raises:
            WorldLost: the engine has stopped answering.
        """
        if self._opened is None:
            raise Trouble("the Compose project is asked before it is opened")
        if self._opened.project.lost:
            raise self._opened.project.lost
        return self._opened.project

    def traces(self) -> dict[str, str]:
        """What helps to find out why a proof failed, by file name; nothing on replay or where the engine is gone."""
        if self._opened is None or self._opened.project.lost:
            return {}
        project = self._opened.project
        try:
            return {
                "containers.json": json.dumps(project.inspect(), indent=1),
                "ps.json": json.dumps(project.ps(), indent=1),
                "compose.log": project.logs(),
            }
        except Trouble as trouble:
            return {"trouble.txt": str(trouble)}

    def services(self, *selection: str) -> tuple[str, ...]:
        """What Compose selects: the population."""
        profiles = profiles_of(selection)
        seen = self.recorder.look(
            "compose:services", {"profiles": profiles}, lambda: list[JSON](self.project.services(profiles))
        )
        return tuple(map(str, seen.seen)) if isinstance(seen.seen, list) else ()

    def bring_up(self, *selection: str) -> BringUp:
        """The bring-up command with ``--wait`` for a selection, seen by the current proof."""
        profiles = profiles_of(selection)
        self._rest_on_images(profiles)
        self._standing = None
        asked: JSON = {"command": f"COMPOSE_PROFILES={profiles} {' '.join(BRING_UP)} --wait"}
        return BringUp.of(self.recorder.do("compose:up", asked, lambda: acts.brought_up(self.project, profiles)).seen)

    def ensure(self, *selection: str) -> None:
        """Have a selection up, healthy, and with nothing beside it; the current proof rests on that.

        What is seen of it is looked at again only after something has been done to the project.

        Raises:
            Trouble: it does not come up, now or when it was wanted before: it is tried once a session.
        """
        profiles = profiles_of(selection)
        self._rest_on_images(profiles)
        if profiles in self._failed:
            raise self._failed[profiles]
        if self._standing is None or self._standing[0] != profiles:
            self._standing = profiles, self._ensured(profiles).id
        self.recorder.cite(self._standing[1])

    def in_foreground(self, *selection: str) -> AbstractContextManager[Foreground]:
        """The bring-up command as written, in the foreground, where nothing of the project stood before."""
        profiles = profiles_of(selection)
        self._rest_on_images(profiles)
        self._standing = None
        return Foreground(self, profiles)

    def health(self, stopped: str = "", need: str = "") -> HealthLook:
        """What /health and /ready say while a service, ``required`` or ``optional`` to the gateway, is stopped."""
        asked: JSON = {"stopped": stopped}
        seen = self.recorder.look(f"{acts.GATEWAY}/health", asked, lambda: acts.health(self.project, need))
        return HealthLook.of(stopped, need, seen.seen)

    @contextmanager
    def without(self, service: str) -> Iterator[None]:
        """One service stopped, and started again afterwards."""
        self._standing = None
        asked: JSON = {"service": service}
        self.recorder.do("compose:stop", asked, lambda: self.project.stop(service))
        try:
            yield
        finally:
            self.recorder.do("compose:start", asked, lambda: self.project.start(service))

    def switch(self, *selection: str) -> BringUp:
        """Another selection on what runs: nothing is taken down, what it does not hold is stopped, data stays."""
        profiles = profiles_of(selection)
        self._rest_on_images(profiles)
        self._standing = None
        asked: JSON = {"profiles": profiles}
        return BringUp.of(self.recorder.do("compose:switch", asked, lambda: acts.switched(self.project, profiles)).seen)

    def exchange(self, text: str, *wanted: str, session_id: str = "") -> tuple[Exchange, str]:
        """Post a message to the gateway and follow its events; the exchange, and the id of its session."""
        asked: JSON = {"message": text, "session_id": session_id}
        seen = self.recorder.do(
            f"{acts.GATEWAY}/v1/session/message", asked, lambda: acts.exchanged(self.project, text, session_id)
        )
        return Exchange.of(text, wanted, seen.seen), str(table(seen.seen).get("session_id", ""))

    def kill(self, service: str) -> Restart:
        """Kill what runs in a container, and wait for the engine to bring it back."""
        self._standing = None
        asked: JSON = {"service": service}
        seen = self.recorder.do("compose:kill", asked, lambda: acts.killed(self.project, service))
        return Restart.of(seen.seen)

    def inside(self, services: Sequence[str]) -> tuple[Inside, ...]:
        """Facts about the containers of some services, told from inside; looked at once a session."""
        key = ",".join(services)
        if key not in self._inside:
            asked: JSON = {"services": list[JSON](services)}
            with self.recorder.session():
                look = self.recorder.look("compose:inside", asked, lambda: acts.inside(self.project, services))
            self._inside[key] = look
        self.recorder.cite(self._inside[key].id)
        return tuple(Inside.of(row) for row in rows(self._inside[key].seen))

    def rest_on_images(self, *selection: str, beside: Sequence[str] = ()) -> None:
        """Have the images of a selection and of single services beside it, once; the current proof rests on them."""
        self._rest_on_images(profiles_of(selection), *beside)

    def forget_standing(self) -> None:
        """Something is about to be done to the project: whoever needs a selection next has to see it anew."""
        self._standing = None

    def take_down(self, *selection: str) -> tuple[Stock, Stock, int]:
        """``down -v``: what stood before, what stands after, and the exit code. Twice is no different from once."""
        profiles = profiles_of(selection)
        self._standing = None
        asked: JSON = {"profiles": profiles}
        seen = table(self.recorder.do("compose:down", asked, lambda: acts.taken_down(self.project, profiles)).seen)
        return Stock.of(seen.get("before")), Stock.of(seen.get("after")), int(seen.get("exit_code", -1))

    def _open(self) -> JSON:
        self._opened = opened = self._exit.enter_context(self.opening())
        return {
            "project": opened.project.name,
            "swept": [str(thing) for thing in opened.swept],
            "taken_up": opened.taken_up,
            "tools": [
                {"name": "container engine", "version": opened.engine.version, "provenance": _whose(opened.engine)},
                {
                    "name": "docker compose",
                    "version": opened.engine.compose_version,
                    "provenance": _origin(opened.engine),
                },
            ],
        }

    def _leave_standing(self) -> None:
        """Bring up what is to be left; what stands, broken perhaps, is left as it is: someone wants to look at it."""
        if self.left and self._opened and not self._opened.project.lost and not self.project.ps():
            self.recorder.do("compose:leave", {"profiles": self.left}, lambda: acts.ensured(self.project, self.left))

    def _ensured(self, profiles: str) -> Observation:
        try:
            with self.recorder.session():
                return self.recorder.do(
                    "compose:ensure", {"profiles": profiles}, lambda: acts.ensured(self.project, profiles)
                )
        except WorldLost:
            raise
        except Trouble as trouble:
            self._failed[profiles] = trouble
            raise

    def _rest_on_images(self, profiles: str, *beside: str) -> None:
        key = ",".join((profiles, *beside))
        if key not in self._images:
            asked: JSON = {"profiles": profiles, **({"beside": list[JSON](beside)} if beside else {})}
            with self.recorder.session():
                self._images[key] = self.recorder.do("compose:images", asked, lambda: self._brought(profiles, beside))
        seen = self._images[key]
        self.recorder.cite(seen.id)
        self.recorder.touch(*rows(seen.seen))

    def _brought(self, profiles: str, beside: Sequence[str]) -> JSON:
        if self._opened is None:
            raise Trouble("images are brought before the project is opened")
        wanted = (*self.project.services(profiles), *self.project.absent(profiles), *beside)
        return [dict(record) for record in self.bring(wanted, self._opened)]


def _whose(engine: Engine) -> str:
    return "the private one of `nox -s host`" if engine.ours else "the machine's own"


def _origin(engine: Engine) -> str:
    return "fetched, in the user's cache" if engine.docker_config else "the machine's own"


class Foreground:
    """The bring-up command while it runs in the foreground; leaving the ``with`` ends it where it still does."""

    def __init__(self, stack: ComposeStack, profiles: str) -> None:
        self._stack = stack
        self._profiles = profiles
        self._ends = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def come_up(self) -> BringUp:
        """Start it, and wait until every container is healthy."""
        asked: JSON = {"command": f"COMPOSE_PROFILES={self._profiles} {' '.join(BRING_UP)}"}
        return BringUp.of(self._stack.recorder.do("compose:up", asked, self._start).seen)

    def interrupt(self) -> BringUp:
        """SIGINT, as Ctrl-C sends it, and what is there once the command has ended."""
        return BringUp.of(self._stack.recorder.do("compose:interrupt", {"signal": "SIGINT"}, self._interrupt).seen)

    def _start(self) -> JSON:
        project = self._stack.project
        project.down()
        refuse_taken_ports(project, self._profiles)
        self._running = self._ends.enter_context(project.in_foreground(self._profiles))
        return acts.brought_up_in_foreground(project, self._profiles, self._running)

    def _interrupt(self) -> JSON:
        return acts.interrupted(self._stack.project, self._profiles, self._running)
