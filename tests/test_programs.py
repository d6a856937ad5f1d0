"""The table of programs, and how a module's go.mod becomes one of ours; no Go is needed here."""

from __future__ import annotations

from pathlib import Path

import pytest

from blueprint.trouble import Trouble
from provision.programs import adopt, programs, read_programs

GO_MOD = """module example.org/thing

go 1.26

replace example.org/thing/api => ./api

replace (
\texample.org/one => ./staging/one
\texample.org/two v1.0.0 => ../two
\texample.org/three => example.org/fork v1.2.3
)
"""


def test_every_row_pins_what_it_builds() -> None:
    """Each module of the table has a version and a checksum, each row packages."""
    for row in read_programs().values():
        assert row.packages, row.name
        assert all(module.sum.startswith("h1:") and module.version.startswith("v") for module in row.modules), row.name


def test_an_adopted_module_drops_its_folders() -> None:
    """Replacements by folders go, one by another module stays, and the module is ours."""
    adopted = adopt(GO_MOD, "thing")
    assert adopted.startswith("module soma.local/thing\n")
    assert "./" not in adopted
    assert "example.org/three => example.org/fork v1.2.3" in adopted


def test_staging_takes_the_place_of_a_folder() -> None:
    """A replaced folder becomes the same module at the staging version."""
    adopted = adopt(GO_MOD, "thing", "v0.37.2")
    assert "\texample.org/one => example.org/one v0.37.2" in adopted
    assert "replace example.org/thing/api => example.org/thing/api v0.37.2" in adopted


@pytest.mark.parametrize(
    "row",
    ['go_mod = "fresh"\npackages = {}', 'go_mod = "fresh"\nmodules = {}\npackages = {}\nflag = 1'],
    ids=["a field is missing", "a field is unknown"],
)
def test_a_bad_row_is_refused(tmp_path: Path, row: str) -> None:
    """The message names the row and the file."""
    table = tmp_path / "programs.toml"
    table.write_text(f"[etcd]\n{row}\n", encoding="utf-8")
    with pytest.raises(Trouble, match="etcd has an unknown or lacks a needed field") as refused:
        read_programs(table)
    assert refused.value.where == "programs.toml"


def test_a_table_that_is_not_toml_is_refused(tmp_path: Path) -> None:
    """The message says where it is broken."""
    table = tmp_path / "programs.toml"
    table.write_text("[etcd]\ngo_mod = 1\ngo_mod = 2\n", encoding="utf-8")
    with pytest.raises(Trouble, match=r"programs\.toml: not TOML: .*line 3"):
        read_programs(table)


def test_an_unknown_program_names_the_known_ones() -> None:
    """A misspelt name is answered with what there is."""
    with pytest.raises(Trouble, match=r"no program is called etdc; known: .*etcd"):
        programs("etdc")
