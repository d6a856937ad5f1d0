"""Baseline, SARIF and annotations: what they say of a run's verdicts, and what they refuse."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from blueprint.fingerprints import fingerprints
from blueprint.trouble import Trouble
from reports.annotations import workflow_commands
from reports.baseline import baseline_of, compare, read_baseline
from reports.sarif import sarif


def finding(what: str = "is wrong", file: str = "a b.yaml", line: int = 3, key: str = "x.y") -> dict[str, Any]:
    return {"what": what, "file": file, "line": line, "key": key, "remedy": "mend it"}


def verdicts(*found: dict[str, Any], level: str = "must", verdict: str = "fail") -> dict[str, Any]:
    case = {"verdict": verdict, "findings": list(found)}
    words = {"statement": "A thing holds.", "why": "Else not.", "remedy": "Make it hold.", "level": level}
    return {"clauses": {"TST-001": {**words, "static": {"verdict": verdict, "cases": {"whole": case}}}}}


def names(document: dict[str, Any]) -> list[str]:
    return [name for name, _, _ in fingerprints(document)]


def known(document: dict[str, Any]) -> dict[str, str]:
    held: dict[str, str] = json.loads(baseline_of(document))["findings"]
    return held


def test_a_fingerprint_survives_lines_that_move() -> None:
    assert names(verdicts(finding(line=3))) == names(verdicts(finding(line=300)))


@pytest.mark.parametrize("other", [finding("is worse"), finding(file="b.yaml"), finding(key="x.z")])
def test_another_finding_has_another_fingerprint(other: dict[str, Any]) -> None:
    assert names(verdicts(finding())) != names(verdicts(other))


def test_one_more_of_the_same_is_new() -> None:
    compared = compare(verdicts(finding(line=3), finding(line=9)), known(verdicts(finding())))
    assert (len(compared.held), len(compared.new), len(compared.gone)) == (1, 1, 0)


def test_what_is_known_is_held_and_what_is_gone_is_told() -> None:
    before = verdicts(finding(), finding("is gone by now"))
    compared = compare(verdicts(finding(line=80)), known(before))
    assert compared.held == frozenset(names(verdicts(finding())))
    assert not compared.new
    assert list(compared.gone.values()) == ["TST-001 static whole: a b.yaml x.y: is gone by now"]


def test_a_comparison_changes_no_verdict() -> None:
    document = verdicts(finding())
    before = copy.deepcopy(document)
    compare(document, known(document))
    assert document == before


@pytest.mark.parametrize(("level", "verdict"), [("should", "fail"), ("must", "waived"), ("must", "not_yet")])
def test_what_is_not_red_is_not_new(level: str, verdict: str) -> None:
    assert not compare(verdicts(finding(), level=level, verdict=verdict), {}).new


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1}', '{"version": 2, "findings": {}}', "[" * 99_999])
def test_what_is_no_baseline_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(text)
    with pytest.raises(Trouble, match=r"(?s)baseline\.json.*--baseline write"):
        read_baseline(path)


def test_a_baseline_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="No such file"):
        read_baseline(tmp_path / "baseline.json")


def test_a_baseline_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(baseline_of(verdicts(finding())))
    assert read_baseline(path) == known(verdicts(finding()))


def test_sarif_points_at_file_and_line() -> None:
    (run,) = sarif(verdicts(finding()))["runs"]
    (rule,), (result,) = run["tool"]["driver"]["rules"], run["results"]
    assert (rule["id"], result["ruleId"], result["ruleIndex"], result["level"]) == ("TST-001", "TST-001", 0, "error")
    place = result["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]) == ("a%20b.yaml", {"startLine": 3})


def test_sarif_of_a_live_thing_has_no_place() -> None:
    assert "locations" not in sarif(verdicts(finding(file="", line=0)))["runs"][0]["results"][0]


def test_nothing_in_a_finding_begins_another_annotation() -> None:
    (line,) = workflow_commands(verdicts(finding("100%\n::error::owned", file="a:b,c.yaml")))
    assert line == "::error file=a%3Ab%2Cc.yaml,line=3,title=TST-001::100%25%0A::error::owned (mend it)"
