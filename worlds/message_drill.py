"""A load of messages through the broker while a worker is killed: in one recorded act, all that the topics hold."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blueprint.evidence import JSON
from blueprint.message_history import Asked, Told, packed_asked, packed_told
from blueprint.trouble import Trouble
from provision.waiting import Deadline, until
from worlds.beside import beside
from worlds.compose import ComposeProject
from worlds.compose_acts import GATEWAY
from worlds.message_load import MessageLoad
from worlds.stack import ComposeStack

WORKER = "conversation_worker"
TOPICS = ("conversation.inbound", "conversation.outbound")
PREFIX = "drill-"
QUIET_SECONDS = 120.0
"""Nothing at all for so long, and no more is waited for."""
ALL_READ = Deadline("the topics to be read to their end", 5400)
BACK = Deadline("a killed worker to be back", 120)
_LOOK_SECONDS = 1.0
_TOLD_SECONDS = 20.0
"""Between two lines of progress."""


@dataclass(frozen=True, slots=True)
class Size:
    """How many messages, and when the worker is killed.

    Attributes:
        sessions: so many, each of `each` messages.
        kills: numbers of answered messages at which it is.
    """

    sessions: int
    each: int
    kills: tuple[int, ...]

    @property
    def messages(self) -> int:
        """All of them."""
        return self.sessions * self.each


@dataclass
class MessageDrill:
    """The load, on a stack that has the profiles default and kafka up; made once a session."""

    stack: ComposeStack
    gateway: str = GATEWAY
    _made: str = field(default="", init=False)
    _seen: JSON = field(default=None, init=False)

    def history(self, sessions: int, messages: int, kills: tuple[int, ...]) -> JSON:
        """What became of a load, in the shape of ``blueprint.message_history.History``, with kills and totals.

        Args:
            sessions: so many share the messages.
            messages: so many in all.
            kills: numbers of answers after which the worker is killed.
        """
        size = Size(sessions, messages // sessions, kills)
        if not self._made:
            self.stack.ensure("default", "kafka")
            self.stack.forget_standing()
            asked: JSON = {"sessions": size.sessions, "each": size.each, "kills": list[JSON](size.kills)}
            with self.stack.recorder.session():
                seen = self.stack.recorder.do(
                    "messages:load", asked, lambda: Load(self.stack.project, self.gateway, size).run()
                )
            self._made, self._seen = seen.id, seen.seen
        self.stack.rest_on_images("default", "kafka")
        self.stack.recorder.cite(self._made)
        return self._seen


class Load:
    """One load on a project: who sends, who reads, who kills."""

    def __init__(self, project: ComposeProject, gateway: str, size: Size) -> None:
        self._project = project
        self._size = size
        self._sending = MessageLoad(gateway, PREFIX)
        self._kills: list[dict[str, JSON]] = []
        self._started = time.monotonic()
        self._told = 0.0

    def run(self) -> dict[str, JSON]:
        """Send everything, kill meanwhile, and read all of it back.

        Raises:
            Trouble: the gateway does not take a message, the worker does not come back, or the reader breaks off.
        """
        names = [f"{number:03}" for number in range(self._size.sessions)]
        with self._reader() as reader:
            asyncio.run(self._sent(names, reader))
            lines = self._read_to_the_end(reader)
        return self._summed(names, lines)

    @contextmanager
    def _reader(self) -> Iterator[str]:
        program = Path(__file__).with_name("topic_history.py").read_text(encoding="utf-8")
        words = ("-c", program, "kafka:9092", *TOPICS, PREFIX, str(self._size.messages), str(QUIET_SECONDS))
        network = f"{self._project.name}_default"
        with beside(self._project, "reader", "--network", network, program=words) as container:
            yield container

    async def _sent(self, names: Sequence[str], reader: str) -> None:
        """Send, and look after the worker meanwhile; whichever breaks ends both."""
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(self._sending.send(names, self._size.each))
            while not sending.done() or len(self._kills) < len(self._size.kills):
                await asyncio.sleep(_LOOK_SECONDS)
                progress = await asyncio.to_thread(self._progress, reader)
                await self._maybe_kill(int(progress["answered"]))

    async def _maybe_kill(self, answered: int) -> None:
        done = len(self._kills)
        if done < len(self._size.kills) and answered >= self._size.kills[done]:
            in_hand = self._sending.taken - answered
            self._kills.append(await asyncio.to_thread(self._kill, answered, in_hand))

    def _kill(self, answered: int, in_hand: int) -> dict[str, JSON]:
        before = self._restarts()
        self._project.progress(f"killing {WORKER} after {answered} answers, with {in_hand} messages waiting")
        self._project.kill_inside(WORKER)
        after = until(self._restarts, lambda count: count > before, BACK)
        return {"answered": answered, "waiting": in_hand, "restarts": after - before}

    def _restarts(self) -> int:
        return int(str(self._project.containers(WORKER)[0]["restarts"]))

    def _read_to_the_end(self, reader: str) -> list[dict[str, Any]]:
        """Send again what failed, until the reader has ended; what it wrote."""
        sent: set[tuple[str, int]] = set()

        def look() -> bool:
            progress = self._progress(reader)
            failed = {(str(name), int(message)) for name, message in progress["failed"]} - sent
            if failed:
                self._project.progress(f"{len(failed)} messages failed, and are sent again")
                asyncio.run(self._sending.repeat(sorted(failed)))
                sent.update(failed)
            return not self._runs(reader)

        until(look, bool, ALL_READ, every=_LOOK_SECONDS)
        lines = self._lines(reader)
        if not lines or not lines[-1].get("end"):
            raise Trouble(f"the reader of the topics broke off: {lines[-1:]}", where=self._project.name)
        return lines

    def _progress(self, reader: str) -> dict[str, Any]:
        lines = self._lines(reader, "--tail", "1")
        progress = lines[-1] if lines else {}
        found = {"answered": progress.get("answered", 0), "failed": progress.get("failed", [])}
        now = time.monotonic()
        if now - self._told > _TOLD_SECONDS:
            self._told = now
            of_all = f"of {self._size.messages}"
            self._project.progress(f"{self._sending.taken} {of_all} messages taken, {found['answered']} answered")
        return found

    def _lines(self, reader: str, *options: str) -> list[dict[str, Any]]:
        done = self._project.execute(["docker", "logs", *options, reader])
        found = []
        for line in done.stdout.splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                raise Trouble(f"the reader of the topics failed: {(done.stdout + done.stderr)[-800:]}") from None
        if not found and done.stderr.strip():
            raise Trouble(f"the reader of the topics failed: {done.stderr[-800:]}")
        return found

    def _runs(self, reader: str) -> bool:
        done = self._project.execute(["docker", "inspect", "--format", "{{.State.Running}}", reader])
        return done.stdout.strip() == "true"

    def _summed(self, names: Sequence[str], lines: Sequence[dict[str, Any]]) -> dict[str, JSON]:
        sessions = {line["session"]: line for line in lines if "session" in line}
        asked = {name: packed_asked(_asked(line["asked"])) for name, line in sessions.items()}
        told = {name: packed_told(_told(line["told"])) for name, line in sessions.items()}
        end = lines[-1]
        return {
            "acknowledged": dict.fromkeys(names, self._size.each),
            "asked": {name: list[JSON](each) for name, each in asked.items()},
            "told": {name: list[JSON](each) for name, each in told.items()},
            "kills": list[JSON](self._kills),
            "sent_again": self._sending.again,
            "records": end["records"],
            "digest": end["digest"],
            "seconds": round(time.monotonic() - self._started, 1),
        }


def _asked(text: str) -> list[Asked]:
    return [Asked(*map(int, word.split("."))) for word in text.split()]


def _told(text: str) -> list[Told]:
    parts = (word.split(".") for word in text.split())
    return [Told(int(message), int(attempt), int(number), kind) for message, attempt, number, kind in parts]
