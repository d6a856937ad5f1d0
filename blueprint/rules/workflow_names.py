"""CIC-004: what a workflow runs is there, and its shell can be read."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from blueprint.documents import Document
from blueprint.evidence import Finding, Findings, Place
from blueprint.naming import Name, Named, is_path, names_in
from blueprint.rules.links import Tree
from blueprint.shell import commands
from blueprint.workflows import Job, Step, Workflow, looked_at

FILES = ("noxfile.py", "Makefile", "package.json")
"""Files that define what can be run by name."""
KNOWN = frozenset(
    (
        *("apt-get", "awk", "base64", "basename", "bash", "cat", "cd", "chmod", "chown", "cmp", "cp", "curl", "cut"),
        *("date", "df", "diff", "dirname", "docker", "du", "echo", "env", "exit", "export", "false", "file", "find"),
        *("for", "free", "gh", "git", "go", "grep", "gunzip", "gzip", "head", "helm", "hostname", "id", "install"),
        *("ip", "java", "jq", "kill", "kind", "kubectl", "ln", "ls", "make", "mkdir", "mktemp", "mv", "mvn", "mypy"),
        *("node", "nox", "npm", "npx", "nproc", "openssl", "pip", "pip3", "pipx", "pkill", "pnpm", "poetry", "printf"),
        *("ps", "pushd", "popd", "pwd", "pytest", "python", "python3", "read", "readlink", "realpath", "return", "rm"),
        *("rmdir", "rsync", "ruff", "sed", "seq", "set", "sh", "sha256sum", "shasum", "shift", "shopt", "sleep"),
        *("sort", "source", "ssh", "stat", "sudo", "systemctl", "tail", "tar", "tee", "test", "timeout", "touch", "tr"),
        *("trap", "true", "type", "ulimit", "umask", "uname", "uniq", "unset", "unzip", "uv", "uvx", "wait", "wc"),
        *("wget", "which", "xargs", "yarn", "yq", "zip", "[", "[[", ".", ":", "eval", "exec", "local", "declare"),
    )
)
"""Commands of a shell and of the machines that GitHub lends; a name that is nearly one of them is a slip."""
_SLIP = 0.8  # how alike a name is to a command of which it is a slip
_SHELLS = re.compile(r"(bash|sh)\b|$")


@dataclass(frozen=True, slots=True)
class Runnable:
    """Sessions of nox, targets of make and scripts of package.json; None where there is no such file."""

    sessions: frozenset[str] | None
    targets: frozenset[str] | None
    scripts: frozenset[str] | None


def what_is_runnable(documents: Mapping[str, Document]) -> Runnable:
    """From the texts of the files in :data:`FILES`."""
    noxfile, makefile, package = (documents.get(name) for name in FILES)
    return Runnable(
        _sessions(noxfile.text) if noxfile else None,
        frozenset(re.findall(r"^([\w.-]+)\s*:(?!=)", makefile.text, re.MULTILINE)) if makefile else None,
        _scripts(package.text) if package else None,
    )


def _sessions(text: str) -> frozenset[str]:
    """The functions that a noxfile decorates, and every text in it that could name a session made in a loop."""
    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()
    found = {node.name for node in ast.walk(module) if isinstance(node, ast.FunctionDef) and node.decorator_list}
    texts = {node.value for node in ast.walk(module) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return frozenset(found | {each for each in texts if re.fullmatch(r"[\w.-]+", each)})


def _scripts(text: str) -> frozenset[str]:
    try:
        package = json.loads(text)
    except (ValueError, RecursionError):
        return frozenset()
    scripts = package.get("scripts") if isinstance(package, dict) else None
    return frozenset(scripts if isinstance(scripts, dict) else ())


@dataclass(frozen=True, slots=True)
class Mention:
    """A name with its place."""

    name: Name
    place: Place


def mentions(workflow: Workflow, tree: Tree) -> Iterator[Mention]:
    """Everything that a workflow names and does not make or install itself."""
    tops = frozenset(path.partition("/")[0] for path in tree.paths)
    for job in workflow.jobs.values():
        if job.uses.startswith("./"):
            yield Mention(Name("path", job.uses.removeprefix("./"), 0), job.place("uses"))
        yield from _mentions_of(job, tops)


def _mentions_of(job: Job, tops: frozenset[str]) -> Iterator[Mention]:
    named = Named()
    for step in job.steps:
        if step.uses.startswith("./"):
            yield Mention(Name("path", step.uses.removeprefix("./").rstrip("/"), 0), step.place("uses"))
        yield from _inputs(step, tops)
        if not step.run or not _SHELLS.match(step.shell):
            continue
        below, before = next(step.lines())[0], len(named.names)
        names_in(commands(step.run), step.folder, tops, named)
        for name in named.names[before:]:
            if not (name.kind == "path" and _is_made(name.text, named.made)) and name.text not in named.installed:
                yield Mention(name, step.place("run", below + name.line))


def _is_made(path: str, made: set[str]) -> bool:
    return any(path == other or path.startswith(f"{other}/") for other in made)


def _inputs(step: Step, tops: frozenset[str]) -> Iterator[Mention]:
    """The files that an action is given; what one uploads or keeps need not be there before."""
    for key, node in step.node.get("with").mapping.items():
        if key.endswith(("-file", "dependency-path")) or key in {"file", "context", "dockerfile", "config"}:
            for text in node.text.split():
                if is_path(text, tops) and "*" not in text and "$" not in text:
                    yield Mention(
                        Name("path", text.removeprefix("./"), 0), Place(node.file, node.line, f"{step.key}.with")
                    )


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What workflows are held against.

    Attributes:
        tree: the files of the subject.
        runnable: what can be run by name.
        ignored: of the paths that are named, those that git ignores: they are made, not kept.
        shell_faults: what a shell says of each run block, by ``path#key`` of the step: line of the block, and words.
    """

    tree: Tree
    runnable: Runnable
    ignored: frozenset[str]
    shell_faults: Mapping[str, Sequence[tuple[int, str]]]


