"""The selectors of a PromQL expression: what it is about, whatever it then asks of that."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)|(?P<comment>\#[^\n]*)|(?P<range>\[[^\]]*\])"""
    r"""|(?P<number>\b\d[\w.]*)|(?P<name>[A-Za-z_:][\w:]*)|(?P<sign>\S)""",
    re.VERBOSE,
)
_LISTS = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
_WORDS = frozenset({"and", "or", "unless", "bool", "offset", "inf", "nan", "atan2", "start", "end"})
SYNTHETIC = frozenset({"ALERTS", "ALERTS_FOR_STATE"})
"""What Prometheus writes of its own accord, and only while an alert is on."""


def selectors(expression: str) -> tuple[str, ...]:
    """Each selector as it is written, ``up{job="x"}``, in order and once; labels in ``by (…)`` are none."""
    tokens = [match for match in _TOKEN.finditer(expression) if match.lastgroup != "comment"]
    found: dict[str, None] = {}
    at = 0
    while at < len(tokens):
        token, behind = tokens[at], tokens[at + 1].group() if at + 1 < len(tokens) else ""
        word = token.group()
        if token.lastgroup == "name" and word.casefold() in _LISTS and behind == "(":
            at = _closed(tokens, at + 1, "(", ")")
        elif word == "{" or (token.lastgroup == "name" and _is_metric(word, behind)):
            start = token.start()
            if behind == "{" or word == "{":
                at = _closed(tokens, at + (word != "{"), "{", "}")
            found[expression[start : tokens[min(at, len(tokens) - 1)].end()]] = None
        at += 1
    return tuple(found)


def metric(selector: str) -> str:
    """The name of the metric of a selector; empty where it goes by labels alone."""
    return selector.partition("{")[0].strip()


def _is_metric(word: str, behind: str) -> bool:
    """Not a function, nor an aggregation, whose labels stand behind it or behind its argument."""
    return behind.casefold() not in {"(", "by", "without"} and word.casefold() not in _WORDS | _LISTS


def _closed(tokens: list[re.Match[str]], at: int, opens: str, closes: str) -> int:
    """Where the bracket that opens at a token closes; the last token where it does not."""
    depth = 0
    for index in range(at, len(tokens)):
        depth += (tokens[index].group() == opens) - (tokens[index].group() == closes)
        if depth == 0:
            return index
    return len(tokens) - 1
