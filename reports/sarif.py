"""A run as SARIF 2.1.0, for programs that show findings beside the lines that they are in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from blueprint.catalogue import Level
from blueprint.evidence import Verdict
from blueprint.fingerprints import case_of, cases, fingerprints

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
FINGERPRINT = "somaVerify/v1"
FILE = "findings.sarif"
ERROR, WARNING, NOTE = "error", "warning", "note"
_EXEMPT = frozenset({Verdict.WAIVED, Verdict.NOT_YET, Verdict.NOT_VERIFIED})


def write(out: Path, verdicts: Mapping[str, Any], known: frozenset[str] | None = None) -> Path:
    """Write ``findings.sarif`` beside the files of a run, and return its path."""
    path = out / FILE
    path.write_text(json.dumps(sarif(verdicts, known), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def sarif(verdicts: Mapping[str, Any], known: frozenset[str] | None = None) -> dict[str, Any]:
    """The findings of verdicts.json as one SARIF run: a rule for each clause that has any, a result for each.

    Args:
        verdicts: as they stand in the file.
        known: the fingerprints of a baseline; with it each result says whether it is new. None without one.
    """
    rows = list(fingerprints(verdicts))
    ids = list(dict.fromkeys(obligation.split()[0] for _, obligation, _ in rows))
    rules = [_rule(name, verdicts["clauses"][name]) for name in ids]
    results = []
    for row in rows:
        result = _result(*row, ids, verdicts)
        if known is not None:
            result["baselineState"] = "unchanged" if row[0] in known else "new"
        results.append(result)
    driver = {"name": "soma-verify", "rules": rules}
    notices = list(_notifications(verdicts))
    invocation = {"executionSuccessful": not notices, "toolExecutionNotifications": notices}
    run = {
        "tool": {"driver": driver},
        "invocations": [invocation],
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def level_of(level: str, verdict: str) -> str:
    """How grave a finding is: what an exemption covers is a note, what a ``should`` clause finds a warning."""
    if verdict in _EXEMPT:
        return NOTE
    return ERROR if level == Level.MUST else WARNING


def _notifications(verdicts: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What was not, or not wholly, looked at."""
    told = list(verdicts["summary"]["broken"])
    for clause, tier, case, judged in cases(verdicts):
        if judged["verdict"] in {Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.NO_PROOF}:
            told.append(f"{clause} {tier} {case}: {judged['verdict']}: {judged['message']}")
    yield from ({"level": ERROR, "message": {"text": text}} for text in told)


def _rule(name: str, clause: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": name,
        "shortDescription": {"text": clause["statement"]},
        "fullDescription": {"text": clause["why"]},
        "help": {"text": clause["remedy"]},
        "defaultConfiguration": {"level": level_of(clause["level"], Verdict.FAIL)},
    }


def _result(
    fingerprint: str, obligation: str, finding: Mapping[str, Any], ids: list[str], verdicts: Mapping[str, Any]
) -> dict[str, Any]:
    clause = obligation.split(maxsplit=1)[0]
    judged = case_of(verdicts, obligation)
    remedy = f" ({finding['remedy']})" if finding["remedy"] else ""
    result: dict[str, Any] = {
        "ruleId": clause,
        "ruleIndex": ids.index(clause),
        "level": level_of(verdicts["clauses"][clause]["level"], judged["verdict"]),
        "message": {"text": f"{finding['what']}{remedy}"},
        "partialFingerprints": {FINGERPRINT: fingerprint},
    }
    if judged["verdict"] in _EXEMPT:
        result["suppressions"] = [{"kind": "external", "justification": judged["message"]}]
    if finding["file"]:
        result["locations"] = [{"physicalLocation": _location(finding)}]
    return result


def _location(finding: Mapping[str, Any]) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(finding["file"], safe="/"), "uriBaseId": "%SRCROOT%"}}
    if finding["line"]:
        place["region"] = {"startLine": finding["line"]}
    return place
