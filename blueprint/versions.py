"""Semantic versions: their form and their order, as semver 2.0.0 lays them down."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering

_NUMBER = r"(?:0|[1-9][0-9]*)"
_LABEL = rf"(?:{_NUMBER}|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)"
_FORM = re.compile(
    rf"(?P<major>{_NUMBER})\.(?P<minor>{_NUMBER})\.(?P<patch>{_NUMBER})"
    rf"(?:-(?P<pre>{_LABEL}(?:\.{_LABEL})*))?(?:\+(?P<build>[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?"
)
_RELEASE_TAG = re.compile(rf"v({_NUMBER}\.{_NUMBER}\.{_NUMBER})")


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """A version. Two that differ in build metadata alone are equal in order."""

    numbers: tuple[int, int, int]
    pre: tuple[str, ...] = ()
    build: str = ""

    def __str__(self) -> str:
        pre = f"-{'.'.join(self.pre)}" if self.pre else ""
        return ".".join(map(str, self.numbers)) + pre + (f"+{self.build}" if self.build else "")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._key == other._key

    def __lt__(self, other: Version) -> bool:
        return self._key < other._key

    def __hash__(self) -> int:
        return hash(str(self).partition("+")[0])

    @property
    def _key(self) -> tuple[tuple[int, int, int], bool, list[tuple[bool, int, str]]]:
        """Numbers first; a pre-release comes before the release; its numeric parts come before its words."""
        parts = [(False, int(part), "") if part.isdigit() else (True, 0, part) for part in self.pre]
        return self.numbers, not self.pre, parts


def read_version(text: str) -> Version | None:
    """The version that a text is; None where it has not the form."""
    found = _FORM.fullmatch(text)
    if not found:
        return None
    pre = tuple(found["pre"].split(".")) if found["pre"] else ()
    numbers = int(found["major"]), int(found["minor"]), int(found["patch"])
    return Version(numbers, pre, found["build"] or "")


def read_release_tag(tag: str) -> Version | None:
    """The version that a tag releases: v<major>.<minor>.<patch> and nothing else."""
    found = _RELEASE_TAG.fullmatch(tag)
    return read_version(found[1]) if found else None
