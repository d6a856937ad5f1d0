"""Each kind of fault that people really made is found by a rule that names the file, the place in it and the remedy."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from blueprint.catalogue import read_catalogue
from blueprint.live import Answer, HealthLook
from blueprint.rules.live_cluster import closed_gateway
from blueprint.rules.live_compose import dishonest_health
from provision.processes import run
from tests.breakages import BREAKAGES, read_breakages
from tests.own_faults import copy_of_ours, seed
from tests.real_faults import FIRST, LATER, NEWER, READ, UNREAD
from tests.sound_sample import SOUND
from tests.verifying import Verified, verify

CATALOGUE = read_catalogue()
ROWS = {(row.clause, row.reason) for row in read_breakages(BREAKAGES, CATALOGUE)}
REMEDIES = {clause.id: clause.remedy for clause in CATALOGUE}
PAGE = Answer(200, "<!doctype html><html><body></body></html>")


@dataclass(frozen=True)
class Kind:
    """A row of fault_kinds.toml, which says what stands in it."""

    name: str
    clause: str
    file: str
    said: str
    unread: bool = False
    row: str = ""
    own: Mapping[str, str] = field(default_factory=dict)


KINDS = [Kind(**row) for row in tomllib.loads(Path(__file__).with_name("fault_kinds.toml").read_text("utf-8"))["kind"]]
IN_OURS = [kind for kind in KINDS if not kind.row]


def committed(folder: Path, tag: str = "") -> None:
    author = ("-c", "user.name=a", "-c", "user.email=a@b.invalid")
    run(["git", "init", "-q", "-b", "main"], cwd=folder)
    run(["git", "add", "-A"], cwd=folder)
    run(["git", *author, "commit", "-q", "-m", "a"], cwd=folder)
    if tag:
        run(["git", "tag", tag], cwd=folder)


def written(folder: Path, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def judged(folder: Path, texts: Mapping[str, str]) -> Verified:
    """A small tree, of which one file came later than the rest."""
    subject = folder / "subject"
    written(subject, {name: text.replace(NEWER, FIRST) for name, text in texts.items() if name != LATER})
    committed(subject)
    written(subject, texts)
    return verify(folder / "out", "--tier=static", f"--subject={subject}")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Mapping[bool, Verified]:
    """Both small trees judged: the one that can be read, and the one that cannot."""
    return {unread: judged(tmp_path_factory.mktemp("faulty"), UNREAD if unread else READ) for unread in (False, True)}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Verified:
    """A small tree without any of them, judged."""
    return judged(tmp_path_factory.mktemp("sound"), SOUND)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Verified:
    """Our own tree judged, with many seeded after its release."""
    folder = tmp_path_factory.mktemp("ours")
    subject = copy_of_ours(folder / "subject")
    committed(subject, "v0.1.0")
    seed(subject)
    return verify(folder / "out", "--tier=static", f"--subject={subject}")


def findings(verified: Verified, clause: str) -> Iterator[dict[str, Any]]:
    for (name, _), case in verified.cases("static").items():
        if name == clause:
            yield from case["findings"]


def is_told(kind: Kind, verified: Verified, file: str, said: str, *, is_absent: bool) -> None:
    told = list(findings(verified, kind.clause))
    meant = [each for each in told if each["file"] == file and said in each["what"]]
    assert meant, [(each["file"], each["what"]) for each in told]
    for each in meant:
        assert each["line"] or each["key"] or is_absent, each
        assert each["remedy"] or REMEDIES[kind.clause]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_of_fault_is_found_where_it_is(kind: Kind, found: Mapping[bool, Verified]) -> None:
    is_absent = kind.file not in (UNREAD if kind.unread else READ)
    is_told(kind, found[kind.unread], kind.file, kind.said, is_absent=is_absent)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_of_fault_is_not_found_where_it_is_not(kind: Kind, sound: Verified) -> None:
    """What it is told of is there, and is sound."""
    assert any(name.startswith(kind.file) for name in SOUND), kind.file
    told = [each["what"] for each in findings(sound, kind.clause) if kind.said in each["what"]]
    assert not told, told


@pytest.mark.parametrize("kind", IN_OURS, ids=lambda kind: kind.name)
def test_a_kind_of_fault_is_found_in_our_own_tree(kind: Kind, ours: Verified) -> None:
    file, said = kind.own.get("file", kind.file), kind.own.get("said", kind.said)
    is_told(kind, ours, file, said, is_absent="is not there" in said)


def test_the_others_are_seeded_in_our_own_tree_by_a_breakage() -> None:
    unseeded = [kind.name for kind in KINDS if kind.row and (kind.clause, kind.row) not in ROWS]
    assert not unseeded, unseeded


def test_a_single_page_app_that_answers_health_is_told() -> None:
    """It can be seen on what runs alone."""
    well = Answer(200, {"status": "ok", "components": {"ui": {"status": "ok"}}})
    for health, is_page in ((well, False), (PAGE, True)):
        look = HealthLook("", "", health, Answer(200))
        told = [*dishonest_health([look], {"ui": "optional"}).found, *closed_gateway(health).found]
        assert [each.place.key for each in told if "single-page app" in each.what] == (
            ["/health", "svc/gateway"] if is_page else []
        )
        assert bool(told) is is_page
