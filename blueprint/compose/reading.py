"""From text to nodes, event by event, within bounds: no recursion, no expansion, no surprise is dropped."""

from __future__ import annotations

from dataclasses import dataclass, field

import yaml

from blueprint.compose.nodes import CORE, DEEPEST, KEPT_TAGS, LARGEST, Documents, Node, scalar

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MERGE = "<<"


@dataclass(slots=True)
class _Entry:
    key: str
    line: int
    node: Node
    merge: bool


@dataclass(slots=True)
class _Open:
    """A collection that has begun and not ended."""

    line: int
    anchor: str | None
    tag: str
    mapping: bool
    entries: list[_Entry] = field(default_factory=list)
    items: list[Node] = field(default_factory=list)
    key: tuple[str, int, bool] | None = None
    weight: int = 1
    depth: int = 1


class _TooMuch(Exception):
    """The bounds of a document are passed."""


def read_yaml(text: str, file: str) -> Documents:
    """Every document of a text. Never raises: what cannot be read is a fault with its line."""
    return _Reader(file).read(text)


class _Reader:
    def __init__(self, file: str) -> None:
        self._into = Documents(file)
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int, int]] = {}
        self._line = 1

    def read(self, text: str) -> Documents:
        try:
            for event in yaml.parse(text, Loader=_LOADER):
                if event.start_mark:
                    self._line = event.start_mark.line + 1
                self._take(event)
            self._into.whole = True
        except _TooMuch as bound:
            self._into.fault(str(bound), self._line)
        except yaml.MarkedYAMLError as error:
            problem = " ".join(part for part in (error.problem, error.context) if part)
            self._into.fault(f"is not YAML: {problem}", getattr(error.problem_mark, "line", self._line - 1) + 1)
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            self._into.fault(f"is not YAML: character {error.character!r} is not allowed", line)
        except (RecursionError, ValueError, UnicodeError) as error:
            self._into.fault(f"is not YAML: {error}", self._line)
        return self._into

    def _take(self, event: yaml.Event) -> None:
        match event:
            case yaml.DocumentStartEvent():
                self._anchors = {}
            case yaml.AliasEvent():
                self._alias(str(event.anchor))
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                if len(self._stack) >= DEEPEST:
                    raise _TooMuch(f"is nested deeper than {DEEPEST} levels")
                mapping = isinstance(event, yaml.MappingStartEvent)
                self._stack.append(_Open(self._line, event.anchor, self._tag(event.tag, collection=True), mapping))
                if event.anchor:
                    self._anchors.pop(event.anchor, None)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._close()

    def _alias(self, anchor: str) -> None:
        if anchor not in self._anchors:
            what = "holds itself" if any(frame.anchor == anchor for frame in self._stack) else "names no anchor"
            self._into.fault(f"alias *{anchor} {what}", self._line)
            self._put(Node(None, self._into.file, self._line), 1, 0)
            return
        self._put(*self._anchors[anchor], alias=True)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        tag = self._tag(event.tag)
        plain = not event.style and not (event.tag and event.tag != "!")
        value = scalar(event.value) if plain or tag in {"int", "float", "bool", "null"} else event.value
        node = Node(value, self._into.file, self._line, tag if tag in KEPT_TAGS else "")
        if event.anchor:
            self._anchors[event.anchor] = (node, 1, 0)
        self._put(node, 1, 0, merge=plain and event.value == _MERGE)

    def _tag(self, tag: str | None, *, collection: bool = False) -> str:
        if not tag or tag == "!":
            return ""
        short = tag.removeprefix(CORE)
        known = {"map", "seq"} if collection else {"str", "int", "float", "bool", "null", "timestamp", "binary"}
        if short not in known | KEPT_TAGS:
            self._into.fault(f"tag {tag} means nothing here", self._line)
        return short

    def _close(self) -> None:
        frame = self._stack.pop()
        value = self._merged(frame) if frame.mapping else frame.items
        node = Node(value, self._into.file, frame.line, frame.tag if frame.tag in KEPT_TAGS else "")
        if frame.anchor:
            self._anchors[frame.anchor] = (node, frame.weight, frame.depth)
        self._put(node, frame.weight, frame.depth)

    def _put(self, node: Node, weight: int, depth: int, *, merge: bool = False, alias: bool = False) -> None:
        if not self._stack:
            self._into.documents.append(node)
            return
        frame = self._stack[-1]
        frame.weight += weight
        frame.depth = max(frame.depth, depth + 1)
        if len(self._stack) + depth > DEEPEST:
            raise _TooMuch(f"is nested deeper than {DEEPEST} levels once its aliases are followed")
        if frame.weight > LARGEST:
            raise _TooMuch(f"holds more than {LARGEST:,} values once its aliases are followed")
        if not frame.mapping:
            frame.items.append(node)
        elif frame.key is None:
            frame.key = self._key(node, merge=merge)
        else:
            key, line, is_merge = frame.key
            moved = Node(node.value, node.file, line, node.tag)
            frame.entries.append(_Entry(key, line, node if alias and is_merge else moved, is_merge))
            frame.key = None

    def _key(self, node: Node, *, merge: bool) -> tuple[str, int, bool]:
        if isinstance(node.value, str):
            return node.value, node.line, merge
        kind = "a collection" if isinstance(node.value, list | dict) else repr(node.text or "null")
        self._into.fault(f"key {kind} is no text", node.line, remedy="put it in quotes")
        return node.text, node.line, False

    def _merged(self, frame: _Open) -> dict[str, Node]:
        own: dict[str, Node] = {}
        lines: dict[str, int] = {}
        inherited: list[Node] = []
        for entry in frame.entries:
            if entry.key in lines:
                self._into.fault(
                    f"key {entry.key!r} stands at line {lines[entry.key]} already", entry.line, entry.key, "keep one"
                )
            lines[entry.key] = entry.line
            if entry.merge:
                inherited += self._sources(entry)
            else:
                own[entry.key] = entry.node
        for source in inherited:  # shallow, and the first that has a key gives it
            for key, node in source.mapping.items():
                own.setdefault(key, node)
        return own

    def _sources(self, entry: _Entry) -> list[Node]:
        sources = entry.node.items if isinstance(entry.node.value, list) else [entry.node]
        if any(not isinstance(source.value, dict) for source in sources):
            self._into.fault("merge key << takes a mapping or a list of mappings", entry.line, _MERGE)
        return sources
