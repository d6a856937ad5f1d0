"""CIC-002: the five stages of the blueprint stand in the pipeline, each behind the one before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from blueprint.evidence import Finding, Findings, Place
from blueprint.workflow_deeds import (
    ARTEFACTS,
    DOCS,
    INFRA,
    KIND,
    LINKS,
    MARKDOWN,
    MKDOCS,
    MYPY,
    PYTEST,
    RUFF,
    SMOKE,
    STACK,
    Deed,
    deeds,
    ends_before,
    left_out,
)
from blueprint.workflows import CI, DOCS_QUALITY, Workflow, looked_at

STAGES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("1, lint", (RUFF, MYPY)),
    ("2, tests", (PYTEST,)),
    ("3, cluster", (KIND, INFRA, STACK)),
    ("4, smoke tests", (SMOKE, ARTEFACTS)),
    ("5, documentation", (DOCS,)),
)
"""The stages of the blueprint, and what is done in each."""
DOCUMENTATION = (LINKS, MARKDOWN, MKDOCS)
"""What the documentation workflow does, in whatever order."""
_REMEDY = "connect the job to the one before it with needs, or put the step behind"


def disordered_stages(workflows: Sequence[Workflow], texts: Mapping[str, str], population: Iterable[str]) -> Findings:
    """Every stage is there, and begins when the one before it has ended.

    Args:
        workflows: those that there are, and those that must be.
        texts: what is followed from them: noxfile.py, Makefile and scripts, by path.
        population: the paths of the two workflows of the blueprint, counted by a second path.
    """
    by_path = {workflow.path: workflow for workflow in workflows}
    pair = [by_path[path] for path in (CI, DOCS_QUALITY) if path in by_path]
    found = [fault for workflow in pair for fault in workflow.faults]
    ci, docs = by_path.get(CI), by_path.get(DOCS_QUALITY)
    if ci and not ci.faults:
        done = deeds(ci, texts)
        if docs and not docs.faults and follows(docs, ci):
            done.append(Deed(DOCS, "", (0, 0), Place(docs.path, docs.root.get("on").line, "on.workflow_run")))
        found += _offences(ci, texts, done)
    if docs and not docs.faults:
        there = {deed.what for deed in deeds(docs, texts)}
        missing = [what for what in DOCUMENTATION if what not in there]
        found += [_missing(docs, texts, what, f"no step does {what}") for what in missing]
    return Findings.of(looked_at(pair), population, found, f"{len(STAGES)} stages stand in order in {CI}")


def follows(docs: Workflow, ci: Workflow) -> bool:
    """Whether the documentation workflow starts when the pipeline has ended."""
    names = docs.root.get("on", "workflow_run", "workflows")
    return ci.root.get("name").text in {node.text for node in names.items} and bool(names.items)


def _missing(workflow: Workflow, texts: Mapping[str, str], what: str, words: str) -> Finding:
    """Told where the suite is run and narrowed so that it leaves it out, else where the jobs begin."""
    if place := left_out(workflow, texts).get(what):
        return Finding(f"{words}: this run of the suite is narrowed, and leaves it out", place, "widen its -k")
    jobs = Place(workflow.path, workflow.root.get("jobs").line or 1, "jobs")
    return Finding(words, jobs, _add(what))


def _offences(ci: Workflow, texts: Mapping[str, str], done: Sequence[Deed]) -> Iterator[Finding]:
    """What is missing, and what begins too early; a stage is behind another when all of that has ended before."""
    before: list[list[Deed]] = []  # of the stage before, for each thing that is done in it, where it is in its place
    for title, parts in STAGES:
        placed = []
        for what in parts:
            there = [deed for deed in done if deed.what == what]
            behind = [deed for deed in there if all(any(_is_behind(ci, deed, e) for e in each) for each in before)]
            if not there:
                yield _missing(ci, texts, what, f"stage {title}: there is no step for {what}")
            elif not behind:
                early = next(each for each in before if not any(_is_behind(ci, there[0], e) for e in each))
                yield Finding(
                    f"stage {title}: the step for {what} does not wait for {early[0].what}", there[0].place, _REMEDY
                )
            if there:
                placed.append(behind or there)  # told once, not again for each stage behind it
        before = placed or before


def _add(what: str) -> str:
    return "uses: ./.github/workflows/docs-quality.yml" if what == DOCS else f"add a step for {what}"


def _is_behind(ci: Workflow, later: Deed, earlier: Deed) -> bool:
    """Whether a deed begins when another has ended; one command that does both has an order of its own."""
    if later.job == earlier.job:
        return later.at >= earlier.at
    return not later.job or earlier.job in ends_before(ci, ci.jobs[later.job])
