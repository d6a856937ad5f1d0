"""The exemptions are read strictly: nothing in them is silently without effect."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from blueprint.catalogue import Tier, read_catalogue
from blueprint.exemptions import EXEMPTIONS, Exemptions, read_exemptions
from blueprint.trouble import Trouble

CATALOGUE = read_catalogue()
NOT_YET = 'kind = "not_yet"\nclause = "CMP-011"\nreason = "later"\n'
WAIVER = 'kind = "waiver"\nclause = "CMP-011"\nreason = "wait"\nowner = "ops"\nuntil = 2026-01-31\n'


def read(tmp_path: Path, *tables: str, more: str = "") -> Exemptions:
    path = tmp_path / "exemptions.toml"
    path.write_text("".join(f"[[exemption]]\n{table}\n" for table in tables) + more)
    return read_exemptions(path, CATALOGUE)


def test_the_exemptions_of_this_repository_are_well_formed() -> None:
    assert EXEMPTIONS.exists()
    read_exemptions(EXEMPTIONS, CATALOGUE)


def test_no_file_exempts_nothing(tmp_path: Path) -> None:
    assert list(read_exemptions(tmp_path / "exemptions.toml", CATALOGUE)) == []


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (NOT_YET.replace("not_yet", "never"), "exemptions.toml:1: unknown kind 'never'; known: not_yet, waiver"),
        (NOT_YET.replace('kind = "not_yet"\n', ""), "unknown kind None"),
        (NOT_YET + 'color = "red"\n', "unknown field color"),
        (NOT_YET.replace("CMP-011", "CMP-999"), "'CMP-999' is no clause"),
        (NOT_YET.replace("CMP-011", "CHK-001"), "CHK-001 is rolled up from CMP-011"),
        (NOT_YET + 'tier = "static"\n', "'static' is no tier of CMP-011; known: compose"),
        (NOT_YET + 'tier = "moon"\n', "'moon' is no tier"),
        (NOT_YET + 'case = "moon"\n', "'moon' is no case of CMP-011"),
        (NOT_YET + 'environment = "moon"\n', "'moon' is no environment of this suite; known: local, dev"),
        (NOT_YET.replace('reason = "later"\n', ""), "a not_yet needs reason"),
        (NOT_YET.replace('"later"', '" "'), "reason is a non-empty string"),
        (NOT_YET.replace('"later"', "1"), "reason is a non-empty string; here it is 1"),
        (NOT_YET.replace('"not_yet"', "[]"), "kind is a non-empty string"),
        (NOT_YET + 'owner = "ops"\n', "only a waiver has owner"),
        (NOT_YET + "until = 2026-01-31\n", "only a waiver has until"),
        (WAIVER.replace('owner = "ops"\n', ""), "a waiver needs owner"),
        (WAIVER.replace("until = 2026-01-31\n", ""), "a waiver needs until"),
        (WAIVER.replace("2026-01-31", '"2026-01-31"'), "until is a date, unquoted"),
        (WAIVER.replace("2026-01-31", "2026-01-31T00:00:00Z"), "until is a date, unquoted"),
    ],
)
def test_a_wrong_table_is_refused_by_file_and_line(tmp_path: Path, table: str, message: str) -> None:
    with pytest.raises(Trouble) as caught:
        read(tmp_path, table)
    assert str(caught.value).startswith("exemptions.toml:1: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("[other]\na = 1\n", r"holds \[\[exemption\]\] tables"),
        ("exemption = 1\n", r"holds \[\[exemption\]\] tables"),
        ("[[", "not TOML"),
    ],
)
def test_anything_else_in_the_file_is_refused(tmp_path: Path, more: str, message: str) -> None:
    with pytest.raises(Trouble, match=message):
        read(tmp_path, more=more)


def test_a_line_is_named_where_the_file_is_not_toml(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match=r"^exemptions.toml:6: not TOML"):
        read(tmp_path, NOT_YET, more="= 1")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (NOT_YET, NOT_YET),
        (NOT_YET, WAIVER + 'tier = "compose"\n'),
        (WAIVER + 'tier = "compose"\n', WAIVER + 'case = "default"\n'),
        (WAIVER + 'environment = "prod"\n', WAIVER),
    ],
)
def test_tables_that_overlap_are_refused(tmp_path: Path, first: str, second: str) -> None:
    line = len(first.splitlines()) + 3
    with pytest.raises(Trouble, match=f"exemptions.toml:{line}: overlaps the .*exemptions.toml:1"):
        read(tmp_path, first, second)


def test_tables_apart_stand_side_by_side(tmp_path: Path) -> None:
    rows = read(
        tmp_path,
        WAIVER + 'environment = "prod"\n',
        WAIVER + 'environment = "dev"\n',
        NOT_YET + 'environment = "local"\ncase = "default"\n',
    )
    assert [row.kind.value for row in rows] == ["waiver", "waiver", "not_yet"]
    assert rows.of("CMP-011", Tier.COMPOSE, "default", "local") is rows.rows[2]
    assert rows.of("CMP-011", Tier.COMPOSE, "default", "dev") is rows.rows[1]
    assert rows.of("CMP-011", Tier.COMPOSE, "default", "staging") is None
    assert rows.of("CMP-012", Tier.COMPOSE, "default", "dev") is None


@pytest.mark.parametrize(("as_of", "expired"), [("2026-01-30", False), ("2026-01-31", False), ("2026-02-01", True)])
def test_a_waiver_counts_through_its_last_day(tmp_path: Path, as_of: str, expired: bool) -> None:
    assert read(tmp_path, WAIVER).rows[0].expired(date.fromisoformat(as_of)) is expired
