"""CFG-009: the YAML of the deployment is clean; which files that is, and what was found in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from blueprint.documents import Document
from blueprint.evidence import Finding, Findings, Place
from blueprint.yaml_problems import YamlProblem

PATTERNS = tuple(
    f"{folder}/**/*.{suffix}" for folder in ("infra", ".github", "docs") for suffix in ("yaml", "yml", "YAML", "YML")
)
"""Where the YAML of the deployment is, in the subject's glob."""
_SHOWN = 5
"""Problems of one file that are told; the rest are counted."""


def is_template(document: Document, charts: Iterable[str]) -> bool:
    """Whether a file is no YAML before it is rendered: one in the templates/ of a chart, or of what looks like one.

    Args:
        document: the file.
        charts: paths of the Chart.yaml files of the subject.
    """
    folders = PurePosixPath(document.path).parts[:-1]
    if "templates" not in folders:
        return False
    return "{{" in document.text or document.path.startswith(
        tuple(f"{PurePosixPath(chart).parent}/templates/" for chart in charts)
    )


def unclean_yaml(
    documents: Sequence[Document], problems: Mapping[str, Sequence[YamlProblem]], population: Iterable[str]
) -> Findings:
    """Every file can be read, parses, and breaks no rule of style.

    Args:
        documents: the YAML files.
        problems: what the linter found in each that could be read, by path.
        population: the paths of the YAML files there are.
    """
    found: list[Finding] = [document.absence("write it as UTF-8 text") for document in documents if not document]
    for document in documents:
        of_file = sorted(problems.get(document.path, ()), key=lambda problem: problem.line)
        found += [_finding(document.path, problem) for problem in of_file[:_SHOWN]]
        if rest := len(of_file) - _SHOWN:
            found += [Finding(f"{rest} more problems", Place(document.path, of_file[_SHOWN].line))] if rest > 0 else []
    examined = [document.path for document in documents if not document or document.path in problems]
    return Findings.of(examined, population, found, f"{len(examined)} YAML files clean")


def _finding(path: str, problem: YamlProblem) -> Finding:
    kind = "does not parse" if problem.rule == "syntax" else f"offends against {problem.rule}"
    return Finding(f"{kind}: {problem.what}", Place(path, problem.line), "yamllint -c .yamllint.yaml " + path)
