"""yamllint, which is GPL-3.0: used as a library, unmodified, in this module alone."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from blueprint.trouble import Trouble
from blueprint.yaml_problems import YamlProblem

if TYPE_CHECKING:
    from yamllint.config import YamlLintConfig
    from yamllint.linter import LintProblem

SETTINGS = Path(__file__).resolve().parent.parent / ".yamllint.yaml"
"""Ours, whatever the subject brings."""
MOST_CHARACTERS = 512 * 1024
MOST_BRACKETS = 300
_BRACKET = re.compile(r"[\[\]{}]")
_DIRECTIVE = re.compile(r"# yamllint (?=disable|enable)")


def lint(text: str) -> tuple[YamlProblem, ...]:
    """What yamllint finds in a YAML text under our settings, in the order of lines.

    Comments by which a file would switch rules off for itself have no effect.
    """
    from yamllint import linter

    if refused := _too_costly(text):
        return (refused,)
    own = _DIRECTIVE.sub("# yamllint, ", text)  # of the same length: columns stay
    try:
        return tuple(map(_problem, linter.run(own, _settings())))
    except Exception:  # its rules are written for what is YAML, and break in many ways on some of what is not
        if broken := _syntax_error(text):
            return (broken,)
        raise


def _syntax_error(text: str) -> YamlProblem | None:
    """Why a text is no YAML; None where it is."""
    import yaml

    try:
        for _ in yaml.parse(text, Loader=yaml.SafeLoader):
            pass
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        return YamlProblem(line, f"the character #x{error.character:04x} is not allowed in YAML", "syntax")
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        return YamlProblem(line, error.problem or "it is no YAML", "syntax")
    return None


def _too_costly(text: str) -> YamlProblem | None:
    """The parser takes time by the square of the depth of brackets: nothing that a person writes is near this."""
    if len(text) > MOST_CHARACTERS:
        return YamlProblem(1, f"it has {len(text):,} characters; {MOST_CHARACTERS:,} are read", "size")
    depth = 0
    for bracket in _BRACKET.finditer(text):
        depth = depth + 1 if bracket[0] in "[{" else max(0, depth - 1)
        if depth > MOST_BRACKETS:
            line = text.count("\n", 0, bracket.start()) + 1
            return YamlProblem(line, f"more than {MOST_BRACKETS} brackets are open within each other", "size")
    return None


def _problem(found: LintProblem) -> YamlProblem:
    what = found.desc.removeprefix("syntax error: ").removesuffix(" (syntax)")
    return YamlProblem(found.line, what, found.rule or "syntax")


@cache
def _settings() -> YamlLintConfig:
    from yamllint.config import YamlLintConfig, YamlLintConfigError

    try:
        return YamlLintConfig(SETTINGS.read_text(encoding="utf-8"))
    except (OSError, YamlLintConfigError) as error:
        raise Trouble(f"the settings of yamllint cannot be used: {error}", where=SETTINGS.name) from error
