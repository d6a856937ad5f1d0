"""CHG: what a change of the deployment owes to whoever runs it: an entry, a version, a tag."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import PurePosixPath
from shlex import quote

from blueprint.changelog import KINDS, Changelog, Section, read_changelog
from blueprint.compose.nodes import Node
from blueprint.compose.reading import read_yaml
from blueprint.documents import Document
from blueprint.evidence import Finding, Findings, Place
from blueprint.history import History
from blueprint.versions import Version, read_release_tag, read_version
from blueprint.workflows import matches

CHANGELOG = "docs/changelog.md"
PROJECT = "pyproject.toml"
CHARTS = ("infra/helm/soma-infra", "infra/helm/soma-stack")
RELEASE_WORKFLOW = ".github/workflows/release.yml"
_SHOWN = 5


def disordered_changelog(page: Document, project: Document, charts: Sequence[Document]) -> Findings:
    """CHG-001: the page keeps its form, and its newest release is the version of the project and of the charts."""
    places = [PROJECT, *(chart.path for chart in charts)]
    if not page:
        return Findings.of((), [page.path, *places], [page.absence("begin it with # Changelog and ## [Unreleased]")])
    changelog = read_changelog(page.text)
    versions = {document.path: _version_of(document) for document in (project, *charts)}
    found = [*_offences_of_form(changelog, page.path), *_disagreements(changelog, page.path, versions)]
    sections = [f"line {section.line}" for section in changelog.sections]
    newest = changelog.newest.name if changelog.newest else "none"
    observed = f"{len(sections)} sections in order; the newest release is {newest} everywhere"
    return Findings.of([*sections, *places], [*_second_level_headings(page.text), *places], found, observed)


def _second_level_headings(text: str) -> Iterator[str]:
    """The places of the sections by a second path: a Markdown parser."""
    from markdown_it import MarkdownIt

    for token in MarkdownIt("commonmark").parse(text):
        if token.type == "heading_open" and token.tag == "h2" and token.map:
            yield f"line {token.map[0] + 1}"


def _offences_of_form(changelog: Changelog, path: str) -> Iterator[Finding]:
    if changelog.title.casefold().replace(" ", "") != "changelog":
        yield Finding(f"the page is headed {changelog.title!r}, not Changelog", Place(path, 1), "head it # Changelog")
    if not changelog.newest:
        yield Finding("no release is in the changelog", Place(path, 1), "head one ## [x.y.z] - YYYY-MM-DD")
    for index, section in enumerate(changelog.sections):
        yield from _offences_of_section(section, path, first=index == 0)
    releases = [section for section in changelog.sections if section.version]
    for newer, older in pairwise(releases):
        yield from _offences_of_order(newer, older, path)


def _offences_of_section(section: Section, path: str, *, first: bool) -> Iterator[Finding]:
    place = Place(path, section.line, section.name)
    if section.is_unreleased:
        if not first:
            yield Finding("Unreleased is not the first section", place, "move it above the newest release")
    elif not section.version:
        yield Finding("is neither Unreleased nor a version of three numbers", place, "head it ## [x.y.z] - YYYY-MM-DD")
    elif not section.released_on:
        yield Finding(f"has no day of the calendar: {section.day!r}", place, "head it ## [x.y.z] - YYYY-MM-DD")
    if section.version and not section.entries:
        yield Finding("releases nothing: it has no entry", place, "say what changed, under ### Added, ### Changed, …")
    for kind, line in section.kinds:
        if kind not in KINDS:
            yield Finding(f"{kind!r} is no kind of change", Place(path, line, section.name), f"use {', '.join(KINDS)}")


def _offences_of_order(newer: Section, older: Section, path: str) -> Iterator[Finding]:
    place = Place(path, older.line, older.name)
    if newer.version and older.version and not newer.version > older.version:
        yield Finding(f"stands below {newer.name}, which is not newer", place, "put the newest release first")
    if newer.released_on and older.released_on and newer.released_on < older.released_on:
        yield Finding(f"was released on {older.day}, after {newer.name}", place, "correct the days")


def _disagreements(changelog: Changelog, path: str, versions: Mapping[str, Node | Finding]) -> Iterator[Finding]:
    newest = changelog.newest
    for file, version in versions.items():
        if isinstance(version, Finding):
            yield version
        elif newest and read_version(version.text) != newest.version:
            what = f"the version is {version.text or 'empty'}; the newest release in {path} is {newest.name}"
            yield Finding(what, Place(file, version.line, "version"), "release the version, or set it to the release")


def _version_of(document: Document) -> Node | Finding:
    """The version that a project or a chart has, or why it has none."""
    if not document:
        return document.absence()
    if document.path.endswith(".toml"):
        return _version_of_project(document)
    read = read_yaml(document.text, document.path)
    if read.faults:
        return read.faults[0]
    return read.documents[0].get("version") if read.documents else Node(None, document.path, 1)


def _version_of_project(document: Document) -> Node | Finding:
    try:
        tables = tomllib.loads(document.text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        return Finding(f"is not TOML: {error}", Place(document.path, int(line[1]) if line else 1))
    version = tables.get("project", {}).get("version") or tables.get("tool", {}).get("poetry", {}).get("version")
    lines = enumerate(document.text.split("\n"), 1)
    at = next((number for number, text in lines if re.match(r"version\s*=", text)), 1)
    return Node(str(version or ""), document.path, at)


def unrecorded_changes(history: History, page: Document) -> Findings:
    """CHG-002: where infra/ differs from the last release, the changelog has an entry that was not in it then."""
    population = [f"infra/ {history.since}"]
    if not page:
        return Findings.of(population, population, [page.absence("begin it with # Changelog and ## [Unreleased]")])
    changelog = read_changelog(page.text)
    before = {entry.text for entry in read_changelog(history.then.get(page.path, "")).entries()}
    base = read_release_tag(history.base)
    fresh = [entry for section in _since(changelog, base) for entry in section.entries if entry.text not in before]
    observed = f"{len(history.changed)} files under infra/ changed {history.since}, {len(fresh)} entries say why"
    if not history.changed or fresh:
        return Findings.of(population, population, (), observed)
    unreleased = next((section.line for section in changelog.sections if section.is_unreleased), 1)
    what = f"no entry is new {history.since}, and {_told(history.changed)} changed"
    remedy = "write under ## [Unreleased] what changed for whoever runs it"
    return Findings.of(population, population, [Finding(what, Place(page.path, unreleased), remedy)])


def _since(changelog: Changelog, base: Version | None) -> list[Section]:
    """The sections that can hold what came after a release."""
    return [
        section
        for section in changelog.sections
        if section.is_unreleased or (section.version and (not base or section.version > base))
    ]


def _told(paths: Iterable[str]) -> str:
    ordered = sorted(paths)
    rest = len(ordered) - _SHOWN
    return ", ".join(ordered[:_SHOWN]) + (f" and {rest} more files" if rest > 0 else "")


def unraised_chart_versions(history: History, charts: Sequence[Document], population: Iterable[str]) -> Findings:
    """CHG-003: a chart that differs from the last release has a version that comes after the one it had there.

    Without a release it is held against the root commit: a chart that was not in it has its first version.

    Args:
        history: the way from the last release.
        charts: the Chart.yaml files there are.
        population: the paths of those that there are, or must be.
    """
    found = [finding for chart in charts if (finding := _unraised(history, chart))]
    then = history.then if history.base else history.root_then
    changed = sum(chart.path in then and _has_changed(history, chart.path) for chart in charts)
    fresh = sum(chart.path not in then for chart in charts)
    observed = f"{changed} of {len(charts)} charts changed {history.since}, each under a higher version"
    if fresh:
        observed += f"; {fresh} were not there then, and have their first version"
    return Findings.of([chart.path for chart in charts], population, found, observed)


def _has_changed(history: History, chart: str) -> bool:
    folder = f"{PurePosixPath(chart).parent}/"
    return any(path.startswith(folder) for path in (history.changed if history.base else history.root_changed))


def _unraised(history: History, chart: Document) -> Finding | None:
    then = (history.then if history.base else history.root_then).get(chart.path)
    now = _version_of(chart)
    if isinstance(now, Finding):
        return now
    version = read_version(now.text)
    place = Place(chart.path, now.line, "version")
    if not version:
        return Finding(f"{now.text!r} is no semantic version", place, "write it as x.y.z")
    if then is None or not _has_changed(history, chart.path):
        return None
    before = _version_of(Document(chart.path, then))
    older = None if isinstance(before, Finding) else read_version(before.text)
    if older is None or version > older:
        return None
    folder = f"{PurePosixPath(chart.path).parent}/"
    files = history.changed if history.base else history.root_changed
    changed = _told(path for path in files if path.startswith(folder))
    at = history.base or "the root commit"
    return Finding(f"the version is {version}, at {at} it was {older}, and {changed} changed", place, "raise it")


def malformed_tags(tags: Sequence[str], workflow: Document) -> Findings:
    """CHG-005: every tag is v<major>.<minor>.<patch>, and pushing one starts the release workflow, no other does."""
    found = [
        Finding("is no tag of the form v<major>.<minor>.<patch>", Place(key=f"tag {tag}"), f"git tag -d {quote(tag)}")
        for tag in tags
        if not read_release_tag(tag)
    ]
    found += _offences_of_trigger(workflow)
    names = [f"tag {tag}" for tag in tags] + [RELEASE_WORKFLOW]
    return Findings.of(names, names, found, f"{len(tags)} tags have the form, and such a tag starts a release")


def _offences_of_trigger(workflow: Document) -> list[Finding]:
    if not workflow:
        return [workflow.absence("release on push of tags v[0-9]+.[0-9]+.[0-9]+")]
    read = read_yaml(workflow.text, workflow.path)
    if read.faults or not read.documents:
        return read.faults or [Finding("is empty", Place(workflow.path, 1))]
    tags = read.documents[0].get("on", "push", "tags")
    place, remedy = tags.place("on.push.tags"), "write tags: ['v[0-9]+.[0-9]+.[0-9]+']"
    patterns = [node.text for node in tags.items or [tags] if node.text]
    if not matches(patterns, "v10.2.3"):
        return [Finding("no push of a tag such as v10.2.3 starts a release", place, remedy)]
    others = [tag for tag in ("10.2.3", "release-10.2.3", "soma-infra-10.2.3", "latest") if matches(patterns, tag)]
    return [Finding(f"a push of the tag {tag} starts a release too", place, remedy) for tag in others]
