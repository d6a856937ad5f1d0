"""A changelog in the manner of Keep a Changelog, read with the line of everything in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from blueprint.versions import Version, read_version

KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
"""The headings under which entries stand."""
UNRELEASED = "Unreleased"
_HEADING = re.compile(r"(#{1,6})[ \t]+(.+?)[ \t]*#*")
_RELEASE = re.compile(
    r"""\[?(?P<name>[^\]\s]+)\]?(?:\([^)]*\))?   # [1.0.0], or with its link
    (?:\s+[-\u2013\u2014]\s+(?P<day>\S+))?      # the day, after a hyphen or a dash
    (?:\s+\[YANKED\])?""",
    re.IGNORECASE | re.VERBOSE,
)
_ENTRY = re.compile(r"[ \t]{0,3}[-*+][ \t]+(\S.*)")
_FENCE = re.compile(r"[ \t]{0,3}(```|~~~)")
_SECTION_LEVEL = 2
_KIND_LEVEL = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """One bullet: its text on one line, and the line on which it begins."""

    text: str
    line: int


@dataclass(slots=True)
class Section:
    """What stands under one ``##`` heading.

    Attributes:
        name: ``Unreleased``, or the version as it is written.
        line: of the heading.
        version: None for what is not released, and for what is no version.
        day: the date as it is written, empty where none is.
        kinds: the ``###`` headings with their lines.
        entries: the bullets.
    """

    name: str
    line: int
    version: Version | None
    day: str
    kinds: list[tuple[str, int]] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)

    @property
    def is_unreleased(self) -> bool:
        """Whether it holds what the next release will."""
        return self.name.casefold() == UNRELEASED.casefold()

    @property
    def released_on(self) -> date | None:
        """The day of the release, None where it is no day of the calendar."""
        try:
            return date.fromisoformat(self.day) if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", self.day) else None
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Changelog:
    """The title of the page, empty where it has none, and its sections in the order of the page."""

    title: str
    sections: tuple[Section, ...]

    @property
    def newest(self) -> Section | None:
        """The first section with a version."""
        return next((section for section in self.sections if section.version), None)

    def entries(self) -> Iterator[Entry]:
        """Every entry of every section."""
        for section in self.sections:
            yield from section.entries


def read_changelog(text: str) -> Changelog:
    """Read a changelog; what is in code blocks and comments is no part of it."""
    title = ""
    sections: list[Section] = []
    for number, line in _prose(text):
        heading = _HEADING.fullmatch(line)
        if heading:
            level, words = len(heading[1]), heading[2]
            if level == 1 and not title:
                title = words
            elif level == _SECTION_LEVEL:
                sections.append(_section(words, number))
            elif level == _KIND_LEVEL and sections:
                sections[-1].kinds.append((words, number))
        elif sections and (entry := _ENTRY.fullmatch(line)):
            sections[-1].entries.append(Entry(" ".join(entry[1].split()), number))
        elif sections and sections[-1].entries and line.startswith(("  ", "\t")) and line.strip():
            last = sections[-1].entries.pop()
            sections[-1].entries.append(Entry(" ".join(f"{last.text} {line}".split()), last.line))
    return Changelog(title, tuple(sections))


def _section(words: str, line: int) -> Section:
    form = _RELEASE.fullmatch(words)
    name = form["name"] if form else words
    return Section(name, line, read_version(name.removeprefix("v")), (form["day"] or "") if form else "")


def _prose(text: str) -> Iterator[tuple[int, str]]:
    fence = ""
    for number, raw in enumerate(re.sub(r"<!--.*?-->", _blanked, text, flags=re.DOTALL).split("\n"), 1):
        line = raw.removesuffix("\r")
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif mark and mark[1] == fence:
            fence = ""
        elif not fence:
            yield number, line


def _blanked(comment: re.Match[str]) -> str:
    return "\n" * comment[0].count("\n")
