"""The packages that two clones of a checkout give, as somebody else would clone it on another day."""

from __future__ import annotations

import os
import tarfile
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path, PurePosixPath

from blueprint.evidence import JSON
from blueprint.rules.change_management import CHARTS
from blueprint.trouble import Trouble
from provision.chart_packages import digest, pack, packing_helm
from worlds import checkout, git

_DAY = 24 * 3600.0
_CLONE_SECONDS = 60.0
_TODAY, _YESTERDAY = "today", "yesterday"
_SHOWN = 5
_packed: dict[str, JSON] = {}
"""What was packed before in this process, by commit and tree: the same content gives the same packages."""


def read_packages(root: Path) -> JSON:
    """What :class:`blueprint.rules.release_packages.Packed` is made of.

    Cloned is a commit of the charts as they stand, with the time of the last commit. Git has no configuration but
    ours, so no filter of the checkout's runs; helm packs a copy without links.

    Args:
        root: the checkout.
    """
    if not git.is_git_checkout(root):
        return {"reason": "the checkout has no history that could be cloned", "charts": {}}
    try:
        with git.borrowed(root) as asked:
            return _from_clones(asked)
    except Trouble as trouble:
        return {"reason": f"no clone could be made: {trouble.what}", "charts": {}}


def _from_clones(asked: git.Git) -> JSON:
    charts = [chart for chart in CHARTS if (asked.root / chart).is_dir()]
    key = _commit_as_it_stands(asked, charts)
    if key not in _packed:
        packing_helm()  # found or fetched once, before several ask for it
        with tempfile.TemporaryDirectory(prefix="soma-verify-clones-") as name:
            targets = [Path(name, each) for each in (_TODAY, _YESTERDAY)]
            with ThreadPoolExecutor(len(targets)) as pool:
                packed = [*pool.map(partial(_from_clone, asked, charts), targets)]
            _packed[key] = {"reason": "", "charts": {chart: _compared(chart, packed) for chart in charts}}
    return _packed[key]


def _commit_as_it_stands(asked: git.Git, charts: list[str]) -> str:
    """Make HEAD of the borrowed directory a commit of the charts as they stand; what it stands for."""
    if charts:
        asked("add", "--all", "--", *charts)
    tree = asked("write-tree", "--missing-ok").stdout.strip()
    time = asked("rev-list", "--timestamp", "--max-count=1", "HEAD").stdout.split()[0]
    if tree != asked("rev-parse", "HEAD^{tree}").stdout.strip():
        who = f"soma-verify <> {time} +0000"
        text = f"tree {tree}\nauthor {who}\ncommitter {who}\n\nas it stands\n"
        commit = asked("hash-object", "-t", "commit", "-w", "--stdin", fed=text).stdout.strip()
        (asked.directory / "HEAD").write_text(f"{commit}\n", encoding="ascii")
    return f"{time} {tree} {' '.join(charts)}"


def _from_clone(asked: git.Git, charts: list[str], target: Path) -> dict[str, tuple[Path | None, str]]:
    _clone(asked, charts, target)
    if target.name == _YESTERDAY:
        _made_on_another_day(target)
    return _pack_all(target, charts)


def _clone(asked: git.Git, charts: list[str], target: Path) -> None:
    """Clone, and check out the charts alone: nothing else is looked at."""
    options = ("--shared", "--no-tags")
    in_clone = asked.clone(target, *options, source=str(asked.directory), seconds=_CLONE_SECONDS)
    if charts:
        in_clone("checkout", "--quiet", "HEAD", "--", *charts)


def _made_on_another_day(clone: Path) -> None:
    """What differs between clones of two people: times and permissions of all files."""
    for place in _files(clone / "infra"):
        status = place.stat()
        place.chmod(0o600 | status.st_mode & 0o100)
        time = status.st_mtime - _DAY
        os.utime(place, (time, time))


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path


def _pack_all(clone: Path, charts: list[str]) -> dict[str, tuple[Path | None, str]]:
    """The package of each chart, or in words why there is none."""
    folder = clone.with_name(f"{clone.name}-packages")
    folder.mkdir()
    packed: dict[str, tuple[Path | None, str]] = {}
    for chart in charts:
        try:
            packed[chart] = pack(clone, chart, folder), ""
        except Trouble as trouble:
            packed[chart] = None, checkout.spelled(trouble.what.replace(f"{clone}/", "").splitlines()[0])
    return packed


def _compared(chart: str, packed: list[dict[str, tuple[Path | None, str]]]) -> JSON:
    said = next((each[chart][1] for each in packed if each[chart][1]), "")
    packages = [package for each in packed if (package := each[chart][0])]
    sums: list[JSON] = [digest(package) for package in packages]
    differing: list[JSON] = [*_differing(packages)[:_SHOWN]] if len({*sums}) > 1 else []
    return {
        "said": said,
        "names": [checkout.spelled(package.name) for package in packages],
        "sums": sums,
        "differing": differing,
    }


def _differing(packages: list[Path]) -> list[str]:
    """The members of two packages that are not equal, by their paths."""
    members = []
    for package in packages:
        with tarfile.open(package) as file:
            members.append({each.name: (each.mtime, each.mode, each.size) for each in file.getmembers()})
    names = {name for each in members for name in each}
    return sorted(
        checkout.spelled(str(PurePosixPath(name))) for name in names if len({each.get(name) for each in members}) > 1
    )
