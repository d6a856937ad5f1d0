"""What a session leaves: evidence that replays to the same verdicts, and files for other programs."""

from __future__ import annotations

import html
import json
from typing import Any
from xml.etree import ElementTree as ET

import reports.wording
from tests.judged import FAILING, ONE, PASSING, Session, Verify, verify

__all__ = ["verify"]
pytest_plugins = ["pytester"]
LIVE = """
import itertools, pathlib, secrets
from provision.waiting import Deadline

SOON = Deadline("three", 5)

def acted(answer):
    assert not pathlib.Path("replaying").exists(), "a replay acts"
    return answer

@pytest.fixture(scope="session")
def world(recorder):
    password = recorder.secret(secrets.token_hex(8))
    recorder.do("compose:up", {"password": password}, lambda: acted(None))
    yield password
    recorder.do("compose:down", None, lambda: acted(None))

@pytest.mark.proves("TST-001", case="looks", effect="write")
def test_looks(world, recorder, conclude):
    first = recorder.look("redis:get", {"auth": world}, lambda: acted({"password": world, "value": "1"})).seen
    again = recorder.look("redis:get", {"auth": world}, lambda: acted({"password": world, "value": "2"})).seen
    counter = itertools.count()
    third = recorder.wait("count", None, lambda: acted(next(counter)), lambda seen: seen == 3, SOON).seen
    found = [] if (first["value"], again["value"], third) == ("1", "2", 3) else [Finding("changed")]
    conclude(Findings.of(ALL, ALL, found, f"{first['password']} {third}"))

@pytest.mark.proves("TST-001", case="fails")
def test_fails(world, recorder, conclude):
    conclude(Findings.of(ALL, ALL, [Finding(recorder.look("ps", None, lambda: acted("a is down")).seen)]))

@pytest.mark.proves("TST-001", case="troubled")
def test_troubled(world, recorder, conclude):
    def act():
        acted(None)
        raise Trouble("no route", where="host:1", next_command="ip route")
    recorder.look("host", None, act)

@pytest.mark.proves("TST-001", case="waits")
def test_waits(world, recorder, conclude):
    recorder.wait("ready", None, lambda: acted("not yet"), lambda seen: seen == "ready", Deadline("it", 0.3))

@pytest.mark.proves("TST-001", case="lost", effect="destroy")
def test_lost(world, recorder, conclude):
    def act():
        acted(None)
        raise WorldLost("engine died")
    recorder.do("engine", None, act)
"""
LIVE_CASES = ("looks", "fails", "troubled", "waits", "lost")


