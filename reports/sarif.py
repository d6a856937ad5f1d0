"""A run as SARIF 2.1.0, for programs that show findings beside the lines that they are in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from blueprint.fingerprints import fingerprints

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
FINGERPRINT = "somaVerify/v1"


def sarif(verdicts: Mapping[str, Any]) -> dict[str, Any]:
    """The findings of verdicts.json as one SARIF run: a rule for each clause that has any, a result for each."""
    rows = list(fingerprints(verdicts))
    ids = list(dict.fromkeys(obligation.split()[0] for _, obligation, _ in rows))
    rules = [_rule(name, verdicts["clauses"][name]) for name in ids]
    results = [_result(*row, ids, verdicts) for row in rows]
    driver = {"name": "soma-verify", "rules": rules}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def level_of(clause: Mapping[str, Any]) -> str:
    """How grave an offence against a clause is, as SARIF and GitHub both call it."""
    return "error" if clause["level"] == "must" else "warning"


def _rule(name: str, clause: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": name,
        "shortDescription": {"text": clause["statement"]},
        "fullDescription": {"text": clause["why"]},
        "help": {"text": clause["remedy"]},
        "defaultConfiguration": {"level": level_of(clause)},
    }


def _result(
    fingerprint: str, obligation: str, finding: Mapping[str, Any], ids: list[str], verdicts: Mapping[str, Any]
) -> dict[str, Any]:
    clause = obligation.split(maxsplit=1)[0]
    remedy = f" ({finding['remedy']})" if finding["remedy"] else ""
    result: dict[str, Any] = {
        "ruleId": clause,
        "ruleIndex": ids.index(clause),
        "level": level_of(verdicts["clauses"][clause]),
        "message": {"text": f"{finding['what']}{remedy}"},
        "partialFingerprints": {FINGERPRINT: fingerprint},
    }
    if finding["file"]:
        result["locations"] = [{"physicalLocation": _location(finding)}]
    return result


def _location(finding: Mapping[str, Any]) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(finding["file"], safe="/"), "uriBaseId": "%SRCROOT%"}}
    if finding["line"]:
        place["region"] = {"startLine": finding["line"]}
    return place
