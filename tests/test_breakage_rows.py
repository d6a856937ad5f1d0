"""Rows of breakages.toml: what is refused, and what they do to files and recordings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from blueprint.catalogue import Tier, read_catalogue
from blueprint.trouble import Trouble
from tests.breakages import ROOT, changed_recording, edited_copy, read_breakages
from tests.recording import joined, keep

GOOD = """
[[breakage]]
clause = "CMP-008"
tier = "static"
reason = "no check"
"""
EDIT = '[[breakage.edit]]\nfile = "a.yaml"\nfind = "x"\nput = "y"\n'
CHANGE = '[[breakage.change]]\ntarget = "a"\nat = "/b"\nto = 1\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD, "breakages.toml:2: a static breakage has edits of files"),
        (GOOD + CHANGE, "a static breakage has edits of files"),
        (GOOD.replace("static", "compose") + EDIT, "CMP-008 has no tier 'compose'"),
        (GOOD.replace("CMP-008", "CMP-999") + EDIT, "names a clause"),
        (GOOD.replace('"no check"', '""') + EDIT, "names a clause"),
        (GOOD + 'case = "x"\n' + EDIT, "no tier 'static' with the case 'x'"),
        (GOOD + 'color = "x"\n' + EDIT, "unknown field color"),
        (GOOD + EDIT + 'color = "x"\n', "unknown field color"),
        (GOOD + 'also = { "CMP-001" = "" }\n' + EDIT, "also names clauses"),
        (GOOD + 'also = { "CMP-999" = "why" }\n' + EDIT, "also names clauses"),
        (GOOD + 'also = ["CMP-999"]\n' + EDIT, "also names clauses"),
        (GOOD + "[[", "not TOML"),
    ],
)
def test_a_wrong_row_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "breakages.toml"
    path.write_text(text)
    with pytest.raises(Trouble, match=message.replace("(", r"\(")):
        read_breakages(path, read_catalogue())


@pytest.mark.parametrize(
    ("edit", "after"),
    [
        ({"find": "requires-python", "put": "needs"}, "needs"),
        ({"append": "# more"}, "# more"),
        ({"write": "[project]"}, "[project]"),
        ({"delete_file": True}, None),
    ],
)
def test_an_edit_changes_the_copy_alone(tmp_path: Path, edit: dict[str, Any], after: str | None) -> None:
    before = (ROOT / "pyproject.toml").read_text()
    copy = edited_copy(["pyproject.toml"], [{"file": "pyproject.toml", **edit}], tmp_path / "copy")
    assert (ROOT / "pyproject.toml").read_text() == before
    assert (after is None) != (copy / "pyproject.toml").exists()
    assert after is None or after in (copy / "pyproject.toml").read_text()


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ({"find": "not in there", "put": ""}, "occurs 0 times"),
        ({"find": "[tool.", "put": ""}, "what is to be replaced occurs"),
        ({"file": "nothing.toml", "append": "x"}, "no such file to break"),
    ],
)
def test_an_edit_that_hits_nothing_is_trouble(tmp_path: Path, edit: dict[str, str], message: str) -> None:
    with pytest.raises(Trouble, match=message):
        edited_copy(["pyproject.toml"], [{"file": "pyproject.toml", **edit}], tmp_path / "copy")


SEEN = {"services": [{"name": "a", "health": "healthy"}], "a/b": 1}


@pytest.mark.parametrize(
    ("at", "change", "after"),
    [
        ("/services/0/health", {"to": "starting"}, {**SEEN, "services": [{"name": "a", "health": "starting"}]}),
        ("/services/0", {"remove": True}, {**SEEN, "services": []}),
        ("/a~1b", {"to": 2}, {**SEEN, "a/b": 2}),
        ("", {"to": None}, None),
    ],
)
def test_a_change_reaches_what_was_seen(tmp_path: Path, at: str, change: dict[str, Any], after: object) -> None:
    recorded = tmp_path / "compose.jsonl"
    rows = [{"kind": "run", "run": {}}, {"proof": "t::a", "target": "ps", "seen": SEEN}]
    recorded.write_text("".join(json.dumps(row) + "\n" for row in rows))
    changed = changed_recording(recorded, [{"proof": "::a", "target": "ps", "at": at, **change}], tmp_path / "new")
    assert [json.loads(line) for line in changed.read_text().splitlines()] == [rows[0], {**rows[1], "seen": after}]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": "nothing", "at": ""}, "no look at nothing by any proof"),
        ({"target": "ps", "proof": "::b", "at": ""}, "no look at ps by ::b"),
        ({"target": "ps", "at": "/services/7/health"}, "has nothing at /services/7/health"),
        ({"target": "ps", "at": "/services/0/health/x", "to": 1}, "has nothing at"),
    ],
)
def test_a_change_that_hits_nothing_is_trouble(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    recorded = tmp_path / "compose.jsonl"
    recorded.write_text(json.dumps({"proof": "t::a", "target": "ps", "seen": SEEN}) + "\n")
    with pytest.raises(Trouble, match=message):
        changed_recording(recorded, [change], tmp_path / "new")


def test_what_is_kept_of_a_run_is_of_one_tier_and_of_no_machine(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = [
        {"kind": "run", "run": {"as_of": "2026-01-31", "tiers": ["compose", "static"], "subject": str(ROOT)}},
        {"kind": "look", "proof": "session", "seen": f"{ROOT}/infra and {Path.home()}/.cache"},
        {"kind": "look", "proof": "tests_infra/static/test_a.py::test_a", "seen": 1},
        {"kind": "look", "proof": "tests_infra/compose/test_a.py::test_a", "seen": 2},
    ]
    evidence = tmp_path / "evidence.jsonl"
    evidence.write_text("".join(json.dumps(line) + "\n" for line in lines))
    keep(Tier.COMPOSE, tmp_path / "recorded" / "compose.jsonl", evidence)
    assert [json.loads(line) for line in (tmp_path / "recorded" / "compose.jsonl").read_text().splitlines()] == [
        {"kind": "run", "run": {"as_of": "2026-01-31", "tiers": ["compose"], "subject": "/checkout"}},
        {"kind": "look", "proof": "session", "seen": "/checkout/infra and /home/verify/.cache"},
        lines[3],
    ]
    with pytest.raises(Trouble, match="no proof of tier drill"):
        keep(Tier.DRILL, tmp_path / "drill.jsonl", evidence)


def test_what_is_recorded_in_several_runs_is_kept_as_one() -> None:
    """Of a proof that is in both, the later run counts; no two looks have one id; the time is that of both."""

    def run_of(seen: int, *proofs: str) -> list[dict[str, Any]]:
        facts = {"as_of": "2026-01-31", "seconds": 1.5 * seen}
        looks = [{"kind": "do", "id": f"o{at}", "proof": proof, "seen": seen} for at, proof in enumerate(proofs)]
        ended = [{"kind": "proof", "proof": proof, "seconds": seen} for proof in proofs if proof != "session"]
        return [{"kind": "run", "run": facts | {"seconds": 0.0}}, *looks, *ended, {"kind": "end", "run": facts}]

    lines = joined([run_of(1, "session", "t::a", "t::b"), run_of(2, "session", "t::b", "t::c")])
    assert [line["kind"] for line in lines] == ["run", "do", "do", "proof", "do", "do", "do", "proof", "proof", "end"]
    looks = {line["id"]: (line["proof"], line["seen"]) for line in lines if line["kind"] == "do"}
    assert sorted(looks.values()) == [("session", 1), ("session", 2), ("t::a", 1), ("t::b", 2), ("t::c", 2)]
    assert len(looks) == 5
    assert lines[-1]["run"]["seconds"] == 4.5


def test_a_tier_without_a_recording_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match=r"python -m tests\.recording"):
        changed_recording(tmp_path / "compose.jsonl", [], tmp_path / "new")
