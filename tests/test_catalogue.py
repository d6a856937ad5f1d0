"""The catalogue refuses what is not well formed, and holds every clause of the blueprint."""

from __future__ import annotations

from pathlib import Path

import pytest

from blueprint.catalogue import WHOLE, Catalogue, Level, Tier, read_catalogue
from blueprint.trouble import Trouble

CHAPTER = '[chapter]\nid = "TST"\ntitle = "Test"\norder = 1\n'
CLAUSE = """
[[clause]]
id = "TST-001"
section = "1"
statement = "It holds."
level = "must"
tiers = ["static"]
why = "Else not."
remedy = "Mend it."
"""
# how many clauses the blueprint was cut into at first, by chapter; more may come, none goes
AT_LEAST = {"DOC": 5, "CMP": 21, "HLM": 21, "CFG": 9, "CIC": 6, "CHG": 6, "DRR": 10, "RUN": 4, "CHK": 5}
SHOULD = {"DOC-002", "CMP-020", "CMP-021", "CMP-019", "HLM-017", "CIC-005", "DRR-010"}


def read(tmp_path: Path, *texts: str) -> Catalogue:
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.toml").write_text(text)
    return read_catalogue(tmp_path)


def test_every_clause_of_the_blueprint_is_there() -> None:
    catalogue = read_catalogue()
    wanted = {f"{chapter}-{number:03}" for chapter, count in AT_LEAST.items() for number in range(1, count + 1)}
    assert wanted <= set(catalogue.by_id)
    assert {clause.id for clause in catalogue if clause.level is Level.SHOULD} >= SHOULD
    assert all(clause.level is Level.MUST for clause in catalogue if clause.id in wanted - SHOULD)


def test_the_order_is_that_of_the_chapters_and_then_of_the_file() -> None:
    orders = [clause.chapter.order for clause in read_catalogue()]
    assert orders == sorted(orders)


def test_a_clause_without_cases_has_one(tmp_path: Path) -> None:
    assert read(tmp_path, CHAPTER + CLAUSE).obligations() == (("TST-001", Tier.STATIC, WHOLE),)


def test_every_case_in_every_tier_is_an_obligation(tmp_path: Path) -> None:
    text = CLAUSE.replace('["static"]', '["static", "drill"]\ncases = ["a", "b"]')
    assert [each[1:] for each in read(tmp_path, CHAPTER + text).obligations()] == [
        ("static", "a"),
        ("static", "b"),
        ("drill", "a"),
        ("drill", "b"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CLAUSE.replace("TST-001", "TST-1"), "0.toml:6: 'TST-1' is no clause id of chapter TST"),
        (CLAUSE.replace("TST-001", "OTH-001"), "0.toml:6: 'OTH-001' is no clause id of chapter TST"),
        (CLAUSE + CLAUSE, "0.toml:15: TST-001 stands at 0.toml:6 already; ids are never reused"),
        (CLAUSE.replace('"static"', '"moon"'), "0.toml:6: TST-001 has an unknown tier 'moon'; known: static"),
        (CLAUSE.replace('"must"', '"may"'), "0.toml:6: TST-001 has an unknown level 'may'; known: must, should"),
        (CLAUSE + 'color = "red"\n', "0.toml:6: unknown field color"),
        (CLAUSE.replace("why", "way"), "0.toml:6: unknown field way"),
        (CLAUSE.replace('why = "Else not."\n', ""), "0.toml:6: field why is missing or empty"),
        (CLAUSE.replace('"It holds."', '""'), "0.toml:6: field statement is missing or empty"),
        (CLAUSE.replace('tiers = ["static"]\n', ""), "0.toml:6: TST-001 needs either tiers or rolls_up"),
        (CLAUSE + 'rolls_up = ["TST-001"]\n', "0.toml:6: TST-001 needs either tiers or rolls_up"),
        (CLAUSE.replace("tiers", "rolls_up"), "0.toml:6: TST-001 rolls up static, which is no clause"),
        (
            CLAUSE.replace('tiers = ["static"]', 'rolls_up = ["TST-001"]'),
            "0.toml:6: TST-001 rolls up TST-001, which is rolled up itself",
        ),
        (CLAUSE + 'cases = ["a", "a"]\n', "0.toml:6: the cases of TST-001 are empty or repeat one"),
        (CLAUSE + "cases = []\n", "0.toml:6: the cases of TST-001 are empty or repeat one"),
        ("= 1", "0.toml:5: not TOML"),
        ("[other]\n", "0.toml: a chapter file has one [chapter]"),
    ],
)
def test_what_is_not_well_formed_is_refused_by_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(Trouble) as caught:
        read(tmp_path, CHAPTER + text)
    assert str(caught.value).startswith(message)


def test_a_chapter_stands_in_one_file(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match=r"1.toml: chapter TST is in 0.toml already"):
        read(tmp_path, CHAPTER + CLAUSE, CHAPTER + CLAUSE)


def test_a_folder_without_clauses_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="no chapter with a clause is here"):
        read(tmp_path)
