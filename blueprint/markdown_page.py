"""A Markdown page as the rules see it: its links, what can be linked to in it, and its blocks of code."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from blueprint.front_matter import read_front_matter

if TYPE_CHECKING:
    from markdown_it.token import Token

MOST_CHARACTERS = 1024 * 1024
MOST_MARKS = 3_000
"""Opening marks in one paragraph; a parser takes time by their square, and no writer comes near it."""
_ATTRIBUTES = re.compile(r"\s*\{:?[^}]*?#(?P<id>[\w.:-]+)[^}]*\}\s*$")


@dataclass(frozen=True, slots=True)
class Link:
    """A link or an image: where it leads, as it is written, and its line."""

    target: str
    line: int


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """A fenced or indented block: its language, empty where none is named, its text, and the line of its text."""

    language: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading: its level, its words without marks, and its line."""

    level: int
    words: str
    line: int


@dataclass(frozen=True, slots=True)
class MarkdownPage:
    """What stands on a page.

    Attributes:
        links: in the order of their lines; those in code are none.
        anchors: what ``#…`` can name, as MkDocs and as GitHub spell the headings, and ids that are written out.
        headings: in order.
        code: blocks of code, in order.
        spans: what stands in backticks within prose, with the line of its paragraph.
        refused: why the page was not read, empty where it was.
    """

    links: tuple[Link, ...] = ()
    anchors: frozenset[str] = frozenset()
    headings: tuple[Heading, ...] = ()
    code: tuple[CodeBlock, ...] = ()
    spans: tuple[Link, ...] = ()
    refused: str = ""


def read_page(text: str) -> MarkdownPage:
    """Read a page; its front matter is no part of it, and its lines are counted from the top of the file."""
    from markdown_it import MarkdownIt

    if refused := _too_costly(text):
        return MarkdownPage(refused=refused)
    lines = text.replace("\r\n", "\n").split("\n")
    skipped = read_front_matter(text).body - 1
    lines[:skipped] = [""] * skipped
    tokens = MarkdownIt("commonmark").enable("table").parse("\n".join(lines))
    reading = _Reading()
    for index, token in enumerate(tokens):
        reading.take(token, tokens[index - 1] if index else None)
    return MarkdownPage(
        tuple(sorted(reading.links, key=lambda link: link.line)),
        frozenset(reading.ids) | _anchors(reading.headings),
        tuple(reading.headings),
        tuple(reading.code),
        tuple(reading.spans),
    )


def _too_costly(text: str) -> str:
    if len(text) > MOST_CHARACTERS:
        return f"has {len(text):,} characters; {MOST_CHARACTERS:,} are read"
    line = 1
    for paragraph in re.split(r"\n[ \t]*\n", text):
        if any(paragraph.count(mark) > MOST_MARKS for mark in "[*_<"):
            return f"has more than {MOST_MARKS:,} marks in the paragraph of line {line}"
        line += paragraph.count("\n") + 2
    return ""


class _Reading:
    """What has been met so far."""

    def __init__(self) -> None:
        self.links: list[Link] = []
        self.ids: list[str] = []
        self.headings: list[Heading] = []
        self.code: list[CodeBlock] = []
        self.spans: list[Link] = []

    def take(self, token: Token, before: Token | None) -> None:
        line = token.map[0] + 1 if token.map else 1
        if token.type in {"fence", "code_block"}:
            language = token.info.split()[0] if token.info.split() else ""
            self.code.append(CodeBlock(language.casefold(), token.content, line + (token.type == "fence")))
        elif token.type == "html_block":
            self._html(token.content, line)
        elif token.type == "inline":
            self._inline(token.children or [], line)
            if before and before.type == "heading_open":
                self._heading(int(before.tag[1:]), token, line)

    def _inline(self, children: list[Token], line: int) -> None:
        for child in children:
            if child.type in {"softbreak", "hardbreak"}:
                line += 1
            elif child.type == "link_open":
                self.links.append(Link(str(child.attrGet("href") or ""), line))
            elif child.type == "image":
                self.links.append(Link(str(child.attrGet("src") or ""), line))
            elif child.type == "html_inline":
                self._html(child.content, line)
            elif child.type == "code_inline":
                self.spans.append(Link(child.content, line))

    def _heading(self, level: int, token: Token, line: int) -> None:
        words = "".join(child.content for child in token.children or [] if child.type in {"text", "code_inline"})
        if written := _ATTRIBUTES.search(words):
            self.ids.append(written["id"])
            words = words[: written.start()]
        self.headings.append(Heading(level, words.strip(), line))

    def _html(self, content: str, line: int) -> None:
        found = _Html()
        found.feed(content)
        found.close()
        self.ids += found.ids
        self.links += [Link(target, line + offset) for target, offset in found.targets]


class _Html(HTMLParser):
    """The links and ids of a piece of HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.targets: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take what a tag leads to, and what it is called."""
        values = {name: value or "" for name, value in attrs}
        self.ids += [values[name] for name in ("id", "name") if values.get(name)]
        target = values.get("href" if tag == "a" else "src") if tag in {"a", "img"} else None
        if target:
            self.targets.append((target, self.getpos()[0] - 1))


def _anchors(headings: list[Heading]) -> frozenset[str]:
    words = [heading.words for heading in headings]
    return frozenset((*_numbered(map(_as_mkdocs, words), "_"), *_numbered(map(_as_github, words), "-")))


def _numbered(names: Iterator[str], joint: str) -> Iterator[str]:
    """Names with a number behind those that were there before."""
    counts: dict[str, int] = {}
    for name in names:
        count = counts.get(name, 0)
        counts[name] = count + 1
        yield f"{name}{joint}{count}" if count else name


def _as_mkdocs(words: str) -> str:
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower())


def _as_github(words: str) -> str:
    return re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
