"""DOC-004: the pages are clean Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from blueprint.documents import Document
from blueprint.evidence import Finding, Findings, Place

_SHOWN = 5
"""Problems of one page that are told; the rest are counted."""


@dataclass(frozen=True, slots=True, order=True)
class MarkdownProblem:
    """One problem on a page: the line, the rule that says so, and what is wrong in words."""

    line: int
    rule: str
    what: str


def unclean_pages(
    documents: Sequence[Document], problems: Mapping[str, Sequence[MarkdownProblem]], population: Iterable[str]
) -> Findings:
    """Every page can be read, and breaks no rule of the Markdown linter.

    Args:
        documents: the pages.
        problems: what the linter found on each that could be read, by path.
        population: the paths of the pages there are.
    """
    found = [document.absence("write it as UTF-8 text") for document in documents if not document]
    for path, told in problems.items():
        of_page = sorted(told)
        found += [_finding(path, problem) for problem in of_page[:_SHOWN]]
        if (rest := len(of_page) - _SHOWN) > 0:
            found.append(Finding(f"{rest} more problems", Place(path, of_page[_SHOWN].line)))
    examined = [document.path for document in documents if not document or document.path in problems]
    return Findings.of(examined, population, found, f"{len(examined)} pages clean")


def _finding(path: str, problem: MarkdownProblem) -> Finding:
    what = f"offends against {problem.rule}: {problem.what}"
    return Finding(what, Place(path, problem.line), f"mend the line; `rumdl rule {problem.rule}` explains it")
