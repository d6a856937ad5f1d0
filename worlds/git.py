"""Asking git about a checkout that nobody vouches for.

A repository's own configuration can name programs (file system monitor, hooks, filters, signature checkers), so it
is never read. Git runs in a directory of ours that holds copies of the refs and of the index, and borrows the
objects; it has no configuration but ours, fetches nothing, and writes nothing to the checkout.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from blueprint.trouble import Trouble
from provision.processes import Completed, ProgramFailed, run
from worlds.checkout import spelled

ANSWER_SECONDS = 20.0
"""A question about a tree of the size that is meant to be read is answered in well under one."""
DEFAULT_BRANCH = "main"
"""The default branch of a checkout that does not say."""
_MOST_REFS = 5_000
_OID = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_REF = re.compile(r"refs/[\w./@+-]+", re.ASCII)
_QUOTED = re.compile(r"\\([0-7]{3}|.)")
_LETTERS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_SHA256_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Git:
    """Git on borrowed objects; made by :func:`borrowed`.

    Attributes:
        directory: ours, gone when the ``with`` of ``borrowed`` ends.
        root: the checkout.
        shallow: whether the clone lacks the older part of its history.
    """

    directory: Path
    root: Path
    shallow: bool

    def __call__(self, *arguments: str, check: bool = True, fed: str | None = None) -> Completed:
        """Run one git command that only reads.

        Args:
            arguments: the command, without ``git``.
            check: whether another exit code than 0 is a failure.
            fed: what it reads on standard input.

        Raises:
            Trouble: git is not there, does not answer in time, or (with ``check``) fails.
        """
        fixed = ("git", "--no-pager", "-c", "core.quotePath=true")
        environment = self._environment()
        return run((*fixed, *arguments), env=environment, cwd=self.root, timeout=ANSWER_SECONDS, check=check, input=fed)

    def paths(self, *arguments: str, fed: str | None = None) -> tuple[str, ...]:
        """The paths that a command prints, one a line, as the file system has them; none where it finds none."""
        answer = self(*arguments, check=False, fed=fed)
        if answer.exit_code > (fed is not None):  # what is fed paths says by 1 that it found none
            raise ProgramFailed(answer)
        return tuple(unquoted(line) for line in answer.stdout.splitlines())

    def clone(self, target: Path, *options: str, source: str, seconds: float) -> Callable[..., Completed]:
        """Clone, with nothing checked out yet, and give what runs git commands in the clone.

        Git has no configuration but ours there either, so no filter of the checkout's runs.

        Args:
            target: where the clone is made.
            options: further ones of ``git clone``.
            source: our directory, as a path or as an address of the file protocol, which copies the objects.
            seconds: that it may take, and each command in it.
        """
        env = self._alone() | {"GIT_ALLOW_PROTOCOL": "file"}
        made = ("git", "clone", "--quiet", *options, "--no-checkout", "--template=", source, str(target))
        run(made, env=env, timeout=seconds)
        return lambda *arguments: run(("git", *arguments), env=env, cwd=target, timeout=seconds)

    def _alone(self) -> dict[str, str | None]:
        """An environment in which git has no configuration but ours, and fetches nothing that is missing."""
        inherited: dict[str, str | None] = {name: None for name in os.environ if name.startswith("GIT_")}
        return inherited | {
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_ATTR_NOSYSTEM": "1",
            "HOME": str(self.directory),
        }

    def _environment(self) -> dict[str, str | None]:
        home = str(self.directory)
        return self._alone() | {
            "GIT_DIR": home,
            "GIT_WORK_TREE": str(self.root),
            "GIT_INDEX_FILE": str(self.directory / "index"),
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_ALLOW_PROTOCOL": "none",
            "GIT_TERMINAL_PROMPT": "0",
            "XDG_CONFIG_HOME": home,
            "LC_ALL": "C",
        }


def unquoted(line: str) -> str:
    """A path as git prints it, back to the name that the file system has."""
    if not line.startswith('"'):
        return line
    raw = bytearray()
    position = 1
    while position < len(line) - 1:
        escape = _QUOTED.match(line, position)
        if not escape:
            raw += line[position].encode()
            position += 1
            continue
        sign = escape[1]
        raw += bytes([int(sign, 8)]) if len(sign) > 1 else _LETTERS.get(sign, sign).encode()
        position = escape.end()
    return os.fsdecode(bytes(raw))


def is_git_checkout(root: Path) -> bool:
    """Whether the root itself is one; a directory somewhere inside another checkout is not."""
    return os.path.lexists(root / ".git")


@contextmanager
def borrowed(root: Path) -> Iterator[Git]:
    """Git for a checkout, until the ``with`` ends.

    Raises:
        Trouble: the root is no git checkout, or keeps its refs in a form that is not known here.
    """
    own, common = _git_directories(root)
    with tempfile.TemporaryDirectory(prefix="soma-verify-git-") as name:
        ours = Path(name)
        head = _refs(own, common, ours)
        (ours / "objects" / "info").mkdir(parents=True)
        (ours / "info").mkdir()
        (ours / "objects" / "info" / "alternates").write_text(f"{common / 'objects'}\n", encoding="utf-8")
        (ours / "config").write_text(_configuration(head), encoding="utf-8")
        _copy(own / "index", ours / "index")
        _copy(common / "info" / "exclude", ours / "info" / "exclude")
        _copy(common / "shallow", ours / "shallow")
        yield Git(ours, root, (ours / "shallow").exists())


def ignored(root: Path, paths: Iterable[str]) -> tuple[str, ...]:
    """Of some paths, those that the checkout tells git to ignore; none where git cannot be asked."""
    plain = [path for path in paths if path.isprintable() and "\\" not in path and not path.startswith("../")]
    if not plain or not is_git_checkout(root):
        return ()
    try:
        with borrowed(root) as asked:
            return asked.paths("check-ignore", "--no-index", "--stdin", fed="\n".join(plain) + "\n")
    except Trouble:
        return ()


def default_branch(root: Path) -> str:
    """The branch that a clone would check out: what the remote says, else main or master, else the current one."""
    try:
        own, common = _git_directories(root)
    except Trouble:
        return DEFAULT_BRANCH
    remote = _text(common / "refs" / "remotes" / "origin" / "HEAD").strip().removeprefix("ref: refs/remotes/origin/")
    if remote:
        return spelled(remote)
    packed = _text(common / "packed-refs")
    for name in (DEFAULT_BRANCH, "master"):
        if (common / "refs" / "heads" / name).is_file() or f" refs/heads/{name}\n" in packed:
            return name
    head = _text(own / "HEAD").strip()
    return spelled(head.removeprefix("ref: refs/heads/")) if head.startswith("ref: refs/heads/") else DEFAULT_BRANCH


def _git_directories(root: Path) -> tuple[Path, Path]:
    """The checkout's own git directory, and the one that it shares with other worktrees."""
    marker = root / ".git"
    own = marker
    if marker.is_file() and not marker.is_symlink():
        pointer = _text(marker)
        own = (root / pointer.removeprefix("gitdir:").strip()).resolve()
    if not own.is_dir() or not (own / "HEAD").is_file():
        raise Trouble(f"{spelled(str(root))} is no git checkout", next_command="git clone <address> <directory>")
    shared = _text(own / "commondir").strip()
    return own, (own / shared).resolve() if shared else own


