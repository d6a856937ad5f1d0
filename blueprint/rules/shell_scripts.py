"""Whether a shell script can end with anything but success, as far as its words tell."""

from __future__ import annotations

import re
from collections.abc import Iterator

_SHELL = re.compile(r"(?:\S*/)?(?:ba|da|a|z|k)?sh\s+(?P<options>(?:-\w+\s+)*-\w*c)\s+(?P<script>.*)", re.DOTALL)
_NOTHING = re.compile(
    r"(?:\S*/)?(?:true|:|exit(?:\s+0)?|return(?:\s+0)?|echo\b.*|printf\b.*|sleep\b.*|pwd|date|whoami|hostname|uname\b.*"
    r"|ls\b.*|set\b.*|cat|cat\s+/dev/null|tee\b.*|test\s+1\s*=+\s*1|\[\s*1\s*=+\s*1\s*\])?",
    re.DOTALL,
)
_INTERPRETER = re.compile(r"(?:\S*/)?(?:python[\d.]*|node|ruby|perl)\s+(?:-c|-e)\s+(?P<code>.*)", re.DOTALL)
_TRIVIAL_CODE = re.compile(
    r"(?:\s*(?:(?:import|from)\s[\w.,\s]+|pass|True|1|print\([^)]*\)|console\.log\([^)]*\)"
    r"|(?:(?:sys|os|process)\.)?_?exit\(0?\))\s*(?:;|\n|$))*"
)
_REDIRECTION = re.compile(r"\s*\d?>+&?\s*(?!/dev/(?:tcp|udp)/)\S+")
_LONGEST_TRIVIAL = 300  # characters of a program that does nothing
_OPERATORS = ("&&", "||", ";", "\n", "|", "&")


def can_fail(script: str, *, stops_at_failure: bool = False) -> bool:
    """Whether a script can fail: by its last command, or by any where it stops at the first failure."""
    text = _unquoted(script.strip())
    if nested := _SHELL.fullmatch(text):
        return can_fail(nested["script"], stops_at_failure="e" in nested["options"].replace("-", ""))
    lists = list(_lists(text))
    stops = stops_at_failure or bool(re.search(r"(?:^|[;\n])\s*set\s+-\w*e", text))
    return any(lists) if stops else bool(lists and lists[-1])


def _lists(text: str) -> Iterator[bool]:
    """Whether each list of commands that && and || join can fail."""
    result: bool | None = None
    operator = ""
    for command, following in _commands(text):
        fails = _command_fails(command)
        if operator == "&&" and result is not None:
            result = result or fails
        elif operator == "||" and result is not None:
            result = result and fails
        elif operator == "|" or result is None:  # of a pipe, the last command counts
            result = fails
        operator = following
        if following in {";", "\n", "&", ""}:
            if command.strip() or result:
                yield result
            result = None


def _commands(text: str) -> Iterator[tuple[str, str]]:
    """Each simple command, with the operator that follows it."""
    start, at, quote = 0, 0, ""
    while at < len(text):
        character = text[at]
        if character == "\\":
            at += 2
            continue
        if quote:
            quote = "" if character == quote else quote
        elif character in {"'", '"'}:
            quote = character
        elif operator := _operator(text, at):
            yield text[start:at], operator
            start = at + len(operator)
            at = start - 1
        at += 1
    yield text[start:], ""


def _operator(text: str, at: int) -> str:
    operator = next((one for one in _OPERATORS if text.startswith(one, at)), "")
    return "" if operator == "&" and text[at - 1 : at] in {">", "<"} else operator


def _command_fails(command: str) -> bool:
    text = command.strip().strip("(){} ").strip()
    if nested := _SHELL.fullmatch(text):
        return can_fail(nested["script"])
    if program := _INTERPRETER.fullmatch(text):
        code = _unquoted(program["code"].strip())
        return len(code) > _LONGEST_TRIVIAL or not _TRIVIAL_CODE.fullmatch(code)
    return not _NOTHING.fullmatch(_REDIRECTION.sub("", text))


def _unquoted(text: str) -> str:
    """A text without the quotes that hold all of it."""
    quote = text[:1]
    return text[1:-1] if quote in {"'", '"'} and text[-1:] == quote and quote not in text[1:-1] else text
