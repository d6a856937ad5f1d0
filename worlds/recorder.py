"""Every look at the world goes through the recorder, which writes it down at once, without secrets."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from blueprint.evidence import JSON, Observation
from blueprint.trouble import Trouble
from provision.waiting import Deadline, WaitedTooLong, until
from worlds.redaction import Redaction
from worlds.replay import Line, Replay, observation, raise_again

SESSION = "session"
"""The scope of a look that several proofs cite."""


@dataclass
class Seen:
    """What one proof looked at.

    Attributes:
        evidence: ids of its observations and citations, in order, each once.
        images: the records of the images that it touched, by name.
    """

    evidence: dict[str, None] = field(default_factory=dict)
    images: dict[str, Mapping[str, Any]] = field(default_factory=dict)


class Recorder:
    """Looks at the world, and writes every look down as one JSON line that is flushed before the look returns.

    What a look returns is what was written: secrets stand as their HMACs there too, so that a proof comes to the
    same conclusion when the run is replayed. Whoever needs the raw value takes it within ``act``.

    Args:
        path: the evidence.jsonl to write; its folder is there.
        replay: a recorded run whose answers are given instead of acting.
    """

    def __init__(self, path: Path, replay: Replay | None = None) -> None:
        self.redaction = Redaction()
        self.replay = replay
        self._file = path.open("w", encoding="utf-8")
        self._lock = threading.RLock()
        self._count = 0
        self._scope = SESSION
        self._clause = ""
        self._seen: dict[str, Seen] = {}
        self._acting = threading.local()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write nothing more; a second time does nothing."""
        self._file.close()

    def look(self, target: str, asked: JSON, act: Callable[[], JSON]) -> Observation:
        """Look at the world with ``act``, write down what it answers, and count it as seen by the current proof.

        Raises:
            Trouble: ``act`` raised it (it is written down, and raised again on replay), or the run that is replayed
                has no such look.
        """
        return self._observe("look", target, asked, lambda _: self._act(act))

    def do(self, target: str, asked: JSON, act: Callable[[], JSON]) -> Observation:
        """The same for an action that changes the world."""
        return self._observe("do", target, asked, lambda _: self._act(act))

    def wait(
        self, target: str, asked: JSON, act: Callable[[], JSON], holds: Callable[[JSON], bool], deadline: Deadline
    ) -> Observation:
        """Look until what is seen holds, and write down the last look and how many there were.

        On replay nothing is waited for, and ``holds`` is asked again of what was recorded.

        Raises:
            WaitedTooLong: it did not hold in time.
            Trouble: as :meth:`look`.
        """

        def act_until(line: Line) -> JSON:
            line["polls"] = 0

            def poll() -> JSON:
                line["polls"] += 1
                line["seen"] = seen = self.redaction.document(self._act(act))
                return seen

            return until(poll, holds, deadline)

        seen = self._observe("wait", target, asked, act_until)
        if self.replay and not holds(seen.seen):
            raise WaitedTooLong(f"waited for {deadline.name}; recorded last: {json.dumps(seen.seen)}")
        return seen

    def cite(self, *observation_ids: str) -> None:
        """Count looks that were made before, or in session scope, as seen by the current proof."""
        for name in observation_ids:
            self._current.evidence[name] = None

    def touch(self, *images: Mapping[str, Any]) -> None:
        """Say which images (records as of ``provision.images``) the current proof rests on.

        One without ``same_software`` makes a pass of it a ``pass_stand_in``.
        """
        for image in images:
            self._current.images[image["name"]] = image

    def secret(self, value: str) -> str:
        """Take a minted secret in and return it; from now on its HMAC stands for it everywhere.

        Raises:
            ValueError: it is too short to be told from other text.
        """
        with self._lock:
            inside = getattr(self._acting, "on", False)
            token = self.replay.token(self._scope) if self.replay and not inside else ""
            token = self.redaction.add(value, token)
            if not inside:  # on replay nothing acts: only what is minted outside is minted again
                self._write({"kind": "secret", "proof": self._scope, "token": token})
        return value

    def redact(self, text: str) -> str:
        """The text without secrets: for logs and whatever else is written beside the evidence."""
        return self.redaction.text(text)

    @contextmanager
    def scope(self, proof: str, clause: str = "") -> Iterator[Seen]:
        """Write down looks under this proof, and collect what it saw."""
        before = self._scope, self._clause
        self._scope, self._clause = proof, clause
        try:
            yield self._current
        finally:
            self._scope, self._clause = before

    @contextmanager
    def session(self) -> Iterator[None]:
        """Write down looks for the whole session: they are kept, and each proof that uses one cites it."""
        with self.scope(SESSION):
            yield

    def note(self, kind: str, **fields: JSON) -> None:
        """Write down a line that is no observation: the run, the end of a proof."""
        self._write({"kind": kind, **fields})

    @property
    def _current(self) -> Seen:
        return self._seen.setdefault(self._scope, Seen())

    def _observe(self, kind: str, target: str, asked: JSON, act: Callable[[Line], JSON]) -> Observation:
        line: Line = {
            "id": "",
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "kind": kind,
            "clause": self._clause,
            "proof": self._scope,
            "target": self.redaction.text(target),
            "asked": self.redaction.document(asked),
            "seen": None,
            "seconds": 0.0,
        }
        if self.replay:
            line = self.replay.look(self._scope, line["target"], line["asked"])
            self._keep(line)
            raise_again(line)
            return observation(line)
        self._perform(line, act)
        return observation(line)

    def _perform(self, line: Line, act: Callable[[Line], JSON]) -> None:
        started = time.monotonic()
        try:
            line["seen"] = act(line)
        except Exception as error:
            line["raised"] = _raised(error)
            line["seen"] = {"trouble": line["raised"]["text"], "last": line["seen"]}
            raise
        except BaseException:
            line["seen"] = {"trouble": "interrupted", "last": line["seen"]}
            raise
        finally:
            line["seconds"] = round(time.monotonic() - started, 4)
            for name in ("target", "asked", "seen", "raised"):  # a secret may have been met within the act
                if name in line:
                    line[name] = self.redaction.document(line[name])
            self._keep(line)

    def _act(self, act: Callable[[], JSON]) -> JSON:
        self._acting.on = True
        try:
            return act()
        finally:
            self._acting.on = False

    def _keep(self, line: Line) -> None:
        with self._lock:
            self._count += 1
            line["id"] = line["id"] or f"o{self._count}"
            self.cite(line["id"])
            self._write(line)

    def _write(self, line: Line) -> None:
        with self._lock:
            self._file.write(json.dumps(self.redaction.document(line), ensure_ascii=False) + "\n")
            self._file.flush()


def _raised(error: Exception) -> dict[str, JSON]:
    if isinstance(error, Trouble):
        kind, what, where, then = type(error).__name__, error.what, error.where, error.next_command
    else:
        kind, what, where, then = "Trouble", f"{type(error).__name__}: {error}", "", ""
    return {"kind": kind, "what": what, "where": where, "next_command": then, "text": str(error)}
