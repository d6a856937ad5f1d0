"""Shell text as data: its simple commands, in order, with what joins them. Nothing is expanded or executed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_EXPRESSION = re.compile(r"\$\{\{.*?\}\}", re.DOTALL)
EXPRESSION = "GITHUB_EXPRESSION"
"""What stands for a ``${{ }}`` of a workflow."""
_OPERATORS = ("&&", "||", ";;&", ";;", ";&", "|&", "|", ";", "(", ")")
_RESERVED = frozenset(
    (
        *("if", "then", "elif", "else", "fi", "for", "while", "until", "do", "done", "case", "esac", "in"),
        *("{", "}", "!", "time", "function", "select"),
    )
)
_REDIRECTION = re.compile(r"\d*(?:>>|>\||>&|<<<|<>|<&|>|<)|&>>|&>")
_HEREDOC = re.compile(r"<<(?P<dash>-?)[ \t]*(?P<quote>['\"]?)(?P<word>[\w.-]+)(?P=quote)")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")
_DEEPEST = 20


@dataclass(slots=True)
class Command:
    """A simple command.

    Attributes:
        words: its words without quotes, leading assignments left out; a reserved word is none.
        line: counted from 0.
        before: the operator that joins it to what stands before: ``&&``, ``||``, ``|``, ``;`` or nothing.
        after: the same for what stands behind it.
        writes: files that its output is redirected to.
    """

    words: list[str] = field(default_factory=list)
    line: int = 0
    before: str = ""
    after: str = ""
    writes: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its first word, empty where it only assigns."""
        return self.words[0] if self.words else ""


def commands(text: str) -> list[Command]:
    """Every simple command of a text, those within ``$( )`` and backticks too."""
    plain = _EXPRESSION.sub(lambda found: EXPRESSION + "\n" * found[0].count("\n"), text)
    return [command for command in _Scan(plain, 0, 0).read() if command.words or command.writes]


class _Scan:
    """One pass over a text."""

    def __init__(self, text: str, line: int, depth: int) -> None:
        self._text = text
        self._at = 0
        self._line = line
        self._depth = depth
        self._done: list[Command] = []
        self._now = Command(line=line)
        self._word: list[str] | None = None
        self._into = ""
        self._heredocs: list[tuple[str, bool]] = []

    def read(self) -> list[Command]:
        text = self._text
        while self._at < len(text):
            self._take(text[self._at])
        self._end("")
        return self._done

    def _take(self, sign: str) -> None:
        rest = self._text
        if sign == "\\":
            if self._at + 1 < len(rest) and rest[self._at + 1] == "\n":
                self._line += 1
            else:
                self._add(rest[self._at + 1 : self._at + 2])
            self._at += 2
        elif sign == "'":
            end = rest.find("'", self._at + 1)
            self._quoted(rest[self._at + 1 : end if end >= 0 else len(rest)])
            self._at = (end if end >= 0 else len(rest)) + 1
        elif sign == '"':
            self._double()
        elif sign in "$`":
            self._substitution()
        elif sign == "#" and self._word is None:
            end = rest.find("\n", self._at)
            self._at = end if end >= 0 else len(rest)
        elif sign == "\n":
            self._end(";")
            self._line += 1
            self._at += 1
            self._skip_heredocs()
        elif sign in " \t\r":
            self._close_word()
            self._at += 1
        else:
            self._operator_or_letter(sign)

    def _operator_or_letter(self, sign: str) -> None:
        if heredoc := _HEREDOC.match(self._text, self._at):
            self._close_word()
            self._heredocs.append((heredoc["word"], bool(heredoc["dash"])))
            self._at = heredoc.end()
        elif (sign in "<>&" or (sign.isdigit() and self._word is None)) and (
            found := _REDIRECTION.match(self._text, self._at)
        ):
            self._close_word()
            self._into = found[0].lstrip("0123456789")
            self._at = found.end()
        elif operator := next((each for each in _OPERATORS if self._text.startswith(each, self._at)), ""):
            self._end(operator)
            self._at += len(operator)
        elif sign == "&":
            self._end("&")
            self._at += 1
        else:
            self._add(sign)
            self._at += 1

    def _double(self) -> None:
        self._add("")
        self._at += 1
        while self._at < len(self._text) and self._text[self._at] != '"':
            sign = self._text[self._at]
            if sign == "\\":
                self._add(self._text[self._at + 1 : self._at + 2])
                self._line += self._text[self._at + 1 : self._at + 2] == "\n"
                self._at += 2
            elif sign in "$`":
                self._substitution()
            else:
                self._line += sign == "\n"
                self._add(sign)
                self._at += 1
        self._at += 1

    def _substitution(self) -> None:
        text, start = self._text, self._at
        if text.startswith("$((", start) or text.startswith("${", start):
            end = _matching(text, start + 1)
            self._quoted(text[start:end])
            self._at = end
        elif text.startswith("$(", start):
            end = _matching(text, start + 1)
            self._within(text[start + 2 : end - 1])
            self._quoted(text[start:end])
            self._at = end
        elif text[start] == "`":
            end = text.find("`", start + 1)
            end = end if end >= 0 else len(text)
            self._within(text[start + 1 : end])
            self._quoted(text[start : end + 1])
            self._at = end + 1
        else:
            self._add("$")
            self._at += 1

    def _within(self, inner: str) -> None:
        if self._depth < _DEEPEST:
            self._done += _Scan(inner, self._line, self._depth + 1).read()

    def _quoted(self, text: str) -> None:
        self._line += text.count("\n")
        self._add(text)

    def _add(self, text: str) -> None:
        if self._word is None:
            self._word = []
            if not self._now.words and not self._now.writes:
                self._now.line = self._line
        self._word.append(text)

    def _close_word(self) -> None:
        if self._word is None:
            return
        word, self._word = "".join(self._word), None
        if self._into:
            if ">" in self._into and not word.isdigit() and word != "-":
                self._now.writes.append(word)
            self._into = ""
        elif not self._now.words and (word in _RESERVED or _ASSIGNMENT.match(word)):
            return
        else:
            self._now.words.append(word)

    def _end(self, operator: str) -> None:
        self._close_word()
        self._now.after = operator
        self._done.append(self._now)
        self._now = Command(line=self._line, before=operator)

    def _skip_heredocs(self) -> None:
        for word, dash in self._heredocs:
            while self._at < len(self._text):
                end = self._text.find("\n", self._at)
                end = end if end >= 0 else len(self._text)
                line = self._text[self._at : end]
                self._at = end + 1
                self._line += 1
                if (line.lstrip("\t") if dash else line) == word:
                    break
        self._heredocs = []


def _matching(text: str, start: int) -> int:
    """Behind the bracket that closes the one at a place; the end of the text where none does."""
    depth, at, quote = 0, start, ""
    while at < len(text):
        sign = text[at]
        if sign == "\\":
            at += 1
        elif quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign in "({":
            depth += 1
        elif sign in ")}":
            depth -= 1
            if not depth:
                return at + 1
        at += 1
    return len(text)
