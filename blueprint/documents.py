"""A file of the subject as the rules are given it: its text, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from blueprint.evidence import Finding, Place


@dataclass(frozen=True, slots=True)
class Document:
    """One file of the subject.

    Attributes:
        path: relative to the subject's root, with forward slashes; a name that is not UTF-8 or holds control
            characters is spelled with backslash escapes.
        text: what it holds, line ends and byte order mark kept; empty where it could not be read.
        absent: why there is no text, in words that follow the path in a sentence (``is not there``,
            ``is a symbolic link that leads out of the checkout``); empty where there is one.
        nearest: the most similar path that the checkout does hold, empty where nothing comes close.
    """

    path: str
    text: str = ""
    absent: str = ""
    nearest: str = ""

    def __bool__(self) -> bool:
        return not self.absent

    def absence(self, remedy: str = "") -> Finding:
        """The finding for a file that must be there and cannot be read; says what the nearest thing is."""
        near = f"; the nearest is {self.nearest}" if self.nearest else "; nothing like it is there"
        what = f"{PurePosixPath(self.path).name} {self.absent}"
        return Finding(what + (near if self.absent == NOT_THERE else ""), Place(self.path), remedy)


NOT_THERE = "is not there"
"""The reason why a file has no text when the checkout does not hold it."""
