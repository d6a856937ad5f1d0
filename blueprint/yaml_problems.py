"""What a linter said about a YAML file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class YamlProblem:
    """One problem: the line, what is wrong in words, and the rule that says so (``syntax`` where it is no YAML)."""

    line: int
    what: str
    rule: str
