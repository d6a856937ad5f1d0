"""CIC-006: what the stages of the pipeline came to when they were run by their own commands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from blueprint.evidence import Finding, Findings
from blueprint.live import rows, table
from blueprint.stage_plan import PlannedJob, is_stood_in, runs
from blueprint.workflows import Step

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_REMEDY = "run the command in a clone of HEAD, and mend what it reports"


def red_steps(stage: str, jobs: Sequence[PlannedJob], seen: object) -> Findings:
    """Steps of a stage that did not end with 0, and those that were not run.

    Args:
        stage: its name.
        jobs: those that it consists of.
        seen: what each step came to: ``at``, ``kind``, ``exit_code``, ``seconds`` and what it ``said`` last.
    """
    steps = {planned.step_name(step): (planned, step) for planned in jobs for step in planned.job.steps}
    told = rows(table(seen).get("steps"))
    done = [row for row in told if row.get("kind") in {"ran", "uploaded"}]
    green = {str(row.get("at")) for row in done if row.get("exit_code") == 0}
    found = [_finding(*steps[name], row) for row in done if (name := str(row.get("at"))) in steps and name not in green]
    commands = [row for row in done if row.get("kind") == "ran"]
    minutes = sum(float(row.get("seconds", 0.0)) for row in commands) / 60
    uploads = sum(row.get("kind") == "uploaded" for row in done)
    observed = f"stage {stage}: {len(commands)} commands ended with 0 in {minutes:.1f} min"
    observed += f", {uploads} artefacts are there" if uploads else ""
    counted = frozenset(name for planned in jobs for name in _counted(planned))
    return Findings.of(green & counted if commands else (), counted, found, observed)


def _finding(planned: PlannedJob, step: Step, row: Mapping[str, Any]) -> Finding:
    code, said = row.get("exit_code"), [str(line) for line in row.get("said", ())]
    key = "run" if step.run else "uses"
    first, *more = (step.run or step.uses).strip().split("\n")
    ended = "was not done in its time" if code is None else f"ended with exit code {code}"
    last = f": {said[-1]}" if said else ", and said nothing"
    lines = "".join(f"\n    {line}" for line in said[:-1][-19:])
    before = f"\n  before that:{lines}" if lines else ""
    what = f"job {planned.job.id}: `{first}{' …' if more else ''}` {ended}{last}{before}"
    return Finding(what, step.place(key), _REMEDY)


def _counted(planned: PlannedJob) -> Iterator[str]:
    """What of a job has to be run, counted by a second path: a plain reader of the text, without places."""
    job = table(table(table(_plain(planned.workflow.document.text)).get("jobs")).get(planned.job.id))
    if planned.beyond:
        yield planned.name
    if runs(str(job.get("if", "")), failed=False) is False:
        return
    for number, step in enumerate(rows(job.get("steps"))):
        wanted = runs(str(step.get("if", "")), failed=False) is not False
        uploads = table(step.get("with")).get("if-no-files-found") == "error"
        if wanted and ("run" in step or uploads or not is_stood_in(str(step.get("uses", "")))):
            yield f"{planned.workflow.path} jobs.{planned.job.id}.steps[{number}]"


def _plain(text: str) -> object:
    try:
        return yaml.load(text, Loader=_LOADER)  # noqa: S506 - it is a safe loader, in C where there is one
    except (yaml.YAMLError, RecursionError, ValueError):
        return None
