"""``$NAME``, ``${NAME:-default}`` and their kin, as Compose substitutes them; keys are left alone.

A ``$`` before anything else stands for itself, ``$$`` is one ``$``, defaults are substituted in turn.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

from blueprint.compose.nodes import Node, scalar
from blueprint.evidence import Finding

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR = re.compile(r":?[-?+]")
_NEVER_TEXT = frozenset({"required", "use_api_socket", "initial_sync", "priority", "gw_priority", "context_size"})
"""Keys whose substituted value Compose reads as a number or a truth before it looks at the schema."""
DEEPEST = 16
"""Defaults within defaults that are followed."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One variable that a value refers to.

    Attributes:
        name: of the variable.
        operator: ``:-``, ``-``, ``:?``, ``?``, ``:+``, ``+`` or empty.
        argument: what follows the operator, as written.
        key: path of the value that holds it.
        node: the value, as written.
    """

    name: str
    operator: str
    argument: str
    key: str
    node: Node

    @property
    def has_default(self) -> bool:
        """Whether something stands in the file for when the variable is not set."""
        return self.operator in {"-", ":-"}


@dataclass(slots=True)
class Interpolation:
    """Substitutes in trees, and notes what it met: every reference and every fault."""

    environment: Mapping[str, str]
    references: list[Reference] = field(default_factory=list)
    faults: list[Finding] = field(default_factory=list)

    def tree(self, node: Node, key: str = "") -> Node:
        """The same tree with every text substituted."""
        if isinstance(node.value, dict):
            entries = {name: self.tree(child, f"{key}.{name}" if key else name) for name, child in node.value.items()}
            return node.of(entries)
        if isinstance(node.value, list):
            return node.of([self.tree(child, f"{key}[{index}]") for index, child in enumerate(node.value)])
        if isinstance(node.value, str) and "$" in node.value:
            text = self._text(node.value, node, key)
            return node.of(scalar(text) if key.rpartition(".")[2] in _NEVER_TEXT else text)
        return node

    def _text(self, text: str, node: Node, key: str) -> str:
        def noted(name: str, operator: str, argument: str) -> None:
            self.references.append(Reference(name, operator, argument, key, node))

        try:
            return substitute(text, self.environment, noted)
        except ValueError as error:
            remedy = "write $$ for a dollar sign"
            self.faults.append(Finding(f"{error} is no substitution", node.place(key), remedy))
        return text


def literals(text: str) -> str:
    """What is left of a text where no variable is set: its literal parts and its defaults."""
    try:
        return substitute(text, {}, lambda *_: None)
    except ValueError:
        return text


def substitute(
    text: str, environment: Mapping[str, str], noted: Callable[[str, str, str], None], *, depth: int = 0
) -> str:
    """A text with its variables put in; ``noted`` is told of each.

    One that must be set and is not, ``${NAME:?reason}``, is empty: that it is demanded is no fault of the file.

    Raises:
        ValueError: what stands after ``${`` is no substitution.
    """

    def within(argument: str) -> str:
        return substitute(argument, environment, noted, depth=depth + 1)

    parts: list[str] = []
    at = 0
    while (dollar := text.find("$", at)) >= 0:
        parts.append(text[at:dollar])
        after = text[dollar + 1 : dollar + 2]
        if after == "$":
            parts.append("$")
            at = dollar + 2
        elif after == "{":
            end = _closing(text, dollar + 2)
            inner = _Braced.parse(text[dollar + 2 : end], depth)
            noted(inner.name, inner.operator, inner.argument)
            parts.append(inner.value(environment.get(inner.name), within))
            at = end + 1
        elif name := _NAME.match(text, dollar + 1):
            noted(name[0], "", "")
            parts.append(environment.get(name[0], ""))
            at = name.end()
        else:
            parts.append("$")
            at = dollar + 1
    parts.append(text[at:])
    return "".join(parts)


def _closing(text: str, start: int) -> int:
    """Index of the brace that ends a substitution; those within it are skipped."""
    depth, at = 1, start
    while at < len(text):
        if text.startswith("${", at):
            depth, at = depth + 1, at + 1
        elif text[at] == "}":
            depth -= 1
            if not depth:
                return at
        at += 1
    raise ValueError(text[start - 2 : start + 30])


@dataclass(frozen=True, slots=True)
class _Braced:
    """What stands between ``${`` and ``}``."""

    name: str
    operator: str
    argument: str

    @classmethod
    def parse(cls, inner: str, depth: int) -> Self:
        name = _NAME.match(inner)
        rest = inner[name.end() :] if name else ""
        operator = _OPERATOR.match(rest)
        if not name or (rest and not operator) or depth > DEEPEST:
            raise ValueError("${" + inner[:30] + "}")
        sign = operator[0] if operator else ""
        return cls(name[0], sign, rest[len(sign) :])

    def value(self, value: str | None, within: Callable[[str], str]) -> str:
        is_there = bool(value) if self.operator.startswith(":") else value is not None
        match self.operator[-1:]:
            case "-" if not is_there:
                return within(self.argument)
            case "+":
                return within(self.argument) if is_there else ""
        return value or ""
