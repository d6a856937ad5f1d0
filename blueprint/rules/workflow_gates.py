"""CIC-003: nothing in a workflow lets a stage pass that has failed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from blueprint.evidence import Finding, Findings
from blueprint.shell import Command, commands
from blueprint.workflows import Job, Step, Workflow, looked_at, without_marks

_SILENT = frozenset({"true", ":", "exit 0", "return 0"})
_WORDS_ONLY = frozenset({"echo", "printf"})
_ENDS = frozenset({"exit", "return", "false"})
_ALWAYS = re.compile(r"\balways\(\)|\bfailure\(\)|!\s*cancelled\(\)")
_LOOKS_AT_RESULT = re.compile(r"\bneeds\b[^&|]*\bresult\b")
_NEVER = frozenset({"false", "0", "''", "null"})
EXIT_0: dict[str, str] = {
    "--exit-zero": "exits 0 whatever it finds",
    "--exit-zero-even-if-changed": "exits 0 whatever it finds",
    "--collect-only": "runs no test",
    "--co": "runs no test",
    "--no-exit-code": "exits 0 whatever it finds",
    "--suppress-exit-code": "exits 0 whatever it finds",
    "--exit-code=0": "exits 0 whatever it finds",
    "--soft-fail": "exits 0 whatever it finds",
    "--passWithNoTests": "passes where there is no test",
}
"""Options that take a tool's say from it."""
_PROMISES = re.compile(
    r"\b(test|lint|check|scan|verif|validat|audit|deploy|build|publish|release|upload|install|pytest|ruff|mypy)\w*",
    re.IGNORECASE,
)
"""What the name of a step says that it does."""
_QUIET_TOOLS = frozenset({"ruff", "pylint", "flake8", "bandit", "pytest", "mypy", "trivy", "checkov", "jest", "vitest"})
_PIPE_REMEDY = "set -o pipefail, or name `shell: bash`, under which GitHub sets it"


def ignored_failures(workflows: Sequence[Workflow], population: Iterable[str]) -> Findings:
    """Every way in which a workflow would be green though something in it failed."""
    found: list[Finding] = []
    steps = 0
    for workflow in workflows:
        found += workflow.faults
        if workflow.faults:
            continue
        for job in workflow.jobs.values():
            found += _in_job(job)
            for step in job.steps:
                steps += 1
                found += _in_step(step)
    paths = [workflow.path for workflow in workflows]
    return Findings.of(
        looked_at(workflows), population, found, f"{steps} steps of {len(paths)} workflows fail when they fail"
    )


def _in_job(job: Job) -> Iterator[Finding]:
    if _is_on(job.node.get("continue-on-error").text):
        yield Finding("the job goes on after an error", job.place("continue-on-error"), "remove continue-on-error")
    if job.condition.casefold() in _NEVER and "if" in job.node.mapping:
        yield Finding("the job never runs, and counts as passed", job.place("if"), "remove the condition, or the job")
    text = " ".join((job.condition, *(f"{step.run} {step.node.get('if').text}" for step in job.steps)))
    if job.needs and _ALWAYS.search(job.condition) and not _LOOKS_AT_RESULT.search(text):
        what = f"the job runs whatever became of {', '.join(job.needs)}, and looks at no result"
        yield Finding(what, job.place("if"), "ask for needs.*.result, or remove the condition")


def _in_step(step: Step) -> Iterator[Finding]:
    if _is_on(step.node.get("continue-on-error").text):
        yield Finding("the step goes on after an error", step.place("continue-on-error"), "remove continue-on-error")
    condition = without_marks(step.node.get("if").text)
    if "if" in step.node.mapping and condition.casefold() in _NEVER:
        yield Finding("the step never runs", step.place("if"), "remove the condition, or the step")
    if step.run:
        yield from _in_shell(step)
        yield from _empty_promise(step)


def _empty_promise(step: Step) -> Iterator[Finding]:
    """A step that is named after what gates, and whose commands only print words."""
    promise = _PROMISES.search(step.node.get("name").text)
    found = [command for command in commands(step.run) if command.name not in {"set", "cd"}]
    idle = all(" ".join(each.words) in _SILENT or each.name in _WORDS_ONLY for each in found)
    if promise and idle and not any(each.writes for each in found):
        name = step.node.get("name").text
        yield Finding(
            f"{name!r} is promised, and the commands only print words", step.place("run"), "do it, or drop it"
        )


def _is_on(text: str) -> bool:
    return bool(text) and without_marks(text).casefold() != "false"


def _in_shell(step: Step) -> Iterator[Finding]:
    below = next(step.lines())[0]
    found = commands(step.run)
    strict = _has_pipefail(step, found)
    if "{0}" in step.shell and not re.search(r"(^|\s)-\w*e", step.shell):
        yield Finding(f"the shell {step.shell!r} goes on after an error", step.place("shell"), "add -e")
    for index, command in enumerate(found):
        place = step.place("run", below + command.line)
        if command.before == "||" and _is_silent(found, index):
            yield Finding(f"`|| {' '.join(command.words)}` makes a failure a success", place, "remove it")
        if command.after in {"|", "|&"} and not strict and command.name not in _WORDS_ONLY:
            what = f"the exit code of `{command.name}` is lost in a pipe"
            yield Finding(what, place, _PIPE_REMEDY)
            strict = True  # told once a step
        if command.words[:2] == ["set", "+e"] or command.words[:3] == ["set", "+o", "errexit"]:
            yield Finding("`set +e` lets the script go on after an error", place, "remove it")
        if command.words == ["exit", "0"] and index == len(found) - 1 and command.before in {";", ""} and index:
            yield Finding("`exit 0` ends the script as a success", place, "remove it")
        yield from _toothless(command, step, below)


def _toothless(command: Command, step: Step, below: int) -> Iterator[Finding]:
    tools = _QUIET_TOOLS.intersection(word.rpartition("/")[2] for word in command.words)
    for word in command.words:
        if tools and (meaning := EXIT_0.get(word)):
            what = f"`{min(tools)} {word}` {meaning}"
            yield Finding(what, step.place("run", below + command.line), f"remove {word}")


def _is_silent(found: Sequence[Command], index: int) -> bool:
    """Whether what stands behind ``||`` succeeds, and nothing behind it ends the script after all."""
    command, behind = found[index], found[index + 1 : index + 3]
    if " ".join(command.words) in _SILENT:
        return True
    ends = any(other.name in _ENDS and other.words[1:] != ["0"] for other in behind if other.line == command.line)
    return command.name in _WORDS_ONLY and not ends


def _has_pipefail(step: Step, found: Sequence[Command]) -> bool:
    """Whether a failed part fails a pipe: GitHub's own ``bash`` does so only where it is named."""
    if step.shell.strip() in {"bash", "pwsh", "powershell", "python", "cmd"} or "pipefail" in step.shell:
        return True
    return any(command.name == "set" and "pipefail" in command.words for command in found)
