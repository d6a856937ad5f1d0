"""The way from the last release of a checkout to its files as they stand, asked of git and of the files."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from blueprint.evidence import JSON
from blueprint.trouble import Trouble
from blueprint.versions import Version, read_release_tag
from worlds import checkout, git

WATCHED = "infra/"
_LARGEST = 256 * 1024 * 1024  # bytes; what is larger counts as changed
_ALGORITHMS = {40: "sha1", 64: "sha256"}


def read_change_history(root: Path, files: Iterable[str], changelog: str) -> JSON:
    """What :class:`blueprint.history.History` is made of.

    Args:
        root: the checkout.
        files: the paths of its files, as they stand.
        changelog: the path of the changelog.

    Raises:
        Trouble: it is no git checkout, has no commit, or lacks the older part of its history.
    """
    if not git.is_git_checkout(root):
        raise Trouble(f"{checkout.spelled(str(root))} has no history", next_command="git clone <address> <directory>")
    with git.borrowed(root) as asked:
        if asked.shallow:
            raise Trouble(
                "the clone is shallow: the last release may lie before its beginning",
                where=checkout.spelled(str(root)),
                next_command="git fetch --unshallow --tags",
            )
        if asked("rev-parse", "--verify", "--quiet", "HEAD^{commit}", check=False).exit_code:
            raise Trouble(f"{checkout.spelled(str(root))} has no commit", next_command="git commit")
        base = _base(asked)
        before = _tree(asked, f"refs/tags/{base}") if base else {}
        first = {} if base else _tree(asked, asked("rev-list", "--max-parents=0", "HEAD").stdout.split()[-1])
        then, root_then = ({**_texts(asked, tree, changelog)} for tree in (before, first))
        tags = asked("for-each-ref", "--format=%(refname:strip=2)", "refs/tags").stdout.splitlines()
    now = {path for path in files if path.startswith(WATCHED)}
    changed = _changed(root, now, before)
    since_root = [] if base else _changed(root, now, first)
    told: dict[str, JSON] = {"base": base, "tags": [*tags], "changed": [*changed], "then": then}
    return told | {"root_changed": [*since_root], "root_then": root_then}


def _texts(asked: git.Git, tree: Mapping[str, str], changelog: str) -> dict[str, JSON]:
    return {path: asked("cat-file", "blob", oid).stdout for path, oid in tree.items() if _is_told(path, changelog)}


def _changed(root: Path, now: Iterable[str], before: Mapping[str, str]) -> list[str]:
    """What differs from a tree: files that are new, hold something else, or are there no more."""
    now = {*now}
    different = {path for path in now if path not in before or not _is(root, path, before[path])}
    return sorted(different | {path for path in before if path.startswith(WATCHED) and path not in now})


def _is_told(path: str, changelog: str) -> bool:
    return path == changelog or (path.startswith(WATCHED) and path.endswith("/Chart.yaml"))


def _base(asked: git.Git) -> str:
    """The tag of the highest release that HEAD comes after; HEAD's own tag is the one that is being made."""
    merged = asked("for-each-ref", "--merged=HEAD", "--format=%(refname:strip=2)", "refs/tags").stdout.splitlines()
    own = asked("for-each-ref", "--points-at=HEAD", "--format=%(refname:strip=2)", "refs/tags").stdout.splitlines()
    releases: dict[str, Version] = {
        tag: version for tag in merged if tag not in own and (version := read_release_tag(tag))
    }
    return max(releases, key=releases.__getitem__, default="")


def _tree(asked: git.Git, commit: str) -> dict[str, str]:
    """The object names of all files at a tag or commit, by path."""
    found: dict[str, str] = {}
    for line in asked("ls-tree", "-r", "--full-tree", f"{commit}^{{commit}}").stdout.splitlines():
        head, _, path = line.partition("\t")
        found[checkout.spelled(git.unquoted(path))] = head.split()[2]
    return found


def _is(root: Path, path: str, oid: str) -> bool:
    """Whether a file holds what git knows under an object name, whatever line ends it was checked out with.

    Git is not asked: to compare a file it would run the filters that the checkout's attributes name.
    """
    algorithm = _ALGORITHMS[len(oid)]
    place = root / path
    try:
        if place.is_symlink():
            return _name(algorithm, os.fsencode(place.readlink())) == oid
        target, refused = checkout.resolve(os.path.realpath(root), os.fspath(place))
        if refused:
            return False
        with os.fdopen(os.open(target, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
                return False
            data = file.read(_LARGEST)
    except (OSError, ValueError):
        return False
    return oid in {_name(algorithm, data), _name(algorithm, data.replace(b"\r\n", b"\n"))}


def _name(algorithm: str, data: bytes) -> str:
    return hashlib.new(algorithm, b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
