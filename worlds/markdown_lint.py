"""Pages as rumdl judges them, under our settings; they are handed over as text, and nothing beside them is read."""

from __future__ import annotations

import json
import re
import sysconfig
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

from blueprint.evidence import JSON
from blueprint.rules.markdown_style import MarkdownProblem
from blueprint.trouble import Trouble
from provision.processes import run
from worlds.recorder import Recorder

SETTINGS = Path(__file__).resolve().parent.parent / "pyproject.toml"
"""Ours, whatever the subject brings."""
MOST_CHARACTERS = 1024 * 1024
MOST_WORDS = 20_000
"""In one paragraph: a linter takes time by the square of some marks, and no writer comes near it."""
_DIRECTIVE = re.compile(r"(?<=<!--)(\s*(?:rumdl|markdownlint))-")
_SECONDS = 30.0
_FOUND = 1  # rumdl's exit code where it has found something


def read_by_a_linter(pages: Mapping[str, str], recorder: Recorder) -> dict[str, list[MarkdownProblem]]:
    """What is wrong with each page, by its path.

    Raises:
        Trouble: the linter cannot be run here.
    """
    seen = recorder.look("rumdl:pages", [*pages], partial(lint, pages)).seen
    found = cast("dict[str, list[list[Any]]]", seen)
    return {path: [MarkdownProblem(*problem) for problem in problems] for path, problems in found.items()}


def lint(pages: Mapping[str, str]) -> JSON:
    """Line, rule and words of each problem, by the path of the page.

    Comments by which a page would switch rules off for itself have no effect.

    Raises:
        Trouble: the linter is not there, or cannot take its settings.
    """
    told: dict[str, list[list[JSON]]] = {path: [] for path in pages}
    names = {f"{number}.md": path for number, path in enumerate(pages)}  # a path could say which rules hold
    for name, path in list(names.items()):
        if refused := _too_costly(pages[path]):
            told[path].append([*refused])
            del names[name]
    for problem in _rumdl({name: pages[path] for name, path in names.items()}) if names else ():
        rule = str(problem["rule"] or "syntax")
        told[names[str(problem["file"])]].append([int(problem["line"]), rule, str(problem["message"])])
    return cast("JSON", told)


def _too_costly(text: str) -> tuple[int, str, str] | None:
    if len(text) > MOST_CHARACTERS:
        return (1, "size", f"the page has {len(text):,} characters; {MOST_CHARACTERS:,} are read")
    line = 1
    for paragraph in re.split(r"(\n\s*\n)", text):
        if len(re.findall(r"[^\w\s]+|\w+", paragraph)) > MOST_WORDS:
            return (line, "size", f"more than {MOST_WORDS:,} words and marks stand in one paragraph")
        line += paragraph.count("\n")
    return None


def _rumdl(pages: Mapping[str, str]) -> list[dict[str, Any]]:
    program = Path(sysconfig.get_path("scripts"), "rumdl")
    if not program.exists():
        raise Trouble("rumdl, which lints Markdown, is not installed", next_command="nox -s verify-static")
    fed = "".join(f"{name}\0{_as_handed_over(text)}\0" for name, text in pages.items())
    with tempfile.TemporaryDirectory(prefix="soma-verify-markdown-") as folder:
        command = (program, "check", "--stdin-batch", "--no-cache", "--config", SETTINGS, "--output-format", "json")
        private = {"RUMDL_OUTPUT_FORMAT": None, "RUMDL_CACHE_DIR": None}
        answer = run(command, cwd=Path(folder), env=private, input=fed, timeout=_SECONDS, check=False)
    if answer.exit_code > _FOUND:
        raise Trouble(f"rumdl cannot judge the pages: {answer.stderr.strip()[:500]}", where=SETTINGS.name)
    return cast("list[dict[str, Any]]", json.loads(answer.stdout or "[]"))


def _as_handed_over(text: str) -> str:
    """Of the same lines and columns, without what would end it early, or switch rules off."""
    return _DIRECTIVE.sub(r"\1,", text.replace("\0", "?"))
