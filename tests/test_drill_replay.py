"""The recorded drills are judged again without any engine, to the verdicts that they had."""

from __future__ import annotations

from pathlib import Path

from blueprint.fault_matrix import read_matrix
from blueprint.stage_plan import CASES
from tests.breaking import RECORDED
from tests.verifying import verify

DRILLS = RECORDED / "drill.jsonl"
MOST_BYTES = 2_000_000


def test_the_recorded_drills_are_green_again_where_there_is_no_engine(tmp_path: Path) -> None:
    env = {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    done = verify(tmp_path / "out", "--tier=drill", f"--replay={DRILLS}", env=env)
    verdicts = done.verdicts("drill")
    assert done.exit_code == 0, done.output
    of_matrix = {case for clause, case in verdicts if clause == "CMP-026"}
    assert of_matrix == set(read_matrix().cells)
    proven = {key: verdict for key, verdict in verdicts.items() if key[0] in {"CIC-006", "CMP-025", "CMP-026"}}
    assert set(proven.values()) <= {"pass", "pass_stand_in"}
    assert {proven["CMP-025", case] for case in ("none-lost", "none-twice", "in-order", "checker")} == {"pass"}
    assert {proven["CIC-006", stage] for stage in CASES} == {"pass"}
    told = done.cases("drill")["CMP-025", "none-lost"]["observed"]
    assert told.startswith("each of 10000 messages answered; the worker was killed after")


def test_what_is_recorded_of_ten_thousand_messages_is_small() -> None:
    """The history of a session is one row where nothing out of the ordinary befell it."""
    assert DRILLS.stat().st_size < MOST_BYTES
