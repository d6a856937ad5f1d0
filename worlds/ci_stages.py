"""The stages of the pipeline, each run by its own commands in one fresh clone of what is committed."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from platformdirs import user_cache_path

from blueprint.evidence import JSON
from blueprint.stage_plan import PlannedJob, runs
from blueprint.trouble import Trouble
from provision.engine_lock import is_held_here
from provision.ownership import Owner, Progress
from provision.processes import Running, start
from provision.waiting import Deadline, WaitedTooLong, until
from worlds.ci_clone import clone_head, own_folder
from worlds.ci_steps import PASSED_OVER, RAN, UPLOADED, Desk, JobRun
from worlds.recorder import Recorder

ALONE = "nox -s drills -- -k CIC-006"
TELLING = 60.0
"""Seconds between two lines of progress while a step runs."""
TORN_DOWN = Deadline("an interrupted step to tear down what it had stood up", 150)
"""Less than nox gives the session that we are in."""
_LOOK_SECONDS = 0.5


@dataclass
class CiStages:
    """The stages of a checkout; the clone is made for the first that is run, and is gone when the ``with`` ends.

    Attributes:
        root: the checkout.
        home: where the folders of such clones are.
    """

    root: Path
    recorder: Recorder
    progress: Progress
    home: Path = field(default_factory=lambda: user_cache_path("soma-verify") / "stages")
    telling: float = TELLING
    _stack: ExitStack = field(default_factory=ExitStack, init=False)
    _desk: Desk | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def run(self, stage: str, jobs: Sequence[PlannedJob]) -> JSON:
        """What became of each step of a stage, in the shape of ``blueprint.rules.ci_stages``.

        Raises:
            Trouble: the checkout is not committed as it stands or has no history, or this very run holds the engine.
        """
        return self.recorder.do("ci:stage", stage, lambda: self._run(stage, jobs)).seen

    def _run(self, stage: str, jobs: Sequence[PlannedJob]) -> JSON:
        if is_held_here():
            what = f"this very run holds the engine, for which the stage {stage} would wait in vain"
            raise Trouble(what, next_command=ALONE)
        self._desk = desk = self._desk or self._opened()
        steps: list[JSON] = []
        lacking: set[str] = set()
        for planned in jobs:
            rows, is_green = self._job(desk, stage, planned, sorted(planned.awaited & lacking))
            steps += rows
            lacking |= set() if is_green else {planned.name}
        return {"steps": steps}

    def _opened(self) -> Desk:
        owner = Owner.current()
        folder = self._stack.enter_context(own_folder(self.home, owner, self.progress))
        checkout, beside = folder / "checkout", folder / "runner"
        self.progress(f"cloning HEAD of {self.root}")
        desk = Desk(checkout, beside, clone_head(self.root, checkout), Watched(owner, self.progress, self.telling))
        desk.prepare()
        return desk

    def _job(self, desk: Desk, stage: str, planned: PlannedJob, lacking: Sequence[str]) -> tuple[list[JSON], bool]:
        """What became of the steps of a job, and whether all is well with it."""
        condition = planned.job.node.get("if").text
        why = planned.beyond
        if runs(condition, failed=bool(lacking)) is None:
            why = why or f"whether it runs is not known here: if: {condition}"
        elif not runs(condition, failed=bool(lacking)):
            why = f"{lacking[0]} is not green" if lacking else "nothing failed"
        if why:
            names = [planned.step_name(step) for step in planned.job.steps] or [planned.name]
            return [{"at": name, "name": name, "kind": PASSED_OVER, "why": why} for name in names], False
        job = JobRun(desk, planned)
        rows: list[JSON] = []
        for step in planned.job.steps:
            row = job.step(step)
            rows.append(row)
            self.progress(f"stage {stage}, {planned.job.id}: {row['name']}: {_outcome(row)}")
        return rows, not (job.failed or job.beyond)


@dataclass(frozen=True, slots=True)
class Watched:
    """Runs programs for an owner, and says every now and then that they run; called as :data:`worlds.ci_steps.Execute`.

    Interrupted, it interrupts the program as a terminal would, and waits until that has torn down what it stood up.
    """

    owner: Owner
    progress: Progress
    telling: float

    def __call__(
        self, words: Sequence[str], folder: Path, env: Mapping[str, str | None], seconds: float
    ) -> tuple[int | None, str]:
        """Run to the end, or for so long: the exit code, None where it was not done; and all that was said."""
        began = told = time.monotonic()

        def tell(_: int | None) -> None:
            nonlocal told
            if time.monotonic() - told >= self.telling:
                told = time.monotonic()
                last = next((line for line in reversed(running.output.splitlines()) if line.strip()), "nothing yet")
                self.progress(f"still runs after {told - began:.0f} s: {last.strip()[:160]}")

        with start(words, env={**env, **self.owner.env()}, cwd=folder) as running:
            deadline = Deadline("a step to end", seconds)
            try:
                code = until(running.poll, lambda now: now is not None, deadline, every=_LOOK_SECONDS, on_wait=tell)
            except WaitedTooLong:
                code = None
            finally:
                if running.poll() is None:
                    running.signal(signal.SIGINT)
                    self.progress(f"interrupting `{words[0]}`, which has {TORN_DOWN.seconds:.0f} s to tear down")
                    _await(running)
            return code, running.output


def _await(running: Running) -> None:
    with suppress(WaitedTooLong):
        running.wait(TORN_DOWN)


def _outcome(row: dict[str, JSON]) -> str:
    if row["kind"] in {RAN, UPLOADED}:
        code = row["exit_code"]
        return "not done in time" if code is None else "green" if code == 0 else f"exit code {code}"
    return " ".join(str(row["kind"]).split("_")) + (f": {row['why']}" if row.get("why") else "")
