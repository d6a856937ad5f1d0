"""CHG-006: the packages of the charts follow from the commit alone, and the release workflow attaches them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any, Self

from blueprint.documents import Document
from blueprint.evidence import Finding, Findings, Place
from blueprint.naming import Named, names_in
from blueprint.shell import EXPRESSION, Command, commands
from blueprint.workflow_deeds import ends_before
from blueprint.workflows import Job, Step, Workflow

REMEDY = "pack a staged copy on which every file has the time of the commit"
_PACKS = re.compile(r"(^|[._/-])(chart[_-])?pack(age[sd]?|s|ed|ing)?($|[._-])")
_DATED = re.compile(r"(-d|--date|-t|-r|--reference)(=.*)?|-\w*[dt]")
_ANY = "\0"
_VARIABLE = re.compile(r"\$\{\{.*?\}\}|\$\{[^}]*\}|\$\w+|" + EXPRESSION)


@dataclass(frozen=True, slots=True)
class Packed:
    """What two clones of a checkout gave.

    Attributes:
        reason: why nothing could be cloned or packed; empty where it could.
        charts: by the folder of the chart: the ``names`` and ``sums`` of its packages, what helm ``said`` where it
            refused, and the ``differing`` members where the packages are not equal.
    """

    reason: str
    charts: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, seen: Mapping[str, Any]) -> Self:
        """From what the recorder wrote down."""
        return cls(seen["reason"], dict(seen["charts"]))


def irreproducible_packages(
    packed: Packed, charts: Sequence[Document], workflow: Workflow, population: Iterable[str]
) -> Findings:
    """Both charts give one package from two clones, and the release workflow makes these packages and attaches them.

    Args:
        packed: what two clones gave.
        charts: the Chart.yaml files of the blueprint's charts, whether they are there or not.
        workflow: the release workflow.
        population: the paths of the charts and of the workflow, counted by a second path; where nothing could be
            packed, the reason stands among them, and nobody can have examined it.
    """
    found = [chart.absence() for chart in charts if not chart]
    examined = [workflow.path, *(chart.path for chart in charts if not chart)]
    names: dict[str, str] = {}
    for chart in (each for each in charts if each):
        folder = str(PurePosixPath(chart.path).parent)
        if seen := packed.charts.get(folder):
            examined.append(chart.path)
            found += _offences_of(folder, chart.path, seen)
            names[folder] = next(iter(seen["names"]), "")
    found += _offences_of_release(workflow, names)
    count = sum(map(bool, names.values()))
    observed = f"{count} charts give the same package from two clones, and {workflow.path} attaches each"
    rest = [f"({packed.reason})"] if packed.reason else []
    return Findings.of(examined, [*population, *rest], found, observed)


def _offences_of(folder: str, path: str, seen: Mapping[str, Any]) -> Iterator[Finding]:
    place = Place(path, 1)
    if seen["said"]:
        yield Finding(f"cannot be packed from a clone: {seen['said']}", place)
        return
    if len(set(seen["sums"])) > 1:
        where = f", in {', '.join(seen['differing'])}" if seen["differing"] else ""
        yield Finding(f"two clones of one commit give two packages that differ{where}", place, REMEDY)
    name = PurePosixPath(folder).name
    for package in sorted(set(seen["names"])):
        if not re.fullmatch(rf"{re.escape(name)}-\d+\.\d+\.\d+\S*\.tgz", package):
            yield Finding(f"the package is {package}, not {name}-<version>.tgz", place, "name the chart as its folder")


def _offences_of_release(workflow: Workflow, names: Mapping[str, str]) -> list[Finding]:
    if workflow.faults:
        return list(workflow.faults)
    packing = [(job, index, found) for job in workflow.jobs.values() for index, found in _packing(job)]
    jobs = workflow.root.get("jobs")
    if not packing:
        what = "no step packs the charts, so a release has no packages"
        return [Finding(what, Place(workflow.path, jobs.line or 1, "jobs"), "pack both charts, and attach them")]
    found = [finding for job, index, pack in packing if (finding := _undated(job, index, pack))]
    for folder, package in names.items():
        name = PurePosixPath(folder).name
        if not any(_takes(pack.command, name) for _, _, pack in packing):
            found.append(Finding(f"{name} is not packed", packing[0][2].place, f"helm package {folder}"))
        elif not any(_attaches(workflow, job, index, package or f"{name}-1.0.0.tgz") for job, index, _ in packing):
            what = f"no step behind it attaches {package or name} to the release"
            found.append(Finding(what, packing[-1][2].place, "gh release create <tag> <folder>/*.tgz"))
    return found


@dataclass(frozen=True, slots=True)
class _Pack:
    """A command that packs charts: helm's own, or something of the checkout that is named for it."""

    command: Command
    place: Place
    is_helm: bool


def _packing(job: Job) -> Iterator[tuple[int, _Pack]]:
    for index, step in enumerate(job.steps):
        below = next(step.lines())[0] if step.run else 0
        for command in commands(step.run):
            is_helm = _program(command) == "helm" and "package" in command.words[1:3]
            if is_helm or _is_named_for_it(command):
                yield index, _Pack(command, step.place("run", below + command.line), is_helm)


def _program(command: Command) -> str:
    return PurePosixPath(command.name).name


def _is_named_for_it(command: Command) -> bool:
    """Whether it runs a session, target, script or module of the checkout that is named for packing."""
    named = Named()
    names_in([command], ".", frozenset(), named)
    runs = {"session", "target", "script", "module"}
    scripts = {name.text for name in named.names if name.kind == "path" and name.text.endswith((".sh", ".py"))}
    return any(_PACKS.search(each) for each in {name.text for name in named.names if name.kind in runs} | scripts)


def _undated(job: Job, index: int, pack: _Pack) -> Finding | None:
    """Where helm itself packs, files must have been given the commit's time before."""
    if not pack.is_helm:
        return None
    before = [command for step in job.steps[: index + 1] for command in commands(step.run)]
    if any("touch" in command.words and any(map(_DATED.fullmatch, command.words)) for command in before):
        return None
    return Finding("helm packs the time at which the files were cloned", pack.place, REMEDY)


def _takes(command: Command, name: str) -> bool:
    """Whether a packing command can mean a chart: it names it, or names none."""
    words = [word for word in command.words if "soma-" in word]
    return not words or any(name in word for word in words)


def _attaches(workflow: Workflow, job: Job, index: int, package: str) -> bool:
    """Whether a step behind another, in its job or one that waits for it, attaches a package to the release."""
    later = [step for other in workflow.jobs.values() if job.id in ends_before(workflow, other) for step in other.steps]
    return any(fnmatchcase(package, pattern) for step in (*job.steps[index:], *later) for pattern in _attached(step))


def _attached(step: Step) -> Iterator[str]:
    """The patterns of the file names that a step attaches to a release."""
    words: list[str] = []
    for command in commands(step.run):
        if _program(command) == "gh" and command.words[1:3] in (["release", "create"], ["release", "upload"]):
            words += command.words[3:]
    if "release" in step.uses.partition("@")[0].rpartition("/")[2]:
        given = step.node.get("with").mapping
        for key in ("files", "artifacts", "assets", "file", "asset_paths"):
            if key in given:
                words += re.split(r"[\s,]+", _VARIABLE.sub(_ANY, given[key].text))
    for word in words:
        name = PurePosixPath(_VARIABLE.sub(_ANY, word)).name
        if name != _ANY:  # a variable alone is the tag, a title, anything
            yield name.replace(_ANY, "*")
