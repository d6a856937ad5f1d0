"""The runbooks on the Compose project: a shell types what the page says, as it stands there."""

from __future__ import annotations

import re
import signal
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from blueprint.evidence import JSON
from blueprint.live import table
from blueprint.rules.live_runbooks import Typed
from blueprint.runbook_page import Step
from provision.processes import run, start
from provision.waiting import Deadline
from worlds.compose import FILE, UP_SECONDS, profiles_of
from worlds.compose_output import tail
from worlds.probes.http import settled
from worlds.stack import ComposeStack

SHELL = ("bash", "-euo", "pipefail", "-c")
SAID = Deadline("a command of the runbook to say what is waited for", 60)
ENDED = Deadline("a command of the runbook to end on SIGINT", 30)
_PREFIX = re.compile(r"^([\w-]+?)-\d+\s*\|", re.MULTILINE)


@dataclass
class Runbook:
    """Types steps of the page for a selection; every step is written down.

    Attributes:
        stack: what it is typed against.
        selection: what COMPOSE_PROFILES is set to, as the page says once for all.
    """

    stack: ComposeStack
    selection: tuple[str, ...]

    def type(self, step: Step, **replaced: str) -> Typed:
        """Type a step once; names in capitals are replaced, as the page tells its reader to."""
        asked = self._asked(step, replaced)
        seen = self.stack.recorder.do(f"runbook:{step.name}", asked, lambda: self._typed(str(table(asked)["type"])))
        return Typed.of(step, seen.seen)

    def type_until(self, step: Step, wanted: str, **replaced: str) -> Typed:
        """Type a step again and again until its output holds what the page says to wait for."""
        asked = self._asked(step, replaced)

        def act() -> JSON:
            line = str(table(asked)["type"])
            return dict(settled(lambda: self._typed(line), lambda seen: wanted in str(seen["output"]), SAID, every=1.0))

        return Typed.of(step, self.stack.recorder.do(f"runbook:{step.name}", asked, act).seen)

    def type_files(self, step: Step) -> tuple[Typed, Mapping[str, int]]:
        """Type a step that writes files, in an empty folder; and how many lines each file has, by its stem."""

        def act() -> JSON:
            with tempfile.TemporaryDirectory(prefix="soma-verify-runbook-") as folder:
                seen = self._typed(step.text, Path(folder))
                files = sorted(Path(folder).rglob("*.log"))
                lines = {
                    path.stem: len(path.read_text(encoding="utf-8", errors="replace").splitlines()) for path in files
                }
            return {**seen, "lines": dict[str, JSON](lines)}

        seen = self.stack.recorder.do(f"runbook:{step.name}", self._asked(step, {}), act).seen
        return Typed.of(step, seen), _counts(seen)

    def type_and_interrupt(self, step: Step, services: Sequence[str]) -> tuple[Typed, Mapping[str, int]]:
        """Type a step that follows, until it has told of some services, then Ctrl-C; and how many lines each has."""

        def act() -> JSON:
            with start([*SHELL, step.text], env=self._env(), cwd=self.stack.project.root) as running:

                def look() -> dict[str, JSON]:
                    return dict[str, JSON](Counter(_PREFIX.findall(running.output)))

                lines = settled(look, lambda seen: set(seen) >= set(services) or running.poll() is not None, SAID)
                running.signal(signal.SIGINT)
                exit_code = running.wait(ENDED)
            interrupted = exit_code in {0, 130, -signal.SIGINT}
            return {"exit_code": 0 if interrupted else exit_code, "output": "", "lines": dict[str, JSON](lines)}

        seen = self.stack.recorder.do(f"runbook:{step.name}", self._asked(step, {}), act).seen
        return Typed.of(step, seen), _counts(seen)

    def _asked(self, step: Step, replaced: Mapping[str, str]) -> JSON:
        text = step.text
        for name, value in replaced.items():
            text = text.replace(name, value)
        return {"section": step.section, "number": step.number, "type": text}

    def _typed(self, text: str, folder: Path | None = None) -> dict[str, JSON]:
        project = self.stack.project
        done = run([*SHELL, text], env=self._env(), cwd=folder or project.root, timeout=UP_SECONDS, check=False)
        if done.exit_code:
            project.check_engine()
        output = done.stdout + done.stderr if done.exit_code else done.stdout
        return {"exit_code": done.exit_code, "output": tail(output), "containers": list[JSON](project.ps())}

    def _env(self) -> dict[str, str | None]:
        project = self.stack.project
        return {**project.env(profiles_of(self.selection)), "COMPOSE_FILE": str(project.root / FILE)}


def _counts(seen: object) -> Mapping[str, int]:
    return {str(name): int(count) for name, count in table(table(seen).get("lines")).items()}
