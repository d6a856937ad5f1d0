"""Long drills: run where they are asked for, told as not verified where they are not, and never green by silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from blueprint.catalogue import Tier, read_catalogue
from blueprint.judgement import LONG_DRILLS
from blueprint.trouble import Trouble
from reports.clauses import page
from tests.judged import CLAUSE, PASSING, Verify, verify

__all__ = ["verify"]
pytest_plugins = ["pytester"]
SHORT = {"TST-001": ("must", ("static",), ()), "TST-002": ("must", ("drill",), ("long", "short"))}
HEAD = '[chapter]\nid = "TST"\ntitle = "Test"\norder = 1\n'
NOT_SELECTED = f"a long drill, and those were not selected: {LONG_DRILLS}"


def of_drill(case: str) -> str:
    return PASSING.replace('"TST-001"', f'"TST-002", case="{case}"').replace("one(", f"{case}(")


@pytest.fixture
def drilled(verify: Verify) -> Verify:
    """A static clause, and one of the drill tier, of which one case is long."""
    verify.clauses(SHORT, 'long = ["long"]\n')
    verify.proofs(PASSING)
    verify.proofs(of_drill("long") + of_drill("short"), tier="drill", name="test_drill")
    return verify


def test_a_long_drill_runs_only_where_it_is_asked_for(drilled: Verify) -> None:
    """Without --long the run stays green, says which command runs it, and is not compliant."""
    session = drilled.run()
    assert (session.status, session.verdict("TST-002", "drill", "short")) == (0, "pass"), session.text
    told = session.case("TST-002", "drill", "long")
    assert (told["verdict"], told["message"], told["proofs"]) == ("not_verified", NOT_SELECTED, [])
    assert not session.summary["compliant"]
    asked = drilled.run("--long")
    assert [asked.verdict("TST-002", "drill", case) for case in ("long", "short")] == ["pass", "pass"]
    assert asked.summary["compliant"]


def test_a_long_drill_without_a_proof_is_red_where_it_is_asked_for(verify: Verify) -> None:
    verify.clauses(SHORT, 'long = ["long"]\n')
    verify.proofs(PASSING)
    verify.proofs(of_drill("short"), tier="drill", name="test_drill")
    assert verify.run().status == 0
    asked = verify.run("--long")
    assert (asked.status, asked.verdict("TST-002", "drill", "long")) == (1, "no_proof")


def test_a_recorded_long_drill_is_judged_again_without_asking(drilled: Verify) -> None:
    """A replay judges what was recorded, as it was chosen then."""
    drilled.run("--long", "--tier=drill")
    recorded = drilled.root / "recorded.jsonl"
    (drilled.root / "out" / "evidence.jsonl").rename(recorded)
    again = drilled.run("--tier=drill", f"--replay={recorded}")
    assert (again.status, again.verdict("TST-002", "drill", "long")) == (0, "pass"), again.text


def test_a_session_of_nothing_but_long_drills_says_how_to_run_them(verify: Verify) -> None:
    verify.clauses({"TST-002": ("must", ("drill",), ())}, "long = true\n")
    verify.proofs(PASSING.replace("TST-001", "TST-002"), tier="drill")
    session = verify.run("--tier=drill")
    assert session.status != 0
    assert session.summary["broken"] == [f"no proof ran: nothing was judged; long drills run with `{LONG_DRILLS}`"]


@pytest.mark.parametrize(
    ("tiers", "long"),
    [('["static"]', "true"), ('["static", "drill"]', "true"), ('["drill"]', '["other"]'), ('["drill"]', '"long"')],
)
def test_what_is_called_long_and_cannot_be_is_refused(tmp_path: Path, tiers: str, long: str) -> None:
    row = CLAUSE.format(id="TST-001", level="must", tiers=f"tiers = {tiers}", cases='cases = ["long"]')
    (tmp_path / "tst.toml").write_text(f"{HEAD}{row}long = {long}\n")
    with pytest.raises(Trouble, match=r"tst.toml:6: TST-001: long is true or a list of its cases"):
        read_catalogue(tmp_path)


def test_the_page_of_clauses_says_which_are_long(tmp_path: Path) -> None:
    row = CLAUSE.format(id="TST-001", level="must", tiers='tiers = ["drill"]', cases='cases = ["a", "b"]')
    (tmp_path / "tst.toml").write_text(f'{HEAD}{row}long = ["b"]\n')
    assert f"long, in `{LONG_DRILLS}` alone: `b`" in " ".join(page(read_catalogue(tmp_path)).split())


def test_nothing_but_a_drill_is_long_here() -> None:
    for clause in read_catalogue():
        assert not clause.long or clause.tiers == (Tier.DRILL,)
