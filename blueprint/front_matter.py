"""The YAML block that opens a Markdown page, read with the line of every field and without building any object."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import yaml

BYTE_ORDER_MARK = "\ufeff"
Plain: TypeAlias = "str | list[Plain] | dict[str, Plain] | None"
_OPENING = re.compile(r"---[ \t]*")
_CLOSING = re.compile(r"(---|\.\.\.)[ \t]*")


@dataclass(frozen=True, slots=True)
class Field:
    """A value as it is written: scalars stay text, so that 1.10 is not 1.1; None is an empty value."""

    value: Plain
    line: int


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a block cannot be read as it stands, and on which line of the page."""

    what: str
    line: int


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """The fields of a page's front matter, and what is wrong with its form.

    Attributes:
        fields: by name; of a repeated field the first.
        problems: in the order of their lines.
        body: the line on which the page itself begins.
        present: whether there is a block that was opened and closed at all.
    """

    fields: Mapping[str, Field] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    body: int = 1
    present: bool = False


def read_front_matter(text: str) -> FrontMatter:
    """Read the block between the first line ``---`` and the next ``---`` or ``...``.

    Either kind of line end will do. A byte order mark, a block that opens later than on the first line, and one
    that is never closed are problems; the last two hold no fields.
    """
    problems: list[Problem] = []
    if text.startswith(BYTE_ORDER_MARK):
        text = text.removeprefix(BYTE_ORDER_MARK)
        problems.append(Problem("a byte order mark stands before the front matter, so most readers do not see it", 1))
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    opening = next((number for number, line in enumerate(lines, 1) if line.strip()), 1)
    if not _OPENING.fullmatch(lines[opening - 1]):
        return FrontMatter(problems=(*problems, _no_opening(lines)))
    closing = next((number for number in range(opening + 1, len(lines) + 1) if _closes(lines[number - 1])), None)
    if closing is None:
        return FrontMatter(problems=(*problems, Problem("the front matter is never closed by a line ---", opening)))
    if opening > 1:
        problems.append(Problem("the front matter does not begin on the first line of the page", opening))
    fields, found = _read_block(lines[opening : closing - 1], opening)
    return FrontMatter(fields, tuple(problems + found), closing + 1, present=True)


def _closes(line: str) -> bool:
    return _CLOSING.fullmatch(line) is not None


def _no_opening(lines: list[str]) -> Problem:
    late = next((number for number, line in enumerate(lines, 1) if _OPENING.fullmatch(line)), None)
    following = lines[late] if late and late < len(lines) else ""
    if late and re.match(r"[\w-]+:", following):
        return Problem("the front matter does not begin on the first line of the page", late)
    return Problem("the page has no front matter", 1)


def _read_block(block: list[str], offset: int) -> tuple[dict[str, Field], list[Problem]]:
    import yaml

    try:
        root = yaml.compose("\n".join(block), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line if error.problem_mark else 0
        return {}, [Problem(f"the front matter is not YAML: {error.problem}", offset + line + 1)]
    except yaml.reader.ReaderError as error:
        line = "\n".join(block).count("\n", 0, error.position)
        what = f"the character #x{error.character:04x} is not allowed in YAML"
        return {}, [Problem(f"the front matter is not YAML: {what}", offset + line + 1)]
    except RecursionError:
        return {}, [Problem("the front matter is nested too deeply to be read", offset + 1)]
    if root is None:
        return {}, [Problem("the front matter is empty", offset)]
    if not isinstance(root, yaml.MappingNode):
        return {}, [Problem("the front matter is not a list of fields", offset + 1)]
    return _fields(root, offset)


def _fields(root: yaml.MappingNode, offset: int) -> tuple[dict[str, Field], list[Problem]]:
    fields: dict[str, Field] = {}
    problems: list[Problem] = []
    for key, value in root.value:
        line = offset + key.start_mark.line + 1
        name = str(key.value)
        if name in fields:
            problems.append(Problem(f"the field {name} stands on line {fields[name].line} already", line))
        else:
            fields[name] = Field(_plain(value, set()), line)
    return fields, problems


def _plain(node: yaml.Node, visited: set[int]) -> Plain:
    """A node as plain data; a collection is told once, so that no anchor multiplies or holds itself."""
    import yaml

    if isinstance(node, yaml.ScalarNode):
        return None if node.tag == "tag:yaml.org,2002:null" else str(node.value)
    if id(node) in visited:
        return None
    visited.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, visited) for item in node.value]
    return {str(key.value): _plain(value, visited) for key, value in node.value}
