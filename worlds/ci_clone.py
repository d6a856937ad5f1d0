"""A fresh clone of what a checkout has committed, in a folder of ours that no dead run leaves behind."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from blueprint.trouble import Trouble
from provision.ownership import PREFIX, Owner, Progress, end_orphans
from worlds import checkout, git

OWNER = "owner.json"
_CLONE_SECONDS = 300.0


@contextmanager
def own_folder(home: Path, owner: Owner, progress: Progress) -> Iterator[Path]:
    """A folder of our own, gone when the ``with`` ends; what dead runs left beside it is removed first.

    Args:
        home: where such folders are.
        owner: whose it is; it is said in the folder before anything else is in it.
        progress: is told what was removed.
    """
    forget(home, progress)
    folder, draft = home / f"{PREFIX}{owner.run}", home / f".{owner.run}.{os.getpid()}"
    draft.mkdir(mode=0o700, parents=True)
    (draft / OWNER).write_text(json.dumps(asdict(owner)), encoding="utf-8")
    draft.rename(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def forget(home: Path, progress: Progress) -> None:
    """Remove the folders of dead runs, once the programs that these had started in them are ended."""
    left = [folder for folder in sorted(home.glob(f"{PREFIX}*")) if _is_dead(folder)]
    if left:
        for pid in end_orphans():
            progress(f"ended pid {pid}, which a dead run had started")
    for folder in left:
        shutil.rmtree(folder)
        progress(f"removed {folder}, which a dead run had left")


def _is_dead(folder: Path) -> bool:
    try:
        return Owner(**json.loads((folder / OWNER).read_text(encoding="utf-8"))).is_dead()
    except (OSError, ValueError, TypeError):
        return False


def clone_head(root: Path, target: Path) -> str:
    """Clone a checkout with all of its history, and check out its commit on its default branch; the commit.

    Raises:
        Trouble: the root is no git checkout, has no commit or only the newer part of its history, or its tracked files
            are not as they are committed.
    """
    shown = checkout.spelled(str(root))
    if not git.is_git_checkout(root):
        raise Trouble(f"{shown} has no history", next_command="git clone <address> <directory>")
    with git.borrowed(root) as asked:
        if asked.shallow:
            what = "the clone is shallow: what the stages look at may lie before its beginning"
            raise Trouble(what, where=shown, next_command="git fetch --unshallow --tags")
        commit = asked("rev-parse", "--verify", "--quiet", "HEAD^{commit}", check=False).stdout.strip()
        if not commit:
            raise Trouble(f"{shown} has no commit", next_command="git commit")
        changed = asked.paths("diff", "--name-only", "--no-ext-diff", "HEAD", "--")
        if changed:
            what = (
                f"the stages are run on a clone of HEAD, and {len(changed)} tracked files differ from it; commit first"
            )
            raise Trouble(what, where=checkout.spelled(changed[0]), next_command="git commit --all")
        _clone(asked, target, commit, git.default_branch(root))
    return commit


def _clone(asked: git.Git, target: Path, commit: str, branch: str) -> None:
    in_clone = asked.clone(target, source=f"file://{asked.directory}", seconds=_CLONE_SECONDS)
    in_clone("checkout", "--quiet", "-B", branch, commit)
    # no step may reach the checkout that was cloned: what is fetched or pushed comes from the clone itself
    in_clone("remote", "set-url", "origin", ".")
