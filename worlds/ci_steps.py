"""The steps of a job of a workflow, one after the other, by their own commands, in a clone: as a runner would."""

from __future__ import annotations

import os
import re
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from blueprint.compose.nodes import Node
from blueprint.evidence import JSON
from blueprint.stage_plan import UPLOAD, PlannedJob, is_stood_in, runs
from blueprint.workflows import Step, without_marks

Execute = Callable[[list[str], Path, Mapping[str, str | None], float], tuple[int | None, str]]
"""Runs words in a folder, with an environment, for so many seconds: the exit code, None where it was not done in time,
and all that it said."""
RAN, STANDS_IN, UPLOADED, PASSED_OVER = "ran", "stands_in", "uploaded", "passed_over"
SHELLS: Mapping[str, str] = {
    "": "bash -e {0}",
    "bash": "bash --noprofile --norc -eo pipefail {0}",
    "sh": "sh -e {0}",
    "python": "python {0}",
}
"""What a runner makes of the names of shells; the empty name is no shell named."""
LAST = 20
"""Lines of the output of a step that failed which are kept."""
SLOWER = 2
"""So many times the minutes of the workflow that a desk may take."""
DEFAULT_MINUTES = 360
"""What GitHub gives a job that does not say."""
_LONGEST = 400
_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_SETTING = re.compile(r"^([^=<\s]+)<<(\S+)\n(?:(.*?)\n)??\2$|^([^=\s]+)=([^\n]*)$", re.DOTALL | re.MULTILINE)
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_FOREIGN = ("GIT_", "GITHUB_", "RUNNER_", "NOX", "PYTEST_")
_OWN = (
    *("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "PYTHONHOME", "SOMA_SUBJECT"),
    *("UV_PYTHON", "UV_PROJECT_ENVIRONMENT"),  # nox names its session's environment by them
)
_FILES = ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STATE", "GITHUB_STEP_SUMMARY")


class Unknown(Exception):
    """Something that only a runner knows, in words."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Where the steps of jobs are run.

    Attributes:
        clone: the checkout that they are run in.
        folder: ours, beside it: scripts, and the files that a runner hands to steps.
        commit: what is checked out.
        execute: runs a program.
    """

    clone: Path
    folder: Path
    commit: str
    execute: Execute

    @property
    def path(self) -> str:
        """PATH, with a python of ours at its head and without the environment that this very suite runs in."""
        prefixes = {os.environ.get("VIRTUAL_ENV", ""), sys.prefix} - {"", sys.base_prefix}
        own = {str(Path(prefix, "bin")) for prefix in prefixes}
        rest = [each for each in os.environ.get("PATH", os.defpath).split(os.pathsep) if each not in own]
        return os.pathsep.join([str(self.folder / "bin"), *rest])

    def prepare(self) -> None:
        """Make what every step finds: the files of a runner, and `python`, which is this Python."""
        (self.folder / "bin").mkdir(parents=True, exist_ok=True)
        base = getattr(sys, "_base_executable", sys.executable)
        for name in ("python", "python3", f"python3.{sys.version_info.minor}"):
            program = self.folder / "bin" / name  # no link: an environment made through one does not find its library
            program.write_text(f'#!/bin/sh\nexec {shlex.quote(base)} "$@"\n', encoding="utf-8")
            program.chmod(0o755)

    def environment(self) -> dict[str, str | None]:
        """What a step gets, beside what its workflow, job and own ``env`` say; None takes away."""
        foreign = {name: None for name in os.environ if name.startswith(_FOREIGN) or name in _OWN}
        files = {name: str(self.folder / name.casefold()) for name in _FILES}
        said = {"GITHUB_WORKSPACE": str(self.clone), "GITHUB_SHA": self.commit, "RUNNER_TEMP": str(self.folder)}
        return {**foreign, **files, **said, "CI": "true", "PATH": self.path}


@dataclass
class JobRun:
    """One job, step by step.

    Attributes:
        failed: whether a step of it failed.
        beyond: the first thing that had to be done and could not, in words; what follows would rest on it.
    """

    desk: Desk
    planned: PlannedJob
    failed: bool = False
    beyond: str = ""
    _set: dict[str, str] = field(default_factory=dict, init=False)
    _path: list[str] = field(default_factory=list, init=False)
    _began: float = field(default_factory=time.monotonic, init=False)

    @property
    def seconds(self) -> float:
        """How long it may still take."""
        said = self.planned.job.node.get("timeout-minutes").text
        minutes = float(said) if re.fullmatch(r"\d+(\.\d+)?", said) else DEFAULT_MINUTES
        return max(0.0, self._began + minutes * 60 * SLOWER - time.monotonic())

    def step(self, step: Step) -> dict[str, JSON]:
        """Do what a step says, and write down what came of it."""
        does = runs(step.node.get("if").text, failed=self.failed)
        row: dict[str, JSON] = {"at": self.planned.step_name(step), "name": _title(step)}
        if self.beyond:
            return row | {"kind": PASSED_OVER, "why": f"rests on what could not be run: {self.beyond}"}
        if does is False:
            return row | {"kind": PASSED_OVER, "why": "a step before it failed" if self.failed else "nothing failed"}
        try:
            done = self._done(step, certain=does is not None)
        except Unknown as unknown:
            self.beyond = _title(step)
            return row | {"kind": PASSED_OVER, "why": str(unknown)}
        self.failed = self.failed or bool(done.get("exit_code", 0)) or done.get("exit_code", 0) is None
        return row | done

    def _done(self, step: Step, *, certain: bool) -> dict[str, JSON]:
        if not certain:
            raise Unknown(f"whether it runs is not known here: if: {step.node.get('if').text}")
        return self._run(step) if step.run else self._use(step)

    def _run(self, step: Step) -> dict[str, JSON]:
        env = self._environment(step)
        text, folder = self._filled(step.run, env), self.desk.clone / self._filled(step.folder, env)
        words = self._words(step.shell, text)
        began = time.monotonic()
        if folder.is_dir():
            code, said = self.desk.execute(words, folder, env, self.seconds)
        else:
            code, said = 1, f"the working directory {step.folder} is not there"
        self._take_settings()
        row: dict[str, JSON] = {"kind": RAN, "exit_code": code, "seconds": round(time.monotonic() - began, 1)}
        return row if code == 0 else row | {"said": self._last(said)}

    def _words(self, shell: str, text: str) -> list[str]:
        """The words that run a script under a shell."""
        form = SHELLS.get(shell, shell)
        if "{0}" not in form:
            raise Unknown(f"the shell {shell} is not known here")
        script = self.desk.folder / "step.sh"
        script.write_text(text if text.endswith("\n") else f"{text}\n", encoding="utf-8")
        return [str(script) if word == "{0}" else word for word in shlex.split(form)]

    def _use(self, step: Step) -> dict[str, JSON]:
        action = step.uses.partition("@")[0]
        if UPLOAD.search(action) and step.node.get("with", "if-no-files-found").text == "error":
            return self._upload(step)
        if not is_stood_in(step.uses):
            raise Unknown(f"the action {action or 'of no name'} is not run here")
        return {"kind": STANDS_IN, "why": f"Python {sys.version.split()[0]}" if action.endswith("-python") else ""}

    def _upload(self, step: Step) -> dict[str, JSON]:
        """What a runner does before it uploads: see whether there is something."""
        pattern = self._filled(step.node.get("with", "path").text, self._environment(step))
        count = len(_matching(self.desk.clone, pattern.split("\n")))
        row: dict[str, JSON] = {"kind": UPLOADED, "exit_code": 0 if count else 1, "files": count}
        return row if count else row | {"said": [f"no file is at {' '.join(pattern.split())}"]}

    def _environment(self, step: Step) -> dict[str, str | None]:
        env = self.desk.environment() | self._set
        for level in (self.planned.workflow.root, self.planned.job.node, step.node):
            said = _named(level.get("env"))
            env |= {name: self._filled(value, env) for name, value in said.items()}
        env["PATH"] = os.pathsep.join([*reversed(self._path), env.get("PATH") or self.desk.path])
        return env

    def _filled(self, text: str, env: Mapping[str, str | None]) -> str:
        """A text with its expressions replaced by what they stand for.

        Raises:
            Unknown: one of them is not known here.
        """
        known = {f"env.{name}": value for name, value in env.items() if value is not None}
        known |= {"github.workspace": str(self.desk.clone), "github.sha": self.desk.commit}
        known |= {"runner.temp": str(self.desk.folder)}

        def put(found: re.Match[str]) -> str:
            name = without_marks(found[0])
            if name not in known:
                raise Unknown(f"what {found[0]} stands for is not known here")
            return known[name]

        return _EXPRESSION.sub(put, text)

    def _take_settings(self) -> None:
        """What a step wrote for the steps behind it."""
        said, path = self.desk.folder / "github_env", self.desk.folder / "github_path"
        if said.exists():
            self._set |= _settings(said.read_text(encoding="utf-8", errors="replace"))
            said.unlink()
        if path.exists():
            self._path += path.read_text(encoding="utf-8", errors="replace").split()
            path.unlink()

    def _last(self, said: str) -> list[JSON]:
        """The last lines of an output, without colours and without where the clone happened to be."""
        plain = _COLOURS.sub("", said).replace(f"{self.desk.clone}/", "").replace(str(self.desk.clone), ".")
        plain = plain.replace(str(self.desk.folder), "$RUNNER_TEMP")
        lines = [line.rpartition("\r")[2].rstrip()[:_LONGEST] for line in plain.rstrip().splitlines()]
        return [*[line for line in lines if line][-LAST:]]


def _title(step: Step) -> str:
    return step.node.get("name").text or (step.run or step.uses).strip().partition("\n")[0]


def _named(node: Node) -> dict[str, str]:
    return {name: value.text for name, value in node.mapping.items()}


def _settings(text: str) -> dict[str, str]:
    """Lines NAME=value, and NAME<<WORD with the lines until that word."""
    found: dict[str, str] = {}
    for block in _SETTING.finditer(text):
        found[block[1] or block[4]] = (block[3] or "") if block[1] else block[5]
    return found


def _matching(root: Path, patterns: list[str]) -> set[Path]:
    """The files at some paths, each a file, a folder or a glob; one with ``!`` takes away again."""
    found: set[Path] = set()
    for pattern in filter(None, (each.strip() for each in patterns)):
        place = Path(pattern.removeprefix("!"))
        origin = Path(place.anchor) if place.is_absolute() else root
        inner = str(place.relative_to(origin)) if place.is_absolute() else str(place)
        places = origin.glob(inner) if inner != "." else [root]
        files = {file for each in places for file in ([each] if each.is_file() else _shown(each))}
        found = found - files if pattern.startswith("!") else found | files
    return found


def _shown(folder: Path) -> Iterator[Path]:
    """The files of a folder that an upload takes: none that is hidden."""
    for file in folder.rglob("*"):
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(folder).parts):
            yield file
