"""The recorded Compose run is judged again without any engine, to the verdicts that it had."""

from __future__ import annotations

from pathlib import Path

from tests.breaking import RECORDED
from tests.verifying import verify


def test_the_recorded_run_is_green_again_where_there_is_no_engine(tmp_path: Path) -> None:
    env = {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    done = verify(tmp_path / "out", "--tier=compose", f"--replay={RECORDED / 'compose.jsonl'}", env=env)
    verdicts = done.verdicts("compose")
    assert done.exit_code == 0, done.output
    unavailable = {key for key, verdict in verdicts.items() if verdict == "not_verified"}
    assert unavailable == {("CMP-019", "grafana")}
    assert set(verdicts.values()) <= {"pass", "pass_stand_in", "not_yet", "not_verified"}
    on_stand_ins = {key for key, verdict in verdicts.items() if verdict == "pass_stand_in"}
    assert {("CMP-011", "all"), ("CMP-014", "qdrant"), ("CMP-015", "logs"), ("CMP-019", "pgvector")} <= on_stand_ins
    assert not {key for key in on_stand_ins if key[0] in {"CMP-012", "CMP-013", "CMP-016", "CMP-018", "CMP-022"}}
    assert verdicts["CMP-011", "default"] == verdicts["CMP-013", "whole"] == verdicts["CMP-018", "whole"] == "pass"
