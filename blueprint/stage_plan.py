"""Which jobs of the pipeline are which stage of the blueprint, and which of their steps have to run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from blueprint.rules.workflow_stages import STAGES, follows
from blueprint.workflow_deeds import deeds, ends_before
from blueprint.workflows import CI, DOCS_QUALITY, Job, Step, Workflow, without_marks

CASES = ("lint", "tests", "cluster", "smoke", "docs")
"""The stages of the blueprint by short names, in order."""
UPLOAD = re.compile(r"actions/upload-artifact$")
_STAND_INS = re.compile(r"actions/(checkout|cache|upload-artifact)$|/setup-[\w-]+$")
_ALWAYS = ("always()", "!cancelled()")
_GREEN = ("", "success()")
_ELSEWHERE = re.compile(r"windows|macos")


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """A job of a stage, in the workflow that holds its steps."""

    workflow: Workflow
    job: Job

    @property
    def name(self) -> str:
        """Its workflow and key."""
        return f"{self.workflow.path} jobs.{self.job.id}"

    @property
    def awaited(self) -> frozenset[str]:
        """The names of the jobs of the same workflow that have ended before it."""
        return frozenset(f"{self.workflow.path} jobs.{each}" for each in ends_before(self.workflow, self.job))

    @property
    def beyond(self) -> str:
        """Why it cannot be run on a desk as it is written; empty where it can."""
        node = self.job.node
        if self.job.uses:
            return f"calls {self.job.uses}, which is not in this checkout"
        if "container" in node.mapping or "services" in node.mapping:
            return "wants containers that a runner starts around it"
        if _ELSEWHERE.search(node.get("runs-on").text):
            return f"runs on {node.get('runs-on').text}"
        return ""

    def step_name(self, step: Step) -> str:
        """Where a step stands."""
        return f"{self.workflow.path} {step.key}"


def stages(workflows: Sequence[Workflow], texts: Mapping[str, str]) -> dict[str, tuple[PlannedJob, ...]]:
    """The jobs of each stage, each behind those that it waits for.

    A job is of the next stage that it does something of, else of the last one before; one that does nothing of any
    stage is of the stage that was reached. A stage that no job is of is in the first job that does something of it.

    Args:
        workflows: those that there are.
        texts: what is followed from them: noxfile.py, Makefile and scripts, by path.
    """
    by_path = {workflow.path: workflow for workflow in workflows if not workflow.faults}
    found: dict[str, list[Job]] = {case: [] for case in CASES}
    ci, docs = by_path.get(CI), by_path.get(DOCS_QUALITY)
    if not ci:
        return dict.fromkeys(CASES, ())
    done = _done(ci, texts)
    reached = 0
    for number, job in enumerate(_in_order(ci)):
        there = done.get(job.id, [])
        within = [index for index in there if index <= reached + bool(number)]
        reached = max(reached, index := max(within) if within else min(there, default=reached))
        found[CASES[index]].append(job)
    for index, case in enumerate(CASES):
        found[case] = found[case] or [job for job in _in_order(ci) if index in done.get(job.id, [])][:1]
    planned = {
        case: tuple(each for job in jobs for each in _followed(ci, job, by_path)) for case, jobs in found.items()
    }
    if not planned["docs"] and docs and follows(docs, ci):
        planned["docs"] = tuple(PlannedJob(docs, job) for job in _in_order(docs))
    return planned


def runs(condition: str, *, failed: bool) -> bool | None:
    """Whether a step of this ``if`` runs behind steps of which one failed, or none did; None where nobody can tell."""
    plain = without_marks(condition)
    known = {**dict.fromkeys(_ALWAYS, True), **dict.fromkeys(_GREEN, not failed)}
    return {**known, "failure()": failed, "cancelled()": False}.get(plain)


def is_stood_in(action: str) -> bool:
    """Whether a desk has what an action would bring: the checkout, tools, a place for artefacts."""
    return bool(_STAND_INS.search(action.partition("@")[0]))


def _done(ci: Workflow, texts: Mapping[str, str]) -> dict[str, list[int]]:
    """The stages that each job does something of, by their numbers."""
    found: dict[str, list[int]] = {}
    for deed in deeds(ci, texts):
        numbers = [index for index, (_, parts) in enumerate(STAGES) if deed.what in parts]
        found.setdefault(deed.job, []).extend(numbers)
    return found


def _in_order(workflow: Workflow) -> list[Job]:
    """Jobs behind those that they wait for, else as they stand."""
    return sorted(workflow.jobs.values(), key=lambda job: len(ends_before(workflow, job)))


def _followed(ci: Workflow, job: Job, by_path: Mapping[str, Workflow]) -> tuple[PlannedJob, ...]:
    """A job, or the jobs of the workflow that it calls."""
    called = by_path.get(job.uses.removeprefix("./")) if job.uses.startswith("./") else None
    return tuple(PlannedJob(called, each) for each in _in_order(called)) if called else (PlannedJob(ci, job),)
