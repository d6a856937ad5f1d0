"""Baseline, SARIF and annotations: what they say of a run's verdicts, and what they refuse."""

# ruff: noqa: D102 - what these short methods do is what they are named

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from blueprint.catalogue import Catalogue, Chapter, Clause, Level, Tier
from blueprint.evidence import Finding, Findings, Place
from blueprint.exemptions import Exemption, Exemptions, Kind
from blueprint.fingerprints import fingerprints
from blueprint.judgement import Judgements, Scope, judge
from blueprint.results import NOTHING_THERE, Result
from blueprint.trouble import Trouble
from reports.annotations import MOST, workflow_commands
from reports.baseline import Gate, baseline_of, gate, read_baseline
from reports.sarif import sarif

STATIC = frozenset({Tier.STATIC})
CLAUSE = Clause(
    id="TST-001",
    chapter=Chapter("TST", "Test", 1),
    section="1",
    statement="A thing holds.",
    level=Level.MUST,
    tiers=(Tier.STATIC,),
    cases=("whole",),
    rolls_up=(),
    why="Else not.",
    remedy="Make it hold.",
    place="tst.toml:1",
)
CATALOGUE = Catalogue((CLAUSE,))
WAIVER = Exemption(Kind.WAIVER, "TST-001", "wait", "exemptions.toml:1", owner="ops", until=date(2026, 1, 31))
SCOPE = Scope(STATIC, "local", date(2026, 1, 1))
PROVEN = Result("TST-001", Tier.STATIC, "whole", "test_one", evidence=("o1",))


def finding(what: str = "is wrong", file: str = "a b.yaml", line: int = 3, key: str = "x.y") -> Finding:
    return Finding(what, Place(file, line, key), "mend it")


@dataclass(frozen=True)
class Judged:
    """A judged run and its verdicts.json."""

    judgements: Judgements

    @property
    def document(self) -> dict[str, Any]:
        return self.judgements.document({"tiers": ["static"]})

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in fingerprints(self.document)]

    def beside(self, baseline: Judged, folder: Path) -> Gate:
        path = folder / "baseline.json"
        path.write_text(baseline_of(baseline.document))
        return gate(self.judgements, self.document, read_baseline(path, CATALOGUE, STATIC))


def run_of(
    *found: Finding, level: Level = Level.MUST, examined: str = "ab", row: Exemption | None = None, **changed: object
) -> Judged:
    catalogue = Catalogue((replace(CLAUSE, level=level),))
    result = replace(PROVEN, findings=Findings.of(examined, "ab", found), **changed)  # type: ignore[arg-type]  # a test names the fields it changes
    return Judged(judge(catalogue, Exemptions((row,) if row else ()), [result], SCOPE))


def test_a_fingerprint_survives_lines_that_move() -> None:
    assert run_of(finding(line=3)).names == run_of(finding(line=300)).names


def test_a_fingerprint_survives_another_key_of_secrets() -> None:
    one, other = (finding(f"password hmac:{digit * 24} in plain text") for digit in "1a")
    assert run_of(one).names == run_of(other).names


@pytest.mark.parametrize("other", [finding("is worse"), finding(file="b.yaml"), finding(key="x.z")])
def test_another_finding_has_another_fingerprint(other: Finding) -> None:
    assert run_of(finding()).names != run_of(other).names


def test_one_more_of_the_same_is_new(tmp_path: Path) -> None:
    beside = run_of(finding(line=3), finding(line=9)).beside(run_of(finding()), tmp_path)
    assert (len(beside.held), len(beside.new), len(beside.gone)) == (1, 1, 0)
    assert not beside.is_open


def test_what_is_known_is_held_and_what_is_gone_is_told(tmp_path: Path) -> None:
    before, now = run_of(finding(), finding("is gone by now")), run_of(finding(line=80))
    beside = now.beside(before, tmp_path)
    assert beside.held == frozenset(run_of(finding()).names)
    assert list(beside.gone.values()) == ["TST-001 static whole: a b.yaml x.y: is gone by now"]
    assert beside.is_open
    assert not now.judgements.green


@pytest.mark.parametrize(
    ("now", "word"),
    [
        (run_of(finding(), trouble="no route"), "error: no route"),
        (run_of(finding(), examined="a"), "not examined: b"),
        (run_of(examined="a"), "inconclusive: 1 of 2 not examined: b"),
        (Judged(judge(CATALOGUE, Exemptions(()), [], SCOPE)), "no_proof: no proof is there"),
        (Judged(judge(CATALOGUE, Exemptions(()), [replace(PROVEN, ran=False)], SCOPE)), "no_proof: its proof did not"),
        (Judged(run_of(finding()).judgements.breaking("interrupted")), "interrupted"),
        (
            Judged(judge(CATALOGUE, Exemptions(()), [*run_of(finding()).judgements.cases[0].results, PROVEN], SCOPE)),
            "inconclusive: its proof never concluded",
        ),
    ],
)
def test_what_is_red_without_a_finding_shuts_the_gate(now: Judged, word: str, tmp_path: Path) -> None:
    beside = now.beside(run_of(finding()), tmp_path)
    assert not beside.is_open
    assert word in "\n".join((*beside.shut, *beside.new.values()))


@pytest.mark.parametrize("now", [run_of(finding(), level=Level.SHOULD), run_of(finding(), row=WAIVER)])
def test_what_is_not_red_is_not_new(now: Judged, tmp_path: Path) -> None:
    assert now.beside(run_of(), tmp_path).is_open


def test_what_an_exemption_covers_is_in_no_baseline(tmp_path: Path) -> None:
    assert list(run_of(finding()).beside(run_of(finding(), row=WAIVER), tmp_path).new)


