"""What the steps of a workflow do: by their commands and actions, followed into what these run by name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from blueprint.catalogue import Tier
from blueprint.evidence import Place
from blueprint.naming import Named, names_in, unwrapped
from blueprint.shell import Command, commands
from blueprint.workflows import DOCS_QUALITY, Job, Step, Workflow

RUFF, MYPY, PYTEST = "ruff", "mypy", "pytest"
KIND, INFRA, STACK = "Kind", "soma-infra", "soma-stack"
SMOKE, ARTEFACTS, DOCS = "smoke tests", "published artefacts", "the documentation workflow"
LINKS, MARKDOWN, MKDOCS = "link checking", "Markdown lint", "the MkDocs build"

PROOFS = {"HLM-009": (KIND, INFRA, STACK), "HLM-012": (SMOKE,), "DOC-003": (LINKS, MKDOCS), "DOC-004": (MARKDOWN,)}
"""What the proofs of this suite do, by clause: a run of it does what it judges."""
_TIERS = {"HLM-009": Tier.CLUSTER, "HLM-012": Tier.CLUSTER, "DOC-003": Tier.STATIC, "DOC-004": Tier.STATIC}
_PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "ruff": (RUFF,),
    "mypy": (MYPY,),
    "dmypy": (MYPY,),
    "pytest": (PYTEST,),
    "py.test": (PYTEST,),
    "rumdl": (MARKDOWN,),
    "pymarkdown": (MARKDOWN,),
    "markdownlint": (MARKDOWN,),
    "markdownlint-cli2": (MARKDOWN,),
    "mdl": (MARKDOWN,),
    "lychee": (LINKS,),
    "linkchecker": (LINKS,),
    "markdown-link-check": (LINKS,),
    "linkinator": (LINKS,),
    "muffet": (LINKS,),
    "htmltest": (LINKS,),
}
_LINES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"kind create cluster\b"), KIND),
    (re.compile(r"helm (upgrade|install)\b.*soma-infra"), INFRA),
    (re.compile(r"helm (upgrade|install)\b.*soma-stack"), STACK),
    (re.compile(r"(helm|docker) push\b|gh release (upload|create)\b|twine upload\b"), ARTEFACTS),
    (re.compile(r"mkdocs build\b"), MKDOCS),
    (re.compile(r"gh workflow run \S*docs-quality\b"), DOCS),
)
_ACTIONS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"/ruff-action$"), RUFF),
    (re.compile(r"/kind-action$|/setup-kind$"), KIND),
    (re.compile(r"/upload-artifact$|/action-gh-release$"), ARTEFACTS),
    (re.compile(r"lychee-action$|markdown-link-check$"), LINKS),
    (re.compile(r"markdownlint(-cli2?)?-action$"), MARKDOWN),
)
_INSTALLERS = frozenset({"pip", "pip3", "pipx", "apt-get", "apt", "npm", "yarn", "brew", "go", "poetry", "uv"})
_CLAUSE = re.compile(r"[A-Z]{3}-\d{3}")
_DEEPEST = 4


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that a step does.

    Attributes:
        what: one of the names above.
        job: its job.
        at: the step in the job, and the command in the step.
        place: where it stands in the workflow.
    """

    what: str
    job: str
    at: tuple[int, int]
    place: Place


def deeds(workflow: Workflow, texts: Mapping[str, str]) -> list[Deed]:
    """Everything that is done in a workflow, in the order of the file.

    Args:
        workflow: one that can be read.
        texts: the files that name what can be run (noxfile.py, Makefile) and the scripts of the checkout, by path.
    """
    found: list[Deed] = []
    following = _Following(texts)
    for job in workflow.jobs.values():
        if job.uses.removeprefix("./") == DOCS_QUALITY:
            found.append(Deed(DOCS, job.id, (0, 0), job.place("uses")))
        for index, step in enumerate(job.steps):
            found += [Deed(what, job.id, (index, at), place) for at, what, place in _of_step(step, following)]
    return found


def left_out(workflow: Workflow, texts: Mapping[str, str]) -> dict[str, Place]:
    """What runs of this suite would do, were they not narrowed, and where the first of them stands."""
    following = _Following(texts)
    found: dict[str, Place] = {}
    for step in workflow.steps():
        for command in commands(step.run):
            whole = Command(command.words[: command.words.index("-k")]) if "-k" in command.words else command
            place = step.place("run", next(step.lines())[0] + command.line)
            for what in following.done_by(whole, step.run) - following.done_by(command, step.run):
                found.setdefault(what, place)
    return found


def _of_step(step: Step, following: _Following) -> Iterator[tuple[int, str, Place]]:
    action = step.uses.partition("@")[0]
    for pattern, what in _ACTIONS:
        if pattern.search(action):
            yield 0, what, step.place("uses")
    if not step.run:
        return
    below = next(step.lines())[0]
    for at, command in enumerate(commands(step.run)):
        for what in sorted(following.done_by(command, step.run)):
            yield at, what, step.place("run", below + command.line)


