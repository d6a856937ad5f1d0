"""The charts as packages, equal byte for byte whoever packs a commit: ``python -m provision.chart_packages``."""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from packaging.version import Version

from blueprint.rules.change_management import CHARTS
from blueprint.trouble import Trouble
from blueprint.versions import read_release_tag
from provision.processes import run
from provision.tools import Tool, fetched, read_table, tool

ROOT = Path(__file__).parent.parent
FOLDER = "packages"
"""Where they are put, relative to the folder that the command is typed in; git ignores it."""
SUMS = "SHA256SUMS"
KEEPS_TIMES = 4
"""The first major version of helm that packs the modification times of files instead of the time of the day."""
_SECONDS = 60.0
_QUIET = {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}


def packing_helm() -> Tool:
    """A helm whose packages follow from what is packed alone.

    Raises:
        Trouble: none is on PATH, and none can be fetched.
    """
    found = tool("helm")
    return found if Version(found.version).major >= KEEPS_TIMES else fetched("helm", read_table()["helm"])


def pack(root: Path, chart: str, folder: Path) -> Path:
    """Pack what the commit that is checked out holds of a chart, with the commit's time on every file.

    Args:
        root: a git checkout in which nothing of the chart differs from its commit.
        chart: the folder of the chart, relative to the root.
        folder: where the package goes; it is there.

    Returns:
        The package, <chart>-<version>.tgz.

    Raises:
        Trouble: the chart is not committed as it stands, holds a link, or is refused by helm.
    """
    if changed := _git(root, "status", "--porcelain", "--", chart).splitlines():
        what = f"{len(changed)} files differ from the commit, first {changed[0][3:]}"
        raise Trouble(what, where=chart, next_command=f"git commit -- {chart}")
    time = int(_git(root, "rev-list", "--timestamp", "--max-count=1", "HEAD").split()[0])
    files = [name for name in _git(root, "ls-files", "-z", "--", chart).split("\0") if name]
    if not files:
        raise Trouble("no file of the chart is in the commit", where=chart, next_command=f"git add {chart}")
    with tempfile.TemporaryDirectory(prefix="soma-verify-pack-") as name:
        stage, out = Path(name, "stage"), Path(name, "out")
        for file in files:
            _stage(root / file, stage / PurePosixPath(file).relative_to(chart), time)
        _helm(stage, out, Path(name, "home"), chart)
        made = next(out.iterdir())
        return Path(shutil.move(made, folder / made.name))


def _git(root: Path, *arguments: str) -> str:
    return run(("git", *arguments), cwd=root, env=_QUIET, timeout=_SECONDS).stdout


def _stage(source: Path, target: Path, time: int) -> None:
    if source.is_symlink():
        raise Trouble("is a link, which helm would follow out of the chart", where=str(source))
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    os.utime(target, (time, time))


def _helm(stage: Path, out: Path, home: Path, chart: str) -> None:
    """Run it without plugins, repositories or settings of the user's."""
    private = {f"HELM_{each}_HOME": str(home / each.casefold()) for each in ("CACHE", "CONFIG", "DATA")}
    command = (packing_helm().path, "package", stage, "--destination", out)
    answer = run(command, env={**private, "HELM_PLUGINS": str(home / "plugins")}, timeout=_SECONDS, check=False)
    if answer.exit_code:
        said = (answer.stderr or answer.stdout).strip().replace(f"{stage}", chart)
        raise Trouble(f"helm does not pack it: {said}", where=chart, next_command=f"helm lint --strict {chart}")


def write_packages(root: Path, folder: Path, tag: str) -> list[Path]:
    """Pack both charts, and write the sums of the packages beside them.

    Args:
        root: the checkout.
        folder: where they go; it is made where it is not there.
        tag: the tag that they are released under, which must be of their version; empty where they are not.

    Raises:
        Trouble: a chart cannot be packed or has not the version of the tag, or the folder holds other packages.
    """
    version = read_release_tag(tag)
    if tag and not version:
        raise Trouble(f"{tag} is no tag of the form v<major>.<minor>.<patch>", next_command=f"git tag -d {tag}")
    folder.mkdir(parents=True, exist_ok=True)
    packages = [pack(root, chart, folder) for chart in CHARTS]
    for chart, package in zip(CHARTS, packages, strict=True):
        if version and package.name != f"{PurePosixPath(chart).name}-{version}.tgz":
            raise Trouble(f"the package is {package.name}, the tag {tag}: set the version", where=f"{chart}/Chart.yaml")
    if others := sorted(path.name for path in folder.glob("*.tgz") if path not in packages):
        raise Trouble(f"holds packages of another release: {', '.join(others)}", where=str(folder))
    sums = "".join(f"{digest(package)}  {package.name}\n" for package in packages)
    (folder / SUMS).write_text(sums, encoding="ascii")
    return packages


def digest(package: Path) -> str:
    """The SHA-256 of a package."""
    return hashlib.sha256(package.read_bytes()).hexdigest()


def main(arguments: Sequence[str] | None = None) -> int:
    """Pack both charts and print the sums; exit code 2 and one message where that fails."""
    parser = argparse.ArgumentParser(prog="python -m provision.chart_packages", description=__doc__)
    parser.add_argument("--tag", default="", help="the tag that they are released under: their version must be its")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(FOLDER), help="where they go (%(default)s)")
    chosen = parser.parse_args(arguments)
    try:
        write_packages(ROOT, chosen.folder, chosen.tag)
    except Trouble as trouble:
        sys.stderr.write(f"{trouble}\n")
        return 2
    sys.stdout.write((chosen.folder / SUMS).read_text(encoding="ascii"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
