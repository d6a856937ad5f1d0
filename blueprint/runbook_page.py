"""The runbooks, section by section: what is to be typed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from blueprint.documents import Document
from blueprint.markdown_page import read_page

SHELL = "bash"
_FENCE = re.compile(r"^\s*```(\w*)\s*$")
_HEADING = re.compile(r"^(#+)\s+(.*?)\s*$")


@dataclass(frozen=True, slots=True)
class Step:
    """A block of commands under a heading.

    Attributes:
        section: the words of the heading.
        number: the how many-th block of its section, from 1.
        text: what is to be typed.
        line: where it stands.
    """

    section: str
    number: int
    text: str
    line: int

    @property
    def name(self) -> str:
        """How it is counted."""
        return f"{self.section} {self.number}"


def read_steps(page: Document) -> Mapping[str, tuple[Step, ...]]:
    """The blocks of commands by section, in order."""
    read = read_page(page.text)
    found: dict[str, list[Step]] = {}
    for block in read.code:
        if block.language == SHELL:
            section = max((each for each in read.headings if each.line < block.line), key=lambda each: each.line)
            own = found.setdefault(section.words, [])
            own.append(Step(section.words, len(own) + 1, block.text, block.line))
    return {section: tuple(steps) for section, steps in found.items()}


def steps_counted(page: Document, sections: Iterable[str]) -> frozenset[str]:
    """``section number`` of every block under some headings, counted line by line."""
    wanted, found, section, is_open = set(sections), [], "", False
    for line in page.text.splitlines():
        fence, heading = _FENCE.match(line), _HEADING.match(line)
        if fence:
            if fence[1] == SHELL and section in wanted:
                found.append(section)
            is_open = not is_open
        elif heading and not is_open:
            section = heading[2]
    numbers = {name: range(1, found.count(name) + 1) for name in wanted}
    return frozenset(f"{name} {number}" for name, own in numbers.items() for number in own)
