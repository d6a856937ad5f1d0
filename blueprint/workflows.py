"""GitHub workflows as data: triggers, jobs, steps and what they run, each with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from blueprint.compose.nodes import Node
from blueprint.compose.reading import read_yaml
from blueprint.documents import Document
from blueprint.evidence import Finding, Place

FOLDER = ".github/workflows"
CI = f"{FOLDER}/ci.yml"
DOCS_QUALITY = f"{FOLDER}/docs-quality.yml"
_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a job.

    Attributes:
        node: as it is written.
        key: where it stands, e.g. ``jobs.test.steps[2]``.
        shell: the shell of its ``run``, its own or the default of job or workflow; empty where none is named.
        folder: the working directory of its ``run``, relative to the checkout.
    """

    node: Node
    key: str
    shell: str
    folder: str

    @property
    def run(self) -> str:
        """Its shell text, expressions and all; empty where it uses an action."""
        return self.node.get("run").text

    @property
    def uses(self) -> str:
        """The action that it uses."""
        return self.node.get("uses").text

    def place(self, key: str, offset: int = 0) -> Place:
        """Where a part of it stands; an offset counts the lines of a block below its key."""
        node = self.node.get(key)
        return Place(node.file, node.line + offset, f"{self.key}.{key}")

    def lines(self) -> Iterator[tuple[int, str]]:
        """The lines of its shell text, each with its distance from the key ``run``."""
        text = self.run
        below = 1 if "\n" in text.strip("\n") or text.endswith("\n") else 0  # a block begins below its key
        yield from ((number + below, line) for number, line in enumerate(text.split("\n")))


@dataclass(frozen=True)
class Job:
    """A job of a workflow, by its id."""

    id: str
    node: Node
    steps: tuple[Step, ...]

    @property
    def needs(self) -> tuple[str, ...]:
        """The jobs that it waits for."""
        node = self.node.get("needs")
        return tuple(item.text for item in node.items) or ((node.text,) if node.text else ())

    @property
    def condition(self) -> str:
        """Its ``if``, without the marks of an expression."""
        return without_marks(self.node.get("if").text)

    @property
    def uses(self) -> str:
        """The workflow that it calls."""
        return self.node.get("uses").text

    def place(self, key: str = "") -> Place:
        """Where a part of it stands."""
        node = self.node.get(key) if key else self.node
        return Place(node.file, node.line, f"jobs.{self.id}" + (f".{key}" if key else ""))


@dataclass(frozen=True)
class Workflow:
    """A workflow, or the reasons why it cannot be read."""

    document: Document
    root: Node
    faults: tuple[Finding, ...]

    @property
    def path(self) -> str:
        """Where it stands."""
        return self.document.path

    @cached_property
    def jobs(self) -> dict[str, Job]:
        """Its jobs by their ids, in the order of the file."""
        return {name: self._job(name, node) for name, node in self.root.get("jobs").mapping.items()}

    def steps(self) -> Iterator[Step]:
        """Every step of every job."""
        for job in self.jobs.values():
            yield from job.steps

    def calls(self, path: str) -> bool:
        """Whether one of its jobs calls another workflow of the same checkout."""
        return any(job.uses.removeprefix("./") == path for job in self.jobs.values())

    def takes_push(self, branch: str) -> bool:
        """Whether a push to a branch runs it."""
        push = self._trigger("push")
        if push is None or (push.get("tags").items and not push.get("branches").items):
            return False
        return _lets_pass(push, branch)

    def takes_pull_requests(self, branch: str) -> bool:
        """Whether a pull request to a branch runs it."""
        request = self._trigger("pull_request")
        return request is not None and _lets_pass(request, branch)

    def _trigger(self, event: str) -> Node | None:
        on = self.root.get("on")
        if on.mapping:
            return on.mapping.get(event)
        names = [item.text for item in on.items] or [on.text]
        return on.of(None) if event in names else None

    def _job(self, name: str, node: Node) -> Job:
        defaults = [self.root.get("defaults", "run"), node.get("defaults", "run")]
        steps = []
        for index, step in enumerate(node.get("steps").items):
            shell, folder = "", "."
            for level in (*defaults, step):
                shell = level.get("shell").text or shell
                folder = level.get("working-directory").text or folder
            steps.append(Step(step, f"jobs.{name}.steps[{index}]", shell, folder))
        return Job(name, node, tuple(steps))


def read_workflow(document: Document) -> Workflow:
    """Read one file; what is wrong with its form is in ``faults``."""
    if not document:
        return Workflow(document, Node(None, document.path, 1), (document.absence(),))
    read = read_yaml(document.text, document.path)
    root = read.documents[0] if read.documents else Node(None, document.path, 1)
    faults = list(read.faults)
    if len(read.documents) > 1:
        second = read.documents[1]
        faults.append(Finding("holds more than one document: workflows were joined into one file", second.place()))
    if not faults and not root.mapping:
        faults.append(Finding("is empty, or no mapping", Place(document.path, 1)))
    return Workflow(document, root, tuple(faults))


def looked_at(workflows: Sequence[Workflow]) -> list[str]:
    """The paths of those in which there is something to judge: a fault, a step, or a workflow that a job calls."""
    return [each.path for each in workflows if each.faults or any(job.steps or job.uses for job in each.jobs.values())]


def without_marks(text: str) -> str:
    """An expression without its ``${{ }}``."""
    return _EXPRESSION.sub(lambda found: found[1], text).strip()


def matches(patterns: Sequence[str], name: str) -> bool:
    """Whether a list of filters takes a branch or tag: the last that matches decides, and ``!`` takes back."""
    taken = False
    for pattern in patterns:
        if re.fullmatch(_as_expression(pattern.removeprefix("!")), name):
            taken = not pattern.startswith("!")
    return taken


def _lets_pass(event: Node, branch: str) -> bool:
    wanted = _texts(event.get("branches"))
    ignored = _texts(event.get("branches-ignore"))
    return matches(wanted, branch) if wanted else not matches(ignored, branch)


def _texts(node: Node) -> list[str]:
    return [item.text for item in node.items] or ([node.text] if node.text else [])


def _as_expression(pattern: str) -> str:
    """A filter as a regular expression: ``+`` and ``?`` repeat the character or class before them."""
    parts = re.findall(r"\*\*|\[[^\]]*\]|.", pattern)
    meaning = {"**": ".*", "*": "[^/]*", "+": "+", "?": "?"}
    pieces = [
        meaning.get(part) or (part if part.startswith("[") and part.endswith("]") else re.escape(part))
        for part in parts
    ]
    try:
        re.compile("".join(pieces))
    except re.error:
        return re.escape(pattern)
    return "".join(pieces)
