"""The checkout that is verified: every look at it is written down, and nothing of it is executed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from difflib import get_close_matches
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol, cast

from blueprint.documents import NOT_THERE, Document
from blueprint.history import History
from blueprint.trouble import Trouble
from worlds import change_history, checkout, git

if TYPE_CHECKING:
    from blueprint.evidence import JSON, Observation

OURS = Path(__file__).resolve().parent.parent
"""This repository, which is the subject when no other is named."""
VARIABLE = "SOMA_SUBJECT"
NOT_COUNTED = "(what lies beyond the bounds of the walk)"
"""A member of every population of a tree that was too large to be walked to its end."""
MOST_SEARCHES = 100
"""Searches for the nearest path in one session; each takes some hundredths of a second in a large tree."""
_ANOTHER = f"{VARIABLE}=<directory> nox -s verify-static"


class Looking(Protocol):
    """The part of the recorder that a subject needs."""

    def look(self, target: str, asked: JSON, act: Callable[[], JSON]) -> Observation:
        """Act, and write down what was seen."""
        ...

    def cite(self, *observation_ids: str) -> None:
        """Count earlier looks as seen by the current proof."""
        ...

    def session(self) -> AbstractContextManager[None]:
        """Write looks down for the whole session meanwhile."""
        ...


def subject_root(named: str | os.PathLike[str] | None = None) -> Path:
    """The directory to verify: as named, else as ``SOMA_SUBJECT`` says, else this repository.

    Raises:
        Trouble: there is no such directory.
    """
    name = os.fspath(named or os.environ.get(VARIABLE) or OURS)
    try:
        root = Path(name).absolute()
        is_there, is_directory = root.exists(), root.is_dir()
    except (OSError, ValueError):
        is_there = is_directory = False
    if not is_there:
        raise Trouble(f"the subject {checkout.spelled(name)} does not exist", next_command=_ANOTHER)
    if not is_directory:
        raise Trouble(f"the subject {checkout.spelled(name)} is a file; a checkout is wanted", next_command=_ANOTHER)
    return root


class Subject:
    """A checkout, read file by file through the recorder, each file once a session.

    Paths are relative to the root, with forward slashes, and spelled as :func:`worlds.checkout.spelled` does.

    Args:
        root: its directory.
        recorder: writes every look down, for the session; each proof that uses one cites it.
    """

    def __init__(self, root: Path, recorder: Looking) -> None:
        self.root = root
        self._recorder = recorder
        self._looks: dict[str, Observation] = {}
        self._collecting: list[list[str]] = []
        self._walked: checkout.Walk | None = None
        self._paths: frozenset[str] | None = None
        self._near: dict[str, str] = {}

    def read(self, path: str) -> Document:
        """One file; where it has no text, the document says why and names the nearest path that is there."""
        path = _normal(path)
        seen = self._look(f"file:{path}", "text", lambda: self._content(path))
        absent = str(seen.get("absent", ""))
        near = self.nearest(path) if absent == NOT_THERE else ""
        return Document(path, str(seen.get("text", "")), absent, near)

    def exists(self, path: str) -> bool:
        """Whether a file, or a directory with files, of this path is in the checkout; nothing is read."""
        return _normal(path) in self.paths()

    def paths(self) -> frozenset[str]:
        """Every file, and every directory that holds one, the root too."""
        files = self._look_at_tree()["files"]
        if self._paths is None:
            folders = {str(parent) for file in files for parent in PurePosixPath(file).parents}
            self._paths = frozenset(files) | folders | {"."}
        return self._paths

    def files(self, *patterns: str) -> tuple[str, ...]:
        """Paths of the files that match any pattern (all of them without one), found by walking the tree.

        A pattern is a glob over the whole path, in which ``**`` stands for any number of directories. What git
        ignores is left out; links and pipes are among them, and reading one says why it is not read.
        """
        ignored = self._look_at_listing()["ignored"]
        folders = tuple(path for path in ignored if path.endswith("/"))
        kept = (path for path in self._look_at_tree()["files"] if not path.startswith(folders))
        return _matching((path for path in kept if path not in set(ignored)), patterns)

    def listed(self, *patterns: str) -> tuple[str, ...]:
        """The same by a second path: what git lists where the root is a git checkout, else the walk again.

        A walk that its bounds ended adds :data:`NOT_COUNTED`, which nobody can have examined.
        """
        tree, listing = self._look_at_tree(), self._look_at_listing()
        rest = (NOT_COUNTED,) if tree["truncated"] else ()
        return (*_matching(listing["files"] if not listing["reason"] else tree["files"], patterns), *rest)

    def nearest(self, path: str) -> str:
        """The most similar path in the checkout, a file's or a directory's; empty where nothing comes close.

        After :data:`MOST_SEARCHES` different paths the answer is always empty: whoever misses so many things does
        not look for them one by one.
        """
        if path not in self._near and len(self._near) < MOST_SEARCHES:
            self._near[path] = _nearest(path, sorted(self.paths()))
        return self._near.get(path, "")

    def history(self, changelog: str) -> History:
        """The way from its last release to its files as they stand.

        Raises:
            Trouble: it has no history, or only the newer part of it.
        """
        files = self.listed(f"{change_history.WATCHED}**")
        act = partial(change_history.read_change_history, self.root, files, changelog)
        return History.of(self._look("git:history", changelog, act))

    def ignored(self, paths: Iterable[str]) -> frozenset[str]:
        """Of some paths, whether they are there or not, those that git ignores; none where it is no git checkout."""
        asked = sorted(set(paths))
        seen = self._look("git:ignored", [*asked], lambda: {"paths": [*git.ignored(self.root, asked)]})
        return frozenset(seen["paths"])

    @property
    def default_branch(self) -> str:
        """The branch that a clone of it would check out."""
        seen = self._look("git:default-branch", None, lambda: {"branch": git.default_branch(self.root)})
        return str(seen["branch"])

    @property
    def notes(self) -> dict[str, str]:
        """Directories that were not entered, and files that are none, with the reason why, by path."""
        return dict(self._look_at_tree()["notes"])

    @contextmanager
    def cited(self) -> Iterator[list[str]]:
        """Collect the ids of the looks made meanwhile, to cite them when what follows from them is used again."""
        ids: list[str] = []
        self._collecting.append(ids)
        try:
            yield ids
        finally:
            self._collecting.remove(ids)

    def _look(self, target: str, asked: JSON, act: Callable[[], JSON]) -> dict[str, Any]:
        """Look once a session; later looks at the same are citations of the first."""
        name = f"{target} {asked}"
        if name not in self._looks:
            with self._recorder.session():
                self._looks[name] = self._recorder.look(target, asked, act)
        look = self._looks[name]
        self._recorder.cite(look.id)
        for ids in self._collecting:
            ids.append(look.id)
        return cast("dict[str, Any]", look.seen)

    def _look_at_tree(self) -> dict[str, Any]:
        return self._look("tree:.", "walk", self._walk)

    def _look_at_listing(self) -> dict[str, Any]:
        return self._look("tree:.", "git", self._list)

    def _walk(self) -> JSON:
        met = self._met()
        return {"files": list(met.files), "notes": dict(met.notes), "truncated": met.truncated}

    def _met(self) -> checkout.Walk:
        self._walked = self._walked or checkout.walk(self.root)
        return self._walked

    def _list(self) -> JSON:
        """What git knows of the tree, or the reason why it was not asked."""
        nothing: dict[str, JSON] = {"files": [], "ignored": []}
        if not git.is_git_checkout(self.root):
            return nothing | {"reason": "is no git checkout"}
        odd = [path for path in self._met().notes if PurePosixPath(path).name == ".gitignore"]
        if odd:
            return nothing | {"reason": f"{odd[0]} {self._met().notes[odd[0]]}"}
        try:
            with git.borrowed(self.root) as asked:
                files = asked.paths("ls-files", "--cached", "--others", "--exclude-standard")
                ignored = asked.paths("ls-files", "--others", "--ignored", "--exclude-standard", "--directory")
        except Trouble as trouble:
            return nothing | {"reason": str(trouble)}
        there = sorted(checkout.spelled(path) for path in set(files) if checkout.holds(self.root, path))
        return {"files": [*there], "ignored": [checkout.spelled(path) for path in ignored], "reason": ""}

    def _content(self, path: str) -> JSON:
        real = self._met().real.get(path, path) if "\\" in path else path
        content = checkout.read(self.root, real)
        return {"absent": content.absent} if content.absent else {"text": content.text}


def _normal(path: str) -> str:
    return str(PurePosixPath(path))


def _matching(paths: Iterator[str] | list[str], patterns: tuple[str, ...]) -> tuple[str, ...]:
    wanted = [_pattern(pattern) for pattern in patterns]
    return tuple(path for path in paths if not wanted or any(pattern.fullmatch(path) for pattern in wanted))


@lru_cache
def _pattern(glob: str) -> re.Pattern[str]:
    """A glob in which ``**/`` stands for any number of directories, and ``*`` for no slash."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", glob)
    meaning = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(meaning.get(part, re.escape(part)) for part in parts), re.DOTALL)


def _nearest(path: str, there: list[str]) -> str:
    top = path.partition("/")[0]
    there = [other for other in there if not other.startswith("tests/") or top == "tests"]  # samples of what is bad
    name = PurePosixPath(path).name
    same_name = [other for other in there if PurePosixPath(other).name.casefold() == name.casefold()]
    if same_name:
        return get_close_matches(path, same_name, n=1, cutoff=0)[0]
    if alike := get_close_matches(path, there, n=1, cutoff=0.8):
        return alike[0]
    names = {PurePosixPath(other).name: other for other in reversed(there)}
    by_name = get_close_matches(name, names, n=1, cutoff=0.75)
    return names[by_name[0]] if by_name else ""
