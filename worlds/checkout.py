"""A directory of files that nobody vouches for: walked and read within bounds, and nothing of it executed."""

from __future__ import annotations

import errno
import os
import stat
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from blueprint.documents import NOT_THERE

PASSED_OVER = frozenset(
    {".git", ".hg", ".svn", "node_modules", ".venv", "venv", ".nox", ".tox", "__pycache__"}
    | {".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"}
)
"""Directories that hold no file of the subject's own."""
MOST_ENTRIES = 50_000
"""Entries that a walk looks at before it gives up and says so; the largest tree meant to be read holds 1,600."""
DEEPEST = 40
"""Directories below each other that a walk enters."""
MOST_BYTES = 4 * 1024 * 1024
"""A file that is larger is not read; no file that a person writes comes near it."""


@dataclass(frozen=True, slots=True)
class Walk:
    """What a walk met.

    Attributes:
        files: spelled paths of everything but directories; sorted.
        real: the path in the file system for each spelled path that differs from it.
        notes: why a directory was not entered, or what stands under a file's name is none, by spelled path.
        truncated: whether the bounds ended the walk before its end.
    """

    files: tuple[str, ...]
    real: dict[str, str]
    notes: dict[str, str]
    truncated: bool = False


def spelled(name: str) -> str:
    """A path that can be printed and stored anywhere: what is no plain text in it stands as an escape."""
    if name.isprintable() and "\\" not in name:
        return name
    return "".join(map(_spelled_character, name))


def _spelled_character(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # how os.fsdecode spells a byte that is not UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    if character == "\\":
        return "\\\\"
    return character if character.isprintable() else character.encode("unicode_escape").decode()


def walk(root: Path) -> Walk:
    """Every file below a directory, breadth first, so that bounds cut off what is deepest.

    Links to directories are not entered; a directory with a ``.git`` of its own is another checkout and is not
    entered either.
    """
    files: list[str] = []
    real: dict[str, str] = {}
    notes: dict[str, str] = {}
    home = os.path.realpath(root)
    pending = deque([("", 0)])
    met = 0
    while pending:
        folder, depth = pending.popleft()
        try:
            entries = sorted(os.scandir(root / folder), key=lambda entry: entry.name)
        except OSError as error:
            notes[spelled(folder) or "."] = f"cannot be listed: {error.strerror}"
            continue
        for entry in entries:
            met += 1
            if met > MOST_ENTRIES:
                return Walk(tuple(sorted(files)), real, notes, truncated=True)
            path = f"{folder}/{entry.name}" if folder else entry.name
            name = spelled(path)
            if name != path:
                real[name] = path
            if entry.is_dir(follow_symlinks=False):
                if entry.name in PASSED_OVER:
                    continue
                if reason := _not_entered(entry, depth):
                    notes[name] = reason
                else:
                    pending.append((path, depth + 1))
                continue
            files.append(name)
            if reason := _no_file(entry, home):
                notes[name] = reason
    return Walk(tuple(sorted(files)), real, notes)


def _not_entered(entry: os.DirEntry[str], depth: int) -> str:
    if os.path.lexists(os.path.join(entry.path, ".git")):  # noqa: PTH118 - a name that is not UTF-8 stays as it is
        return "is a checkout of its own"
    return "lies too deep" if depth >= DEEPEST else ""


def _no_file(entry: os.DirEntry[str], home: str) -> str:
    if entry.is_symlink():
        target, reason = resolve(home, entry.path)
        return reason or ("" if os.path.isfile(target) else "is a symbolic link to something that is no file")  # noqa: PTH113 - as above
    return "" if entry.is_file(follow_symlinks=False) else "is neither a file nor a directory"


def holds(root: Path, path: str) -> bool:
    """Whether a path is there and is no directory; a symbolic link counts, wherever it leads."""
    place = root / path
    return place.is_symlink() or (os.path.lexists(place) and not place.is_dir())


def resolve(home: str, path: str) -> tuple[str, str]:
    """Where a path leads once every symbolic link is followed, and the reason why that must not be read."""
    try:
        target = os.path.realpath(path, strict=True)
    except (OSError, ValueError) as error:
        return "", _reason(error, path)
    inside = target == home or target.startswith(home.rstrip("/") + "/")
    return target, "" if inside else "is reached by a symbolic link that leads out of the checkout"


def _reason(error: OSError | ValueError, path: str) -> str:
    if isinstance(error, ValueError):
        return "has a name that no file can have"
    if error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return "is a symbolic link to nothing" if os.path.islink(path) else NOT_THERE  # noqa: PTH114 - as above
    if error.errno == errno.ELOOP:
        return "is a symbolic link that leads to itself"
    return f"cannot be read: {error.strerror}"


@dataclass(frozen=True, slots=True)
class Content:
    """The text of a file, or in words why it has none."""

    text: str = ""
    absent: str = ""


def read(root: Path, path: str) -> Content:
    """The text of one file below a directory; opened so that no pipe, device or link can hold or lead the reader."""
    if Path(path).is_absolute() or ".." in Path(path).parts:
        return Content(absent="leads out of the checkout")
    target, reason = resolve(os.path.realpath(root), os.fspath(root / path))
    if reason:
        return Content(absent=reason)
    try:
        if refused := _not_readable(os.lstat(target)):
            return Content(absent=refused)
        handle = os.open(target, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        return Content(absent=_reason(error, target))
    with os.fdopen(handle, "rb") as file:
        if refused := _not_readable(os.fstat(handle)):  # it may have been exchanged since
            return Content(absent=refused)
        return decode(file.read(MOST_BYTES))


def _not_readable(status: os.stat_result) -> str:
    if stat.S_ISDIR(status.st_mode):
        return "is a directory"
    if not stat.S_ISREG(status.st_mode):
        return "is neither a file nor a directory"
    if status.st_size > MOST_BYTES:
        return f"is too large to be read: {status.st_size:,} bytes, of {MOST_BYTES:,} at most"
    return ""


def decode(data: bytes) -> Content:
    """UTF-8, its byte order mark and its line ends kept; UTF-16 is named, not guessed at."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Content(absent="is written in UTF-16, where UTF-8 is read")
    if b"\0" in data:
        return Content(absent="is binary")
    try:
        return Content(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return Content(absent=f"is not UTF-8: byte 0x{data[error.start]:02x} on line {line}")