class _Following:
    """Follows commands into sessions of nox, targets of make and scripts of the checkout."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self._noxfile = _parsed(texts.get("noxfile.py", ""))

    def done_by(self, command: Command, script: str, depth: int = 0) -> set[str]:
        """What a command of a script does."""
        words = unwrapped(command.words)
        if not words or depth > _DEEPEST or _installs(words):
            return set()
        found = set(_PROGRAMS.get(_program(words), ()))
        line = " ".join((PurePosixPath(words[0]).name, *words[1:]))
        if "$" in line:  # a variable of a loop may stand for what the script names elsewhere
            line += " " + " ".join(script.split())
        found |= {what for pattern, what in _LINES if pattern.search(line)}
        named = Named()
        names_in([command], ".", frozenset(), named)
        for name in named.names:
            runs = name.kind in {"session", "target", "script", "module"} or name.text in self._texts
            if (runs or name.kind == "path") and "smoke" in name.text:
                found.add(SMOKE)
            if name.kind == "session":
                found |= self._done_by_session(name.text, words, depth)
            text = self._recipe(name.text) if name.kind == "target" else self._texts.get(name.text, "")
            if name.kind == "target" or (name.kind == "path" and name.text.endswith(".sh")):
                found |= self._done_by_text(text, depth)
        return found

    def _done_by_text(self, text: str, depth: int) -> set[str]:
        return {what for command in commands(text) for what in self.done_by(command, text, depth + 1)}

    def _done_by_session(self, session: str, words: list[str], depth: int) -> set[str]:
        found = {what for clause in self._judged(session, words) for what in PROOFS[clause]}
        for text in _texts_of_session(self._noxfile, session):
            found |= self._done_by_text(text, depth)
        return found

    def _judged(self, session: str, words: list[str]) -> Iterator[str]:
        """The clauses that a session of this suite judges, where it is one."""
        tiers = _tiers_of(self._noxfile, session) if "tests_infra" in self._texts.get("noxfile.py", "") else set()
        asked = set(_CLAUSE.findall(" ".join(words[words.index("-k") :]))) if "-k" in words else set(PROOFS)
        yield from (clause for clause in PROOFS if clause in asked and _TIERS[clause] in tiers)

    def _recipe(self, target: str) -> str:
        rule = rf"^{re.escape(target)}\s*:(?!=).*\n((?:\t.*\n?)*)"
        made = re.search(rule, self._texts.get("Makefile", ""), re.MULTILINE)
        return re.sub(r"^\t[@-]*", "", made[1], flags=re.MULTILINE) if made else ""


def _program(words: list[str]) -> str:
    name = PurePosixPath(words[0]).name
    is_python = re.fullmatch(r"python3?(\.\d+)?", name) and words[1:2] == ["-m"]
    return words[2] if is_python and words[2:] else name


def _installs(words: list[str]) -> bool:
    program = _program(words)
    return program in _INSTALLERS and any(word in {"install", "add", "sync", "ci"} for word in words[1:4])


def _parsed(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


def _texts_of_session(noxfile: ast.Module, session: str) -> Iterator[str]:
    """What a session could run: the words of each ``session.run``, and every text in it that holds several words."""
    for function in ast.walk(noxfile):
        if not isinstance(function, ast.FunctionDef) or not _is_named(function, session):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr.startswith("run"):
                words = [each.value for each in node.args if isinstance(each, ast.Constant)]
                yield " ".join(f"'{word}'" for word in words if isinstance(word, str) and "'" not in word)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "pytest":
                yield "pytest"
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
                yield node.value if node.value != ast.get_docstring(function, clean=False) else ""


def _is_named(function: ast.FunctionDef, session: str) -> bool:
    decorators = [each for each in function.decorator_list if "session" in ast.dump(each)]
    names = {
        keyword.value.value
        for each in decorators
        if isinstance(each, ast.Call)
        for keyword in each.keywords
        if keyword.arg == "name" and isinstance(keyword.value, ast.Constant)
    }
    return bool(decorators) and session in (names or {function.name})


def _tiers_of(noxfile: ast.Module, session: str) -> set[str]:
    """The tiers that stand beside the name of a session made in a loop."""
    for table in ast.walk(noxfile):
        if isinstance(table, ast.Dict):
            for key, value in zip(table.keys, table.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == session:
                    texts = [each.value for each in ast.walk(value) if isinstance(each, ast.Constant)]
                    lists = [set(text.split(",")) for text in texts if isinstance(text, str)]
                    return next((each for each in lists if each <= set(Tier)), set())
    return set()


def ends_before(workflow: Workflow, job: Job) -> set[str]:
    """The jobs that have ended before another begins."""
    found: set[str] = set()
    pending = list(job.needs)
    while pending:
        name = pending.pop()
        if name not in found and name in workflow.jobs:
            found.add(name)
            pending += workflow.jobs[name].needs
    return found
