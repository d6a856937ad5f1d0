"""Files of NAME=value lines as Compose reads them: quotes, comments, ``export``, references to what stands above."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from blueprint.compose.interpolation import substitute

_ASSIGNMENT = re.compile(r"\s*(?:export\s+)?(?P<name>[A-Za-z_.][\w.-]*)\s*(?:[=:]\s*(?P<value>.*))?", re.DOTALL)
MOST_JOINED = 100
"""Lines that one quoted value may take."""
_ESCAPES = {"\\n": "\n", "\\t": "\t", "\\r": "\r", '\\"': '"', "\\\\": "\\", "\\$": "$$"}


@dataclass(frozen=True, slots=True)
class Assignment:
    """One line of an env file; a value of None is left to the environment."""

    name: str
    value: str | None
    written: str
    line: int


def assignments(text: str, environment: Mapping[str, str], *, raw: bool = False) -> list[Assignment]:
    """Every assignment of a text, values resolved; what is no assignment is passed over."""
    known = dict(environment)
    found: list[Assignment] = []
    for number, line in _logical_lines(text):
        match = _ASSIGNMENT.fullmatch(line)
        if not match or line.lstrip().startswith("#"):
            continue
        name, written = match["name"], match["value"]
        value = written if raw or written is None else _value(written, known)
        if value is not None:
            known.setdefault(name, value)
        found.append(Assignment(name, environment.get(name) if value is None else value, written or "", number))
    return found


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines, joined where a quote stays open; one that nothing closes ends with its line."""
    lines = text.removeprefix("\ufeff").splitlines()
    at = 0
    while at < len(lines):
        end = next((end for end in range(at + 1, at + MOST_JOINED) if not _is_open("\n".join(lines[at:end]))), at + 1)
        yield at + 1, "\n".join(lines[at:end])
        at = end


def _is_open(line: str) -> bool:
    match = _ASSIGNMENT.fullmatch(line)
    value = (match["value"] or "") if match and not line.lstrip().startswith("#") else ""
    quote = value[:1]
    return quote in {"'", '"'} and _end_of(value, quote) < 0


def _end_of(value: str, quote: str) -> int:
    at = 1
    while at < len(value):
        if value[at] == "\\" and quote == '"':
            at += 1
        elif value[at] == quote:
            return at
        at += 1
    return -1


def _value(written: str, known: Mapping[str, str]) -> str:
    quote = written[:1]
    if quote in {"'", '"'} and (end := _end_of(written, quote)) > 0:
        inner = written[1:end]
        if quote == "'":
            return inner
        text = re.sub(r"\\.", lambda escape: _ESCAPES.get(escape[0], escape[0]), inner)
    else:
        text = re.split(r"\s#", written, maxsplit=1)[0].rstrip()
    try:
        return substitute(text, known, lambda *_: None)
    except ValueError:  # a reference that makes no sense stays as it is written
        return text
