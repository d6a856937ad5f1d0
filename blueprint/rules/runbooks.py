"""RUN-001: the runbooks say what to type, and the blueprint page leads to them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from posixpath import normpath
from urllib.parse import unquote

from blueprint.documents import Document
from blueprint.evidence import Finding, Findings, Place
from blueprint.markdown_page import Heading, MarkdownPage, read_page
from blueprint.shell import commands

RUNBOOKS = "docs/development-manual/runbooks.md"
SECTIONS: dict[str, re.Pattern[str]] = {
    "start": re.compile(r"\bstart|\bbring[- ]?up|\bboot", re.IGNORECASE),
    "stop": re.compile(r"\bstop|\bshut[- ]?down|\btear[- ]?down", re.IGNORECASE),
    "log collection": re.compile(r"\blogs?\b|\blogging\b", re.IGNORECASE),
    "scaling": re.compile(r"\bscal(e|ing)\b", re.IGNORECASE),
}
"""What the blueprint wants of the page, with how a heading says so."""
LINK = "link from the blueprint page"
_SHELLS = frozenset({"", "bash", "sh", "shell", "console", "zsh", "shell-session"})


def missing_runbooks(runbooks: Document, blueprint: Document) -> Findings:
    """Each of the sections is there with commands in it, and the blueprint page links to the page."""
    population = [*SECTIONS, LINK]
    found = [document.absence() for document in (runbooks, blueprint) if not document]
    page = read_page(runbooks.text) if runbooks else MarkdownPage()
    found += [Finding(page.refused, Place(runbooks.path))] if page.refused else []
    if runbooks and not page.refused:
        found += _missing_sections(page, runbooks.path)
    if blueprint:
        found += _missing_link(read_page(blueprint.text), blueprint.path)
    examined = [*(SECTIONS if runbooks else ()), *([LINK] if blueprint else ())]
    blocks = sum(1 for block in page.code if block.language in _SHELLS)
    return Findings.of(
        examined, population, found, f"{blocks} blocks of commands under the sections, and a link to them"
    )


def _missing_sections(page: MarkdownPage, path: str) -> Iterator[Finding]:
    for name, says in SECTIONS.items():
        headings = [heading for heading in page.headings if heading.level > 1 and says.search(heading.words)]
        if not headings:
            yield Finding(f"no section is about {name}", Place(path, 1, name), "write what to type, in order")
        elif not any(_has_commands(page, heading) for heading in headings):
            place = Place(path, headings[0].line, name)
            yield Finding(f"{headings[0].words!r} holds no command", place, "write what to type, in a block of bash")


def _has_commands(page: MarkdownPage, heading: Heading) -> bool:
    """Whether a section has a block with a command in it, in itself or in a section below it."""
    behind = (other.line for other in page.headings if other.line > heading.line and other.level <= heading.level)
    end = min(behind, default=10**9)
    blocks = (block for block in page.code if heading.line < block.line < end and block.language in _SHELLS)
    return any(commands(block.text) for block in blocks)


def _missing_link(page: MarkdownPage, path: str) -> Iterator[Finding]:
    folder = PurePosixPath(path).parent
    targets = {normpath(str(folder / unquote(link.target.partition("#")[0]))) for link in page.links if link.target}
    if page.refused or RUNBOOKS not in targets:
        near = next((link.line for link in page.links if "runbook" in link.target.casefold()), 1)
        yield Finding("the page does not link to the runbooks", Place(path, near), f"link to {RUNBOOKS}")