def _refs(own: Path, common: Path, ours: Path) -> str:
    """Copy HEAD and the refs, each checked for its form; the object name of HEAD, empty before a first commit."""
    if (common / "reftable").is_dir():
        raise Trouble("the checkout keeps its refs in a reftable, which is not read here", where=str(common))
    found: dict[str, str] = {}
    for line in _text(common / "packed-refs").splitlines():
        oid, _, ref = line.partition(" ")
        if _OID.fullmatch(oid) and _REF.fullmatch(ref):
            found[ref] = oid
    for folder in ("refs/heads", "refs/tags"):
        for path in _loose(common / folder):
            ref, oid = path.relative_to(common).as_posix(), _text(path).strip()
            if _OID.fullmatch(oid) and _REF.fullmatch(ref):
                found[ref] = oid
    head = _text(own / "HEAD").strip()
    aim = head.removeprefix("ref: ")
    oid = found.get(aim, "") if head.startswith("ref: ") else head
    if oid and not _OID.fullmatch(oid):
        raise Trouble("HEAD of the checkout names no commit", where=spelled(str(own / "HEAD")))
    (ours / "refs").mkdir()
    lines = [f"{oid} {ref}\n" for ref, oid in sorted(found.items())]
    (ours / "packed-refs").write_text("# pack-refs with: sorted \n" + "".join(lines), encoding="ascii")
    (ours / "HEAD").write_text(f"{oid}\n" if oid else "ref: refs/heads/main\n", encoding="ascii")
    return oid


def _loose(folder: Path) -> Iterator[Path]:
    """The files below a folder of refs; as many as a repository of people has."""
    count = 0
    for directory, _, names in os.walk(folder):
        for name in names:
            count += 1
            if count > _MOST_REFS:
                return
            yield Path(directory, name)


def _configuration(oid: str) -> str:
    if len(oid) == _SHA256_LENGTH:
        return "[core]\n\trepositoryformatversion = 1\n\tbare = false\n[extensions]\n\tobjectformat = sha256\n"
    return "[core]\n\trepositoryformatversion = 0\n\tbare = false\n"


def _text(path: Path) -> str:
    """A small file of a git directory; empty where it is no regular file."""
    if path.is_symlink() or not path.is_file():
        return ""
    return path.read_text(encoding="utf-8", errors="replace")


def _copy(source: Path, target: Path) -> None:
    if source.is_file() and not source.is_symlink():
        shutil.copyfile(source, target)
