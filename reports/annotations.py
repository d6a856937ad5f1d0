"""A run as GitHub's workflow commands: each finding beside the line that it is in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from blueprint.evidence import Verdict
from blueprint.fingerprints import case_of, cases, fingerprints
from reports.sarif import ERROR, level_of

MOST = 50
"""How many are printed; GitHub shows ten of a kind for each step, and the report has them all."""
_WORDS = {"error": "error", "warning": "warning", "note": "notice"}


def workflow_commands(verdicts: Mapping[str, Any], known: frozenset[str] = frozenset()) -> Iterator[str]:
    """One command for each finding that no baseline knows, the gravest first, and for what broke the run.

    Nothing of a finding can end its command or begin another.
    """
    told = [*_broken(verdicts), *_findings(verdicts, known)]
    gravest_first = sorted(told, key=lambda row: list(_WORDS).index(row[0]))
    yield from (f"::{_WORDS[level]} {command}" for level, command in gravest_first[:MOST])


def _broken(verdicts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is red and no finding."""
    for reason in verdicts["summary"]["broken"]:
        yield ERROR, f"title=the run::{_data(reason)}"
    for clause, tier, case, judged in cases(verdicts):
        if judged["verdict"] in {Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.NO_PROOF}:
            title = _property(f"{clause} {tier} {case}")
            yield ERROR, f"title={title}::{_data(judged['verdict'] + ': ' + judged['message'])}"


def _findings(verdicts: Mapping[str, Any], known: frozenset[str]) -> Iterator[tuple[str, str]]:
    for name, obligation, finding in fingerprints(verdicts):
        if name in known:
            continue
        clause = obligation.split()[0]
        fields = {"file": finding["file"], "line": finding["line"], "title": clause}
        told = ",".join(f"{name}={_property(str(value))}" for name, value in fields.items() if value)
        remedy = f" ({finding['remedy']})" if finding["remedy"] else ""
        level = level_of(verdicts["clauses"][clause]["level"], case_of(verdicts, obligation)["verdict"])
        yield level, f"{told}::{_data(finding['what'] + remedy)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
