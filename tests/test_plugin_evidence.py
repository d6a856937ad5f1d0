"""What a session leaves: evidence that replays to the same verdicts, pages and files without a secret."""

from __future__ import annotations

import base64
import html
import json
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest

import reports.wording
from tests.judged import FAILING, ONE, PASSING, Session, Verify, verify

__all__ = ["verify"]
pytest_plugins = ["pytester"]
CANARY = "canary/4b61&6e61+72<79>"
FORMS = (
    CANARY,
    quote(CANARY),
    quote(CANARY, safe=""),
    *(base64.b64encode(b"x" * shift + CANARY.encode()).decode()[4:-6] for shift in range(3)),
    CANARY.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
)
ENCODED = f"""
import base64, logging, sys
from urllib.parse import quote
CANARY = {CANARY!r}
FORMS = [CANARY, quote(CANARY), quote(CANARY, safe=""), base64.b64encode(CANARY.encode()).decode(),
         base64.urlsafe_b64encode(b"user:" + CANARY.encode()).decode(),
         base64.b64encode(b"u:" + CANARY.encode()).decode()]
"""
TELL_ALL = """
    for form in FORMS:
        print("said", form); print("said", form, file=sys.stderr); logging.warning("said %s", form)
        request.node.user_properties.append(("form", form))
"""


def all_outputs(verify: Verify, text: str) -> dict[str, str]:
    files = {str(path): path.read_text() for path in (verify.root / "out").rglob("*") if path.is_file()}
    return files | {"terminal": text}


def assert_nowhere(outputs: dict[str, str]) -> None:
    found = [(name, form) for name, text in outputs.items() for form in FORMS if form in text]
    assert not found


@pytest.mark.parametrize(
    "ending",
    [
        "conclude(GOOD)",
        "conclude(Findings.of(ALL, ALL, [Finding(f'saw {form}', Place('f', 1, form), form) for form in FORMS]))",
        "assert CANARY == FORMS",
        "raise Trouble(CANARY, where=CANARY, next_command=CANARY)",
        "raise ValueError(FORMS)",
        "pytest.skip(CANARY)",
        "conclude(Findings.of(FORMS[:1], FORMS))",
        'recorder.look("x", None, lambda: (_ for _ in ()).throw(OSError(CANARY)))',
    ],
)
def test_a_secret_never_appears_in_any_output(verify: Verify, ending: str) -> None:
    verify.proofs(f"""{ENCODED}
@pytest.mark.proves("TST-001")
def test_one(recorder, conclude, request):
    recorder.secret(CANARY)
    recorder.look(f"http://user:{{CANARY}}@host/", {{"header": FORMS}}, lambda: {{CANARY: FORMS}})
    recorder.touch({{"name": CANARY, "same_software": False}})
{TELL_ALL}
    {ending}
""")
    session = verify.run()
    assert session.status == (0 if ending == "conclude(GOOD)" else 1), session.text
    assert session.summary["broken"] == []
    assert {"junit.xml", "details.html", "evidence.jsonl"} <= {path.name for path in session.out.iterdir()}
    assert_nowhere(all_outputs(verify, session.text))
    assert "hmac:" in (session.out / "evidence.jsonl").read_text()


def test_a_secret_of_a_fixture_that_fails_appears_nowhere(verify: Verify) -> None:
    verify.proofs(f"""{ENCODED}
@pytest.fixture(scope="session")
def world(recorder):
    recorder.secret(CANARY)
    print(FORMS)
    yield
    print(FORMS)
    raise ValueError(CANARY)

@pytest.mark.proves("TST-001")
def test_one(world, recorder, conclude):
    recorder.look("x", None, lambda: CANARY)
    conclude(GOOD)
""")
    session = verify.run()
    assert (session.status, session.verdict()) == (1, "error")
    assert_nowhere(all_outputs(verify, session.text))


@pytest.mark.parametrize(
    "spelled", ["CANARY", "quote(CANARY, safe='')", "base64.b64encode(b'a' + CANARY.encode()).decode()"]
)
def test_a_leaked_secret_is_red_and_names_the_file(verify: Verify, spelled: str) -> None:
    verify.proofs(f"""{ENCODED}
import pathlib

@pytest.mark.proves("TST-001")
def test_one(recorder, conclude):
    recorder.secret(CANARY)
    recorder.look("x", None, lambda: 1)
    folder = pathlib.Path("out/failures/test_one")
    folder.mkdir(parents=True)
    (folder / "gateway.log").write_text("log " + {spelled} + " log")
    conclude(GOOD)
""")
    session = verify.run()
    assert (session.status, session.verdict()) == (1, "pass")
    assert session.summary["broken"] == ["a secret of this run stands in failures/test_one/gateway.log"]
    assert "red: a secret of this run stands in failures/test_one/gateway.log" in session.text
    assert "<strong>compliant: no" in (session.out / "details.html").read_text()
    (session.out / "failures" / "test_one" / "gateway.log").unlink()
    assert_nowhere(all_outputs(verify, session.text))


def test_a_secret_that_a_page_lets_out_is_red(verify: Verify, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    from pathlib import Path

    def render(out: Path) -> Path:
        (out / "index.html").write_text(f"<p>{CANARY}</p>")
        return out / "index.html"

    monkeypatch.setattr(sys.modules["reports.page"], "render", render)
    verify.proofs(f"""{ENCODED}
@pytest.mark.proves("TST-001")
def test_one(recorder, conclude):
    recorder.secret(CANARY)
    recorder.look("x", None, lambda: 1)
    conclude(GOOD)
""")
    session = verify.run()
    assert (session.status, session.summary["broken"]) == (1, ["a secret of this run stands in index.html"])


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
