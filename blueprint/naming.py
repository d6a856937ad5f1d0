"""What shell text names: files and folders, nox sessions, make targets, modules; with what it makes itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from posixpath import normpath

from blueprint.shell import EXPRESSION, Command, commands

_SUFFIXES = frozenset(
    (".py", ".sh", ".toml", ".txt", ".yaml", ".yml", ".json", ".md", ".ini", ".cfg", ".lock", ".tf", ".rego", ".sql")
)
_FOREIGN = re.compile(r"[$`:@*?\[\]{}()<>|&;\"'\\= ]|^[/~-]|" + EXPRESSION)
_WRAPPERS = {
    "poetry": 2,
    "uv": 2,
    "pipenv": 2,
    "sudo": 1,
    "env": 1,
    "exec": 1,
    "nohup": 1,
    "command": 1,
    "uvx": 1,
    "npx": 1,
}
"""Commands that run another, with how many words stand before it."""
_MAKERS = frozenset({"mkdir", "touch", "rm", "rmdir", "tee", "mktemp", "install"})
_COPIERS = frozenset({"cp", "mv", "ln", "rsync"})
_OUTPUTS = frozenset(
    (
        *("-o", "-O", "--output", "--out", "--outfile", "--output-file", "--output-dir", "--dest", "--destination"),
        *("--junitxml", "--junit-xml", "--report", "--html", "--site-dir", "--prefix", "--target-dir", "--wheel-dir"),
    )
)
_PYTHON = re.compile(r"python3?(\.\d+)?")
_SERVERS = frozenset({"uvicorn", "gunicorn", "hypercorn", "granian", "daphne"})
_APPLICATION = re.compile(r"(?P<module>[A-Za-z_][\w.]*):[A-Za-z_]\w*(\(\))?")
_SHELLS = frozenset({"sh", "bash", "ash", "dash"})
_STARTERS = frozenset({"tini", "dumb-init", "catatonit", "--", "-g"})
"""What stands before the command of a container, and only runs it."""


@dataclass(frozen=True, slots=True)
class Name:
    """Something that a command names, and the line of the command."""

    kind: str
    text: str
    line: int


@dataclass(slots=True)
class Named:
    """What a script names and what it makes, both relative to the checkout.

    Attributes:
        names: of the kinds ``path``, ``session``, ``target``, ``script``, ``module`` and ``command``.
        made: paths that it writes, so that they need not be there before.
        installed: names of packages that it installs.
    """

    names: list[Name] = field(default_factory=list)
    made: set[str] = field(default_factory=set)
    installed: set[str] = field(default_factory=set)


def names_in(found: Sequence[Command], folder: str, tops: frozenset[str], named: Named) -> None:
    """Add what the commands of a script name.

    Args:
        found: the commands.
        folder: the working directory, relative to the checkout.
        tops: the first parts of the paths of the checkout, by which a path is told from other words with a slash.
        named: is added to; what earlier scripts of the same job made counts.
    """
    for command in found:
        named.made |= {normpath(f"{folder}/{path}") for path in command.writes if not _FOREIGN.search(path)}
        words = unwrapped(command.words)
        if not words:
            continue
        if words[0] == "cd" and len(words) > 1:
            if _FOREIGN.search(words[1]):
                return  # from here on, nobody knows where it is
            folder = normpath(f"{folder}/{words[1]}")
            named.names.append(Name("path", folder, command.line))
            continue
        _made_by(words, folder, named)
        named.names += [Name(kind, text, command.line) for kind, text in _special(words)]
        named.names += [Name("path", path, command.line) for path in _paths(words, folder, tops)]


def modules_run_by(words: Sequence[str]) -> list[str]:
    """The Python modules that the command of a container runs, by itself or in the script of a shell."""
    rest = list(words)
    while rest and PurePosixPath(rest[0]).name in _STARTERS:
        rest = rest[1:]
    if rest[:1] == ["-m"]:
        rest = ["python", *rest]  # the interpreter is the entry point of the image
    script = rest.index("-c") + 1 if "-c" in rest and PurePosixPath(rest[0]).name in _SHELLS else 0
    found = commands(" ".join(rest[script : script + 1])) if script else [Command(rest)]
    named = Named()
    names_in(found, ".", frozenset(), named)
    return [name.text for name in named.names if name.kind == "module"]


def unwrapped(words: Sequence[str]) -> list[str]:
    """The words of a command without those that only lead to it, such as ``poetry run``."""
    rest = list(words)
    while rest and (count := _WRAPPERS.get(rest[0])):
        if count > 1 and rest[1:2] != ["run"]:
            break
        rest = rest[count:]
        while rest and (rest[0].startswith("-") or re.match(r"[A-Za-z_]\w*=", rest[0])):
            rest = rest[1:]
    return rest


def _made_by(words: Sequence[str], folder: str, named: Named) -> None:
    name = PurePosixPath(words[0]).name
    arguments = [word for word in words[1:] if not word.startswith("-")]
    made: list[str] = []
    if name in _MAKERS:
        made += arguments
    elif name in _COPIERS:
        made += arguments[-1:]
    elif name == "tar" and len(words) > 1 and "c" in words[1]:
        made += arguments[:2]
    elif (name == "git" and "clone" in words) or "venv" in words[:3] or name == "virtualenv":
        made += arguments[-1:]
    for index, word in enumerate(words):
        option, joined, value = word.partition("=")
        if option in _OUTPUTS:
            made += [value] if joined else list(words[index + 1 : index + 2])
    named.made |= {normpath(f"{folder}/{path}") for path in made if not _FOREIGN.search(path)}
    if "install" in words[:4]:
        named.installed |= {re.split(r"[\[=<>~!@]", word)[0].rpartition("/")[2].casefold() for word in arguments}


def _special(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    name = PurePosixPath(words[0]).name
    rest = list(words[1:])
    if _PYTHON.fullmatch(name) and rest[:1] == ["-m"] and len(rest) > 1:
        yield "module", rest[1]
        name, rest = rest[1], rest[2:]
    if name in _SERVERS:
        yield from (("module", found["module"]) for word in rest if (found := _APPLICATION.fullmatch(word)))
    if name == "nox":
        yield from (("session", word) for word in _after(rest, {"-s", "-e", "--session", "--sessions"}))
    elif name in {"make", "gmake"}:
        yield from (("target", word) for word in rest if re.fullmatch(r"[a-zA-Z][\w.-]*", word))
    elif name in {"npm", "yarn", "pnpm"} and rest[:1] == ["run"] and len(rest) > 1:
        yield "script", rest[1]
    if "/" not in words[0]:
        yield "command", words[0]


def _after(words: Sequence[str], flags: set[str]) -> Iterator[str]:
    """The words behind a flag, up to the next one."""
    taking = False
    for word in words:
        if word.startswith("-"):
            option, joined, value = word.partition("=")
            taking = option in flags and not joined
            if option in flags and joined:
                yield value
            if word == "--":
                return
        elif taking and not _FOREIGN.search(word):
            yield word


def _paths(words: Sequence[str], folder: str, tops: frozenset[str]) -> Iterator[str]:
    for word in words:
        option, joined, value = word.partition("=")
        text = value if joined and option.startswith("-") else word
        text = text.partition("::")[0]
        if text and not _FOREIGN.search(text) and is_path(text, tops):
            yield normpath(f"{folder}/{text}")


def is_path(text: str, tops: frozenset[str]) -> bool:
    """Whether a word names a file or folder of the checkout: by its first part, or by the kind of file."""
    plain = text.removeprefix("./")
    if PurePosixPath(plain).suffix in _SUFFIXES:
        return re.fullmatch(r"[\w./-]+", plain) is not None and not plain.startswith(".")
    return "/" in plain.rstrip("/") and plain.partition("/")[0] in tops
