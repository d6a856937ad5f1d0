"""Whether a shell can read a text; it is asked to read, not to run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache, partial
from typing import cast

from blueprint.evidence import JSON
from blueprint.shell import EXPRESSION
from blueprint.workflows import Workflow
from provision.processes import run
from worlds.recorder import Recorder

_SECONDS = 10.0
_EXPRESSION = re.compile(r"\$\{\{.*?\}\}", re.DOTALL)
_SHELLS = re.compile(r"(bash|sh)\b|$")
_FAULT = re.compile(r"^bash: line (\d+): (.*)$", re.MULTILINE)


@cache
def syntax_faults(text: str) -> tuple[tuple[int, str], ...]:
    """The first fault that bash finds: the line, counted from 0, and what it says. Nothing where it can read all.

    Raises:
        Trouble: there is no bash.
    """
    plain = _EXPRESSION.sub(lambda found: EXPRESSION + "\n" * found[0].count("\n"), text)
    clean = {"BASH_ENV": None, "ENV": None, "SHELLOPTS": None, "BASHOPTS": None, "LC_ALL": "C"}
    answer = run(("bash", "--noprofile", "--norc", "-n"), env=clean, input=f"{plain}\n", timeout=_SECONDS, check=False)
    if not answer.exit_code:
        return ()
    faults = _FAULT.findall(answer.stderr)
    number, words = faults[0] if faults else ("1", answer.stderr.strip() or "bash cannot read it")
    last = plain.count("\n")
    return ((min(int(number) - 1, last), words.removeprefix("syntax error: ")),)


def read_by_a_shell(workflows: Iterable[Workflow], recorder: Recorder) -> dict[str, list[tuple[int, str]]]:
    """What bash says of each run block that is meant for it, by ``path#key`` of the step."""
    faults: dict[str, list[tuple[int, str]]] = {}
    for workflow in workflows:
        blocks = {step.key: step.run for step in workflow.steps() if step.run and _SHELLS.match(step.shell)}
        if blocks:
            seen = recorder.look(f"shell:{workflow.path}", {**blocks}, partial(_all_faults, blocks)).seen
            found = cast("dict[str, list[tuple[int, str]]]", seen)
            faults |= {f"{workflow.path}#{key}": said for key, said in found.items()}
    return faults


def _all_faults(blocks: Mapping[str, str]) -> JSON:
    return {key: [[*fault] for fault in syntax_faults(text)] for key, text in blocks.items()}
