"""What a message asks for: read from its words, by rules a person can follow."""

from __future__ import annotations

import re
from dataclasses import dataclass

_REMEMBER = re.compile(
    r"^\W*(?:please\s+)?(?:remember|note|keep in mind)(?:\s+that)?\b[\s:,]*(?P<fact>.+)$", re.IGNORECASE | re.DOTALL
)
_RECALL = re.compile(
    r"\b(?:what\s+(?:did|have|had)\s+i\s+(?:tell|told|say|said|mention(?:ed)?)(?:\s+(?:to\s+)?you)?\s+(?:about|of|on)"
    r"|what\s+do\s+you\s+(?:know|remember|recall)\s+(?:about|of|on)"
    r"|do\s+you\s+(?:remember|recall)(?:\s+(?:what\s+i\s+(?:said|told\s+you)\s+about|about))?"
    r"|recall)\s+(?P<topic>[^?!]+)",
    re.IGNORECASE,
)
_CLOCK = re.compile(
    r"\bwhat(?:'s|\s+is)?\s+(?:the\s+)?(?:(?:current|exact)\s+)?(?:time|date|day)\b"
    r"|\b(?:time|date)\s+(?:is\s+it|now|today)\b|\bwhat\s+day\b|\bo'?clock\b",
    re.IGNORECASE,
)
_SPOKEN = {
    "plus": "+",
    "minus": "-",
    "times": "*",
    "multiplied by": "*",
    "divided by": "/",
    "over": "/",
    "to the power of": "**",
    "modulo": "%",
    "\N{MULTIPLICATION SIGN}": "*",
    "\N{MIDDLE DOT}": "*",
    "\N{DIVISION SIGN}": "/",
    "\N{MINUS SIGN}": "-",
    "^": "**",
}
_NUMBER = r"[+-]?\s*(?:\d+(?:\.\d+)?|\.\d+)"
_BETWEEN_NUMBERS = re.compile(
    r"(?<=[\d)])\s*(" + "|".join(re.escape(word) for word in _SPOKEN) + r")\s*(?=[\d(.+-])", re.IGNORECASE
)
_ARITHMETIC = re.compile(rf"[(+\-\s]*{_NUMBER}[)\s]*(?:(?:\*\*|//|[-+*/%])[(\s]*{_NUMBER}[)\s]*)+")
_NO_ARITHMETIC = re.compile(r"\b\d{4}-\d{1,2}-\d{1,2}\b|\b\d{1,2}/\d{1,2}/\d{2,4}\b|\b\d+(?:\.\d+){2,}\b")
"""Dates and version numbers."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that is to be called, and with what."""

    tool: str
    input: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done for a message.

    Attributes:
        kind: `statement` or `question`; only statements are recalled.
        keep: the text that becomes a memory.
        topic: what is sought among the memories; `asked` when the user asked for that.
        calls: the tools to call, in order.
    """

    kind: str
    keep: str
    told: bool
    topic: str
    asked: bool
    calls: tuple[ToolCall, ...]


def plan(message: str) -> Plan:
    """Decide what a message asks for."""
    text = message.strip()
    told, asked = _REMEMBER.match(text), _RECALL.search(text)
    calls = [ToolCall("calculator", expression)] if (expression := arithmetic(text)) else []
    calls += [ToolCall("clock", "")] if _CLOCK.search(text) else []
    is_question = bool(asked or calls or text.endswith("?")) and not told
    return Plan(
        kind="question" if is_question else "statement",
        keep=told["fact"].strip() if told else text,
        told=bool(told),
        topic=asked["topic"].strip() if asked and not told else text,
        asked=bool(asked) and not told,
        calls=() if told else tuple(calls),
    )


def arithmetic(text: str) -> str:
    """The longest piece of arithmetic in a text, or nothing; numbers may be joined by words such as `plus`."""
    plain = _NO_ARITHMETIC.sub(" ", text)
    plain = _BETWEEN_NUMBERS.sub(lambda found: f" {_SPOKEN[found[1].lower()]} ", plain)
    pieces = [_balanced(" ".join(found[0].split())) for found in _ARITHMETIC.finditer(plain)]
    return max(pieces, key=len, default="")


def _balanced(piece: str) -> str:
    """The piece without the parentheses of the sentence around it."""
    while piece.count("(") > piece.count(")") and piece.startswith("("):
        piece = piece[1:].lstrip()
    while piece.count(")") > piece.count("(") and piece.endswith(")"):
        piece = piece[:-1].rstrip()
    return piece
