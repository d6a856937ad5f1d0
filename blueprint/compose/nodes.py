"""YAML as a tree in which every value knows its file and line; nothing is executed, nothing is lost silently.

Scalars are read as Compose reads them: by the rules of YAML 1.2 with the leftovers of 1.1 that Go's parser keeps
(``0777`` is octal, ``1_000`` is a number, a plain date is a time), while ``yes``, ``on`` and ``22:22`` are text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from blueprint.evidence import JSON, Finding, Place

Scalar: TypeAlias = "bool | int | float | str | None"
DEEPEST = 64
"""Levels that a document may be nested; the deepest Compose file seen has 9."""
LARGEST = 50_000
"""Values that a document may hold once its aliases are followed; the largest Compose file seen has 6,000."""
CORE = "tag:yaml.org,2002:"
KEPT_TAGS = frozenset({"!reset", "!override"})
"""Tags with a meaning of their own in Compose."""

_INTEGER = re.compile(r"[-+]?(0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9][0-9_]*|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_BASES = {"0b": 2, "0o": 8, "0x": 16}
_EXPONENT_FROM, _EXPONENT_BELOW = 6, -4  # where Go's %g changes to the notation with an exponent
_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a YAML document.

    Attributes:
        value: a scalar, a list of nodes, or a mapping of names to nodes.
        file: path of the file that it was written in.
        line: line of its key where it has one, else its own.
        tag: ``!reset`` or ``!override`` where it carries one.
    """

    value: Scalar | list[Node] | dict[str, Node]
    file: str = ""
    line: int = 0
    tag: str = ""

    @property
    def mapping(self) -> dict[str, Node]:
        """Its entries; none where it is no mapping."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> list[Node]:
        """Its elements; none where it is no list."""
        return self.value if isinstance(self.value, list) else []

    @property
    def text(self) -> str:
        """The scalar as Compose writes it out; empty for nothing and for collections."""
        return written(self.value) if not isinstance(self.value, list | dict) else ""

    def get(self, *keys: str) -> Node:
        """The node at a path of names; an empty node at the last known place where there is none."""
        node = self
        for key in keys:
            node = node.mapping.get(key) or Node(None, node.file, node.line)
        return node

    def plain(self) -> JSON:
        """The value without places, as a JSON library would give it."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def place(self, key: str = "") -> Place:
        """Where it stands, under the name that a finding gives it."""
        return Place(self.file, self.line, key)

    def of(self, value: Scalar | list[Node] | dict[str, Node]) -> Node:
        """Another value at the same place."""
        return Node(value, self.file, self.line, self.tag)

    def scalars(self, key: str = "") -> Iterator[tuple[str, Node]]:
        """Every scalar below it, with its path."""
        if isinstance(self.value, dict):
            for name, node in self.value.items():
                yield from node.scalars(f"{key}.{name}" if key else name)
        elif isinstance(self.value, list):
            for index, node in enumerate(self.value):
                yield from node.scalars(f"{key}[{index}]")
        else:
            yield key, self


def written(value: Scalar) -> str:
    """A scalar as Compose writes it into an environment: 1.10 is 1.1, 0777 is 511, null is nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return _go_float(value) if isinstance(value, float) else str(value)


def _go_float(value: float) -> str:
    if not math.isfinite(value):
        return {"inf": "+Inf", "-inf": "-Inf"}.get(str(value), "NaN")
    shortest = f"{value:.{_significant(value)}e}"
    digits, _, exponent = shortest.partition("e")
    if _EXPONENT_BELOW <= int(exponent) < _EXPONENT_FROM:
        return str(int(value)) if value == int(value) else repr(value)
    return f"{digits}e{exponent}"


def _significant(value: float) -> int:
    return next(digits for digits in range(18) if float(f"{value:.{digits}e}") == value)


def scalar(text: str) -> Scalar:
    """A plain scalar, resolved."""
    if text in _WORDS:
        return _WORDS[text]
    if not text[:1].isdigit() and text[:1] not in {"-", "+", "."}:
        return text
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        return float(text.replace("_", ""))
    return f"{text} 00:00:00 +0000 UTC" if _DATE.fullmatch(text) else text


def _integer(text: str) -> Scalar:
    digits = text.lstrip("+-").replace("_", "")
    base = _BASES.get(digits[:2], 8 if digits.startswith("0") and len(digits) > 1 else 10)
    if len(digits) > 4 * 20:  # far over 64 bits in any base, and Python refuses to parse very long ones
        return math.inf
    try:
        value = int(digits[2:] if digits[:2] in _BASES else digits, base)
    except ValueError:  # 08 is no octal after all, 0x_ no number
        return int(digits) if digits.isdigit() else text
    value = -value if text.startswith("-") else value
    return value if -(2**63) <= value < 2**64 else float(value)


@dataclass(slots=True)
class Documents:
    """The documents of one file and what is wrong with it; ``whole`` where it was read to its end."""

    file: str
    documents: list[Node] = field(default_factory=list)
    faults: list[Finding] = field(default_factory=list)
    whole: bool = False

    def fault(self, what: str, line: int, key: str = "", remedy: str = "") -> None:
        """Note an offence at a line of the file."""
        self.faults.append(Finding(what, Place(self.file, line, key), remedy))