def missing_names(workflows: Sequence[Workflow], around: Surroundings, population: Iterable[str]) -> Findings:
    """Every path, session, target and command that a workflow names is there, and its shell text is shell.

    Args:
        workflows: those that there are, and those that must be.
        around: what they are held against.
        population: the paths of the workflows, counted by a second path.
    """
    found: list[Finding] = []
    count = 0
    for workflow in workflows:
        found += workflow.faults
        if workflow.faults:
            continue
        found += _shell_faults(workflow, around)
        for mention in mentions(workflow, around.tree):
            count += 1
            if finding := missing_name(mention, around):
                found.append(finding)
    paths = [workflow.path for workflow in workflows]
    return Findings.of(
        looked_at(workflows), population, dict.fromkeys(found), f"{count} names in {len(paths)} workflows are there"
    )


def _shell_faults(workflow: Workflow, around: Surroundings) -> Iterator[Finding]:
    for step in workflow.steps():
        for line, words in around.shell_faults.get(f"{workflow.path}#{step.key}", ()):
            yield Finding(f"is no shell: {words}", step.place("run", next(step.lines())[0] + line))


def missing_name(mention: Mention, around: Surroundings) -> Finding | None:
    """What is wrong with a name; None where it is there, or is not known to be missing."""
    kind, text, place = mention.name.kind, mention.name.text, mention.place
    runnable = around.runnable
    match kind:
        case "path":
            there = text in around.tree.paths or text in around.ignored
            return None if there else _absent(f"{text} is not there", around.tree.nearest(text), place)
        case "module":
            return missing_module(text, around.tree, place)
        case "command":
            near = _closest(text, KNOWN, _SLIP)
            is_slip = near and text not in KNOWN and len(text) > len("pip")
            return _absent(f"the command {text} is not known", near, place) if is_slip else None
        case "session":
            return _unnamed(text, runnable.sessions, "session of nox", place)
        case "target":
            return _unnamed(text, runnable.targets, "target of make", place)
    return _unnamed(text, runnable.scripts, "script of package.json", place)


def _unnamed(text: str, known: frozenset[str] | None, what: str, place: Place) -> Finding | None:
    if known is not None and text in known:
        return None
    return _absent(f"there is no {what} {text}", _closest(text, known or frozenset(), 0.6), place)


def _closest(text: str, known: frozenset[str], cutoff: float) -> str:
    return next(iter(get_close_matches(text, sorted(known), n=1, cutoff=cutoff)), "")


def _absent(what: str, near: str, place: Place) -> Finding:
    return Finding(f"{what}; the nearest is {near}" if near else what, place)


def missing_module(text: str, tree: Tree, place: Place) -> Finding | None:
    """A module of the checkout that is not there; one of somebody else's is not our business."""
    path = text.replace(".", "/")
    top = path.partition("/")[0]
    if top not in tree.paths and f"{top}.py" not in tree.paths:
        return None
    if any(each in tree.paths for each in (f"{path}.py", f"{path}/__init__.py", f"{path}/__main__.py")):
        return None
    return _absent(f"there is no module {text}", tree.nearest(f"{path}.py"), place)