NOTHING = replace(PROVEN, findings=Findings.of((), ()))
EMPTY = Judged(judge(CATALOGUE, Exemptions(()), [NOTHING], SCOPE))


def test_a_tree_that_has_nothing_of_a_kind_is_taken_up_as_it_is(tmp_path: Path) -> None:
    """It stays red, and opens the gate to nothing else: what comes instead is new, and so is nothing where was some."""
    beside = EMPTY.beside(EMPTY, tmp_path)
    assert (beside.is_open, len(beside.held), EMPTY.judgements.green) == (True, 1, False)
    assert list(run_of(finding()).beside(EMPTY, tmp_path).new.values()) == [
        "TST-001 static whole: a b.yaml x.y: is wrong"
    ]
    assert list(EMPTY.beside(run_of(), tmp_path).new.values()) == [f"TST-001 static whole: {NOTHING_THERE}"]


@pytest.mark.parametrize("doubt", [replace(PROVEN, findings=Findings.of("a", "ab")), PROVEN])
def test_a_doubt_beside_nothing_shuts_the_gate(doubt: Result, tmp_path: Path) -> None:
    both = Judged(judge(CATALOGUE, Exemptions(()), [NOTHING, doubt], SCOPE))
    assert not both.beside(both, tmp_path).is_open
    assert not both.beside(EMPTY, tmp_path).is_open


def test_what_was_not_looked_at_is_not_gone(tmp_path: Path) -> None:
    narrowed = Judged(judge(CATALOGUE, Exemptions(()), [], replace(SCOPE, narrowed="-k other")))
    assert not narrowed.beside(run_of(finding()), tmp_path).gone


def baseline(**changed: object) -> str:
    return json.dumps({"version": 1, "tiers": ["static"], "findings": {}} | changed)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read as a baseline"),
        ("[" * 99_999, "cannot be read as a baseline"),
        ("\udcff", "cannot be read as a baseline"),
        ("[]", "is no baseline"),
        ("{}", "is no baseline"),
        ('{"version": 1}', "is no baseline"),
        (baseline(findings={"a": 1}), "is no baseline"),
        (baseline(version=2), "is a baseline of version 2, and this suite reads version 1"),
        (baseline(version=True), "is a baseline of version True"),
        (baseline(tiers=["compose"]), "stale: it was written over compose, and static is to be judged too"),
        (baseline(findings={"a": "TST-009 static whole: is wrong"}), "stale: 1 of its findings are of nothing"),
    ],
)
def test_what_is_no_baseline_of_this_run_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "baseline.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(Trouble, match=rf"(?s)baseline\.json.*{message}.*--baseline write"):
        read_baseline(path, CATALOGUE, STATIC)


def test_a_baseline_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="No such file"):
        read_baseline(tmp_path / "baseline.json", CATALOGUE, STATIC)


def results(judged: Judged, known: Iterable[str] | None = None) -> list[dict[str, Any]]:
    (run,) = sarif(judged.document, None if known is None else frozenset(known))["runs"]
    rows: list[dict[str, Any]] = run["results"]
    return rows


def test_sarif_points_at_file_and_line() -> None:
    (run,) = sarif(run_of(finding()).document)["runs"]
    (rule,), (result,) = run["tool"]["driver"]["rules"], run["results"]
    assert (rule["id"], result["ruleId"], result["ruleIndex"], result["level"]) == ("TST-001", "TST-001", 0, "error")
    place = result["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]) == ("a%20b.yaml", {"startLine": 3})
    assert run["invocations"] == [{"executionSuccessful": True, "toolExecutionNotifications": []}]


def test_sarif_of_a_live_thing_has_no_place() -> None:
    assert "locations" not in results(run_of(finding(file="", line=0)))[0]


def test_sarif_says_what_is_new_beside_a_baseline_and_nothing_without() -> None:
    judged = run_of(finding(), finding("is worse"))
    states = [result["baselineState"] for result in results(judged, run_of(finding()).names)]
    assert states == ["unchanged", "new"]
    assert "baselineState" not in results(judged)[0]


def test_sarif_tells_what_is_waived_and_what_could_not_be_looked_at() -> None:
    (waived,) = results(run_of(finding(), row=WAIVER))
    assert (waived["level"], waived["suppressions"][0]["kind"]) == ("note", "external")
    (invocation,) = sarif(run_of(examined="a").document)["runs"][0]["invocations"]
    assert not invocation["executionSuccessful"]
    assert "1 of 2 not examined" in invocation["toolExecutionNotifications"][0]["message"]["text"]


def test_nothing_in_a_finding_begins_another_annotation() -> None:
    (line,) = workflow_commands(run_of(finding("100%\n::error::owned", file="a:b,c.yaml")).document)
    assert line == "::error file=a%3Ab%2Cc.yaml,line=3,title=TST-001::100%25%0A::error::owned (mend it)"


@pytest.mark.parametrize(
    ("judged", "command"),
    [
        (run_of(finding(), level=Level.SHOULD), "::warning file"),
        (run_of(finding(), row=WAIVER), "::notice file"),
        (run_of(trouble="no route"), "::error title=TST-001 static whole::error: no route"),
        (Judged(run_of().judgements.breaking("interrupted")), "::error title=the run::interrupted"),
    ],
)
def test_an_annotation_is_as_grave_as_what_it_tells(judged: Judged, command: str) -> None:
    (line,) = workflow_commands(judged.document)
    assert line.startswith(command)


def test_what_a_baseline_knows_is_not_annotated_and_much_is_cut_short() -> None:
    judged = run_of(*(finding(f"{number} is wrong") for number in range(2 * MOST)))
    assert len(list(workflow_commands(judged.document))) == MOST
    assert not list(workflow_commands(judged.document, frozenset(judged.names)))