def looks(session: Session) -> list[dict[str, Any]]:
    lines = (session.out / "evidence.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines if '"seen"' in line]


def test_a_recorded_run_replays_without_a_world_to_the_same_verdicts(verify: Verify) -> None:
    verify.clauses({"TST-001": ("must", ("compose",), LIVE_CASES)})
    verify.exempt(kind="waiver", clause="TST-001", case="fails", reason="wait", owner="ops", until="2026-01-31")
    verify.proofs(LIVE, tier="compose")
    live = verify.run("--tier=compose", "--as-of=2026-01-31")
    assert {case: live.verdict("TST-001", "compose", case) for case in LIVE_CASES} == {
        "looks": "pass",
        "fails": "waived",
        "troubled": "error",
        "waits": "error",
        "lost": "error",
    }, live.text
    evidence = (live.out / "evidence.jsonl").read_text()
    document = live.document
    assert {look["target"]: look["proof"] for look in looks(live)}.items() >= {
        ("compose:up", "session"),
        ("compose:down", "session"),
    }
    (verify.root / "replaying").touch()
    (verify.root / "recorded.jsonl").write_text(evidence)
    again = verify.run("--replay=recorded.jsonl")
    assert (again.status, again.document) == (live.status, document), again.text
    assert looks(again) == [json.loads(line) for line in evidence.splitlines() if '"seen"' in line]
    in_place = verify.run("--replay=out/evidence.jsonl")
    assert in_place.document == document


def test_a_replay_judges_what_was_changed_in_the_recording(verify: Verify) -> None:
    verify.clauses({"TST-001": ("must", ("compose",), ("looks",))})
    verify.proofs(LIVE[: LIVE.index('@pytest.mark.proves("TST-001", case="fails")')], tier="compose")
    live = verify.run()
    assert live.verdict("TST-001", "compose", "looks") == "pass", live.text
    evidence = (live.out / "evidence.jsonl").read_text()
    for good, bad, verdict in (('"value": "2"', '"value": "7"', "fail"), ('"seen": 3', '"seen": 4', "error")):
        assert good in evidence
        (verify.root / "recorded.jsonl").write_text(evidence.replace(good, bad))
        assert verify.run("--replay=recorded.jsonl").verdict("TST-001", "compose", "looks") == verdict


def test_a_look_that_was_not_recorded_is_trouble_on_replay(verify: Verify) -> None:
    verify.proofs(PASSING)
    verify.run()
    (verify.root / "recorded.jsonl").write_text((verify.root / "out" / "evidence.jsonl").read_text())
    verify.proofs(PASSING.replace('"thing"', '"other"'))
    session = verify.run("--replay=recorded.jsonl")
    assert (session.status, session.verdict()) == (1, "error")
    assert "the recorded run holds no (further) look at other" in session.case()["message"]


def test_evidence_of_a_run_that_was_killed_replays_as_far_as_it_went(verify: Verify) -> None:
    verify.clauses(ONE | {"TST-002": ("must", ("static",), ())})
    verify.proofs(
        PASSING
        + """
import os, signal

@pytest.mark.proves("TST-002")
def test_two(recorder, conclude):
    recorder.look("last", None, lambda: 1)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    )
    verify.run(process=True)
    evidence = verify.root / "out" / "evidence.jsonl"
    lines = [json.loads(line) for line in evidence.read_text().splitlines()]
    assert [line.get("target") for line in lines if "target" in line] == ["thing", "last"]
    (verify.root / "recorded.jsonl").write_text(evidence.read_text() + '{"kind": "lo')
    verify.proofs(PASSING)
    assert verify.run("--replay=recorded.jsonl", "-k", "test_one").verdict() == "pass"


def test_junit_tells_each_proof_with_its_verdict_and_fails_what_is_red(verify: Verify) -> None:
    verify.clauses(
        {
            "TST-001": ("must", ("static",), ()),
            "TST-002": ("should", ("static",), ()),
            "TST-003": ("must", ("static",), ()),
        }
    )
    verify.proofs(
        PASSING
        + FAILING.replace("one(", "two(").replace("001", "002")
        + PASSING.replace("one(", "three(").replace("001", "003").replace("conclude(GOOD)", "pass")
    )
    session = verify.run()
    assert session.status == 1
    root = ET.parse(session.out / "junit.xml").getroot()
    told = {}
    for case in root.iter("testcase"):
        properties = {each.get("name"): each.get("value") for each in case.iter("property")}
        told[case.get("name")] = (properties["clause"], properties["tier"], properties["case"], properties["verdict"])
        assert (case.find("failure") is not None) == (case.get("name") == "test_three")
    assert told == {
        "test_one": ("TST-001", "static", "whole", "pass"),
        "test_two": ("TST-002", "static", "whole", "fail"),
        "test_three": ("TST-003", "static", "whole", "inconclusive"),
    }


def test_the_page_of_details_has_the_headline_and_escapes_foreign_names(verify: Verify) -> None:
    verify.clauses({"TST-001": ("must", ("static",), ("<img src=x>",))})
    verify.proofs("""
        @pytest.mark.proves("TST-001", case="{name}")
        @pytest.mark.parametrize("name", ["<img src=x>"])
        def test_one(name, recorder, conclude):
            recorder.look("x", None, lambda: 1)
            conclude(GOOD)
    """)
    session = verify.run()
    page = (session.out / "details.html").read_text()
    assert session.status == 0, session.text
    headline = reports.wording.headline(session.summary)
    assert f"<strong>{headline}</strong>" in page
    assert headline in session.text
    blob = json.loads(html.unescape(page.partition('data-jsonblob="')[2].partition('"')[0]))
    [[proof]] = blob["tests"].values()
    cells = "".join(proof["resultsTableRow"])  # what the page's script makes markup of
    assert "&lt;img src=x&gt;" in cells
    assert "<img" not in cells
    assert '<td class="col-verdict">pass</td>' in cells
    assert "Proofs in detail" in page


def test_verdicts_json_is_as_documented(verify: Verify) -> None:
    verify.proofs(PASSING)
    document = verify.run("--as-of=2026-01-31").document
    assert set(document) >= {"run", "clauses", "summary"}
    assert document["run"]["as_of"] == "2026-01-31"
    assert {
        "id",
        "commit",
        "dirty",
        "started",
        "seconds",
        "tiers",
        "subject",
        "machine",
        "tools",
        "images",
        "environment",
    } <= set(document["run"])
    assert set(document["run"]["machine"]) == {"platform", "python", "cores", "memory"}
    assert set(document["summary"]) >= {"compliant", "green", "counts", "proven", "obligations", "advised", "warnings"}
