"""CIC-001 and CIC-005: the workflows are there, can run, run on what they must, and trust as little as they can."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING

from blueprint.compose.nodes import Node
from blueprint.evidence import Finding, Findings, Place
from blueprint.trouble import Trouble
from blueprint.workflows import CI, DOCS_QUALITY, Workflow, looked_at

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

PATTERNS = (".github/workflows/*.yml", ".github/workflows/*.yaml")
"""Where workflows are, in the subject's glob."""
REQUIRED = (CI, DOCS_QUALITY)
_FOLDER, _SCHEMA = "builtin_schemas", "vendor/github-workflows.json"
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_DIGEST = re.compile(r"docker://.+@sha256:[0-9a-f]{64}")
_SHOWN = 5
_LONGEST = 120


def idle_workflows(workflows: Sequence[Workflow], branch: str, population: Iterable[str]) -> Findings:
    """CIC-001: every workflow parses and meets the schema; the two of the blueprint run on a branch and on requests.

    Args:
        workflows: those that there are, and those that must be.
        branch: the default branch.
        population: the paths of the same, counted by a second path.
    """
    found: list[Finding] = []
    for workflow in workflows:
        found += workflow.faults or list(_schema_faults(workflow))[:_SHOWN]
    sound = [workflow for workflow in workflows if not workflow.faults]
    for required in (workflow for workflow in sound if workflow.path in REQUIRED):
        callers = [other for other in sound if other.calls(required.path)]
        found += _missing_triggers(required, [required, *callers], branch)
    observed = f"{len(sound)} workflows can run; {' and '.join(REQUIRED)} run on {branch} and on pull requests"
    return Findings.of([workflow.path for workflow in workflows], population, found, observed)


def _missing_triggers(workflow: Workflow, runners: Sequence[Workflow], branch: str) -> Iterator[Finding]:
    on = workflow.root.get("on")
    place = Place(workflow.path, on.line, "on")
    if not any(runner.takes_push(branch) for runner in runners):
        yield Finding(f"no push to the default branch {branch} runs it", place, f"on: push: branches: [{branch}]")
    if not any(runner.takes_pull_requests(branch) for runner in runners):
        yield Finding(f"no pull request to {branch} runs it", place, "on: pull_request:")


@cache
def _validator() -> Validator:
    from jsonschema import Draft7Validator

    found = find_spec("check_jsonschema")  # found and not imported: its command line takes half a second to load
    if found is None or found.origin is None:
        raise Trouble(
            "check-jsonschema, which carries the schema, is not installed", next_command="nox -s verify-static"
        )
    return Draft7Validator(json.loads(Path(found.origin).with_name(_FOLDER).joinpath(_SCHEMA).read_text("utf-8")))


def _schema_faults(workflow: Workflow) -> Iterator[Finding]:
    for error in _validator().iter_errors(workflow.root.plain()):
        yield _schema_fault(_deepest(error), workflow.root)


def _deepest(error: ValidationError) -> ValidationError:
    """Of several ways to write it, what keeps it from the one that comes closest."""
    from jsonschema.exceptions import best_match

    while error.context:
        nearest = best_match(error.context)
        if nearest is None or len(nearest.absolute_path) < len(error.absolute_path):
            return error
        error = nearest
    return error


def _schema_fault(error: ValidationError, root: Node) -> Finding:
    node, key = root, ""
    for step in error.absolute_path:
        node = node.items[step] if isinstance(step, int) else node.get(str(step))
        key = f"{key}[{step}]" if isinstance(step, int) else f"{key}.{step}".lstrip(".")
    if error.validator in {"additionalProperties", "unevaluatedProperties"}:
        unknown = [name for name in re.findall(r"'([^']+)'", error.message) if name in node.mapping]
        if unknown:
            place = node.get(unknown[0]).place(f"{key}.{unknown[0]}".lstrip("."))
            return Finding(f"{unknown[0]!r} is no key that a workflow has here", place)
    message = shorten(error.message, width=_LONGEST, placeholder=" …")
    return Finding(f"does not meet the schema of workflows: {message}", node.place(key))


def loose_trust(workflows: Sequence[Workflow], population: Iterable[str]) -> Findings:
    """CIC-005: what is used of others is pinned by commit, and nothing may be written but by a job that says so."""
    found: list[Finding] = []
    count = 0
    for workflow in workflows:
        found += workflow.faults
        uses = [*_uses(workflow)] if not workflow.faults else []
        count += len(uses)
        found += [
            Finding(f"{text} is not pinned to a commit", place, "pin it to 40 digits, with the version as a comment")
            for text, place in uses
            if not _is_pinned(text)
        ]
        if not workflow.faults:
            found += _loose_permissions(workflow)
    paths = [workflow.path for workflow in workflows]
    observed = (
        f"{count} uses in {len(paths)} workflows are pinned by commit, and none may write but where a job says so"
    )
    return Findings.of(looked_at(workflows), population, found, observed)


def _uses(workflow: Workflow) -> Iterator[tuple[str, Place]]:
    for job in workflow.jobs.values():
        if job.uses:
            yield job.uses, job.place("uses")
    for step in workflow.steps():
        if step.uses:
            yield step.uses, step.place("uses")


def _is_pinned(uses: str) -> bool:
    if uses.startswith("./"):
        return True
    if uses.startswith("docker://"):
        return _DIGEST.fullmatch(uses) is not None
    return _COMMIT.fullmatch(uses.rpartition("@")[2]) is not None


def _loose_permissions(workflow: Workflow) -> Iterator[Finding]:
    permissions = workflow.root.get("permissions")
    place = Place(workflow.path, permissions.line or 1, "permissions")
    if "permissions" not in workflow.root.mapping:
        open_jobs = [job.id for job in workflow.jobs.values() if "permissions" not in job.node.mapping]
        if open_jobs:
            what = f"the token of {', '.join(open_jobs)} has whatever the repository grants by default"
            yield Finding(what, Place(workflow.path, 1, "permissions"), "permissions: {contents: read}")
    elif permissions.text == "write-all" or any(node.text == "write" for node in permissions.mapping.values()):
        yield Finding("every job may write", place, "grant it to the job that needs it")
    for job in workflow.jobs.values():
        if job.node.get("permissions").text == "write-all":
            yield Finding("the job may write everything", job.place("permissions"), "name what it needs")
