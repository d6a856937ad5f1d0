"""From an entry file to one merged tree: further documents, includes and extended services, all local.

Order is that of Compose: substitute, bring to one form, lay documents on each other, lay the file over what it
includes, then extend services.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from blueprint.compose.canon import canonical_document, with_defaults
from blueprint.compose.env_files import assignments
from blueprint.compose.interpolation import Interpolation, Reference
from blueprint.compose.merging import merged, without_resets
from blueprint.compose.nodes import Documents, Node
from blueprint.compose.paths import is_outside, is_remote, resolved
from blueprint.compose.reading import read_yaml
from blueprint.documents import Document
from blueprint.evidence import Finding, Place

Files = Callable[[str], Document]
UNTRACKED = "is not tracked, so a clone lacks it"
"""The reason why a file of the checkout is not read."""
MOST_FILES = 64
"""Files that includes and extensions may lead to."""


@dataclass(slots=True)
class Texts:
    """Files as they were asked for, each read and parsed once.

    Attributes:
        files: reads one.
        private: files that no clone brings: they may hold what is nobody else's business, and are never read.
    """

    files: Files
    private: frozenset[str] = frozenset()
    documents: dict[str, Document] = field(default_factory=dict)
    parsed: dict[str, Documents] = field(default_factory=dict)

    def read(self, path: str) -> Document:
        """One file; one that lies outside of the subject, or is private, is not asked for."""
        if path not in self.documents:
            reason = "lies outside of the checkout" if is_outside(path) else UNTRACKED if path in self.private else ""
            self.documents[path] = Document(path, absent=reason) if reason else self.files(path)
        return self.documents[path]

    def parse(self, path: str) -> Documents:
        """The YAML documents of one file."""
        if path not in self.parsed:
            self.parsed[path] = read_yaml(self.read(path).text, path)
        return self.parsed[path]


@dataclass(slots=True)
class Loading:
    """One resolution under one environment.

    Attributes:
        faults: what is wrong with the files, beyond what the schema says.
        references: every variable that was asked for.
        substituted: each document of each file after substitution, for the schema.
        used: YAML files that were read, in order.
        included: those of them whose services all count; of the others, some service is extended.
    """

    texts: Texts
    faults: list[Finding] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    substituted: list[Node] = field(default_factory=list)
    used: list[str] = field(default_factory=list)
    included: list[str] = field(default_factory=list)
    _read: dict[tuple[str, str, frozenset[tuple[str, str]]], Node] = field(default_factory=dict)

    def load(
        self, path: str, environment: Mapping[str, str], base: str | None = None, trail: tuple[str, ...] = ()
    ) -> Node:
        """The merged tree of a file and all that it includes."""
        base = posixpath.dirname(path) if base is None else base
        self.included.append(path)
        tree = self._documents(path, environment, base)
        below = Node({}, path, 1)
        for index, item in enumerate(tree.get("include").items):
            included = self._include(item, f"include[{index}]", path, environment, (*trail, path))
            below = merged(below, included)
        services = tree.get("services")
        if services.mapping:
            extended = (self._extended(name, services, path, environment, ()) for name in services.mapping)
            whole = {name: with_defaults(one, base) for name, one in zip(services.mapping, extended, strict=True)}
            tree = tree.of({**tree.mapping, "services": services.of(whole)})
        return merged(below, tree.of({key: node for key, node in tree.mapping.items() if key != "include"}))

    def _documents(self, path: str, environment: Mapping[str, str], base: str) -> Node:
        key = path, base, frozenset(environment.items())
        if key not in self._read:
            self._read[key] = self._substituted(path, environment, base)
        return self._read[key]

    def _substituted(self, path: str, environment: Mapping[str, str], base: str) -> Node:
        parsed = self.texts.parse(path)
        if path not in self.used:
            self.used.append(path)
            self.faults += parsed.faults
        tree = Node({}, path, 1)
        for document in parsed.documents:
            if not isinstance(document.value, dict):
                if document.value is not None:
                    self.faults.append(Finding("is no mapping: a Compose file is one", document.place()))
                continue
            interpolation = Interpolation(environment, self.references, self.faults)
            substituted = interpolation.tree(document)
            self.substituted.append(without_resets(substituted))
            tree = merged(tree, canonical_document(substituted, base, self.faults))
        return tree

    def _include(self, item: Node, key: str, path: str, environment: Mapping[str, str], trail: tuple[str, ...]) -> Node:
        paths = item.get("path") if item.mapping else item
        listed = paths.items or [paths]
        folder = posixpath.dirname(path)
        first = resolved(folder, listed[0].text)
        base = resolved(folder, item.get("project_directory").text) if item.get("project_directory").text else None
        base = posixpath.dirname(first) if base is None else base
        env_files = item.get("env_file").items or [item.get("env_file")]
        names = [resolved(folder, node.text) for node in env_files if node.text] or [resolved(base, ".env")]
        known: dict[str, str] = {}
        for name in names:
            text = self.texts.read(name).text
            known |= {one.name: one.value for one in assignments(text, environment) if one.value is not None}
        tree = Node({}, path, item.line)
        for node in listed:
            target = resolved(folder, node.text)
            if self._may_follow(target, node, key, trail):
                tree = merged(tree, self.load(target, {**known, **environment}, base, trail))
        return tree

    def _may_follow(self, target: str, node: Node, key: str, trail: tuple[str, ...]) -> bool:
        what = ""
        if is_remote(node.text):
            what = f"{node.text} is remote and is not fetched"
        elif target in trail:
            what = f"{target} is read in a circle: {' → '.join((*trail, target))}"
        elif len(self.included) >= MOST_FILES:
            what = f"{target} is not read: more than {MOST_FILES} files lead to each other"
        elif not (document := self.texts.read(target)):
            what = f"{target} {document.absent}"
        if what:
            self.faults.append(Finding(what, node.place(key)))
        return not what

    def _extended(
        self,
        name: str,
        services: Node,
        path: str,
        environment: Mapping[str, str],
        trail: tuple[str, ...],
    ) -> Node:
        """A service over the service that it extends."""
        service = services.get(name)
        extends = service.get("extends")
        if not extends.mapping:
            return service
        own = service.of({key: node for key, node in service.mapping.items() if key != "extends"})
        base, where, key = extends.get("service").text, extends.get("file").text or path, f"services.{name}.extends"
        mark = f"{where}:{base}"
        if mark in trail:
            self.faults.append(Finding(f"extends itself: {' → '.join((*trail, mark))}", extends.place(key)))
            return own
        others = services
        if where != path:
            if not self._may_follow(where, extends.get("file"), key, ()):
                return own
            others = self._documents(where, environment, posixpath.dirname(where)).get("services")
        if base not in others.mapping:
            what = f"extends {base!r}, which is no service of {where}"
            self.faults.append(Finding(what, extends.place(key)))
            return own
        below = self._extended(base, others, where, environment, (*trail, mark))
        return merged(below, own, ("services", name))


def absent_entry(document: Document) -> Finding:
    """The finding for an entry file that cannot be read."""
    return document.absence("write it, or move it there")


def empty_entry(path: str) -> Finding:
    """The finding for a file in which nothing stands."""
    return Finding("is empty", Place(path, 1), "declare the services of the blueprint")
