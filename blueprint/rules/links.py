"""DOC-003: no link, anchor or entry of the navigation leads nowhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from posixpath import normpath
from urllib.parse import unquote

from blueprint.compose.nodes import Node
from blueprint.compose.reading import read_yaml
from blueprint.documents import Document
from blueprint.evidence import Finding, Findings, Place
from blueprint.markdown_page import Link, MarkdownPage, read_page

SITE = "mkdocs.yml"
PATTERNS = ("*.md", "docs/**/*.md", "infra/**/*.md")
"""Where the documentation is, in the subject's glob."""
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:|//")


@dataclass(frozen=True, slots=True)
class Tree:
    """What there is to link to.

    Attributes:
        paths: every file and every directory of the subject.
        nearest: the most similar of them, empty where nothing comes close.
    """

    paths: Collection[str]
    nearest: Callable[[str], str]


def dead_links(documents: Sequence[Document], site: Document, tree: Tree, population: Collection[str]) -> Findings:
    """Every relative link of every page, and every entry of the site's navigation, leads to what is there.

    Args:
        documents: the pages.
        site: the settings of the MkDocs site.
        tree: what can be linked to.
        population: the paths of the pages there are.
    """
    pages = {document.path: read_page(document.text) for document in documents if document}
    found = [document.absence() for document in documents if not document]
    found += [Finding(page.refused, Place(path)) for path, page in pages.items() if page.refused]
    navigation, folder, offences = _navigation(site)
    found += offences
    links = _Links(pages, tree, folder if site else "")
    count = 0
    for path, page in pages.items():
        count += len(page.links)
        found += [finding for link in page.links if (finding := links.offence(path, link))]
    found += [finding for node in navigation if (finding := _dead_entry(node, folder, tree))]
    observed = f"{count} links on {len(pages)} pages and {len(navigation)} entries of the navigation lead somewhere"
    return Findings.of(
        [*(document.path for document in documents), site.path], [*population, site.path], found, observed
    )


def unbuilt_site(exit_code: int, said: Sequence[str]) -> Findings:
    """MkDocs builds the site, and warns of nothing."""
    name = "the site, built strictly"
    warned = [line.partition("-")[2].strip() or line for line in said if line.startswith(("WARNING", "ERROR"))]
    if exit_code and not warned:
        warned = [f"MkDocs ended with exit code {exit_code}: {' '.join(said[-1:])}"]
    found = [Finding(f"MkDocs: {line}", Place(SITE), "mkdocs build --strict") for line in warned]
    return Findings.of([name], [name], found, "MkDocs builds the site strictly")


@dataclass(frozen=True, slots=True)
class _Links:
    pages: Mapping[str, MarkdownPage]
    tree: Tree
    site: str

    def offence(self, path: str, link: Link) -> Finding | None:
        """What is wrong with a link on a page; None where it leads somewhere, or out of the checkout's world."""
        if _SCHEME.match(link.target):
            return None
        place = Place(path, link.line, link.target)
        written, _, anchor = link.target.partition("#")
        named = unquote(written.partition("?")[0])
        if not named:
            return self._dead_anchor(path, unquote(anchor), place) if anchor else Finding("the link is empty", place)
        target = _resolved(path, named)
        if target == ".." or target.startswith("../"):
            return Finding("the link leads out of the checkout", place)
        if target not in self.tree.paths:
            return _dead(named, target, self.tree, place)
        if self._leaves_the_site(path, target):
            what = f"{target} is no page of the site, so the link is dead there"
            return Finding(what, place, f"move it below {self.site}/, or name it without a link")
        return self._dead_anchor(target, unquote(anchor), place) if anchor else None

    def _leaves_the_site(self, path: str, target: str) -> bool:
        folder = f"{self.site}/"
        return bool(self.site) and path.startswith(folder) and not f"{target}/".startswith(folder)

    def _dead_anchor(self, target: str, anchor: str, place: Place) -> Finding | None:
        page = self.pages.get(target)
        if page is None or page.refused or anchor in page.anchors or anchor == "top":
            return None
        from difflib import get_close_matches

        near = get_close_matches(anchor, sorted(page.anchors), n=1)
        what = f"{target} has no heading #{anchor}"
        return Finding(f"{what}; the nearest is #{near[0]}" if near else what, place)


def _resolved(path: str, named: str) -> str:
    if named.startswith("/"):
        return normpath(named.lstrip("/")) if named.strip("/") else "."
    return normpath(str(PurePosixPath(path).parent / named))


def _dead(named: str, target: str, tree: Tree, place: Place) -> Finding:
    near = tree.nearest(target)
    return Finding(f"{named} is not there" + (f"; the nearest is {near}" if near else ""), place)


def _navigation(site: Document) -> tuple[list[Node], str, list[Finding]]:
    """The entries of the navigation, the folder of the pages, and what is wrong with the settings themselves."""
    if not site:
        return [], "docs", [site.absence("describe the site of the documentation: site_name, docs_dir, nav")]
    read = read_yaml(site.text, site.path)
    root = read.documents[0] if read.documents else Node(None, site.path, 1)
    faults = [fault for fault in read.faults if not read.whole]
    folder = root.get("docs_dir").text or "docs"
    return list(_entries(root.get("nav"))), normpath(folder), faults


def _entries(nav: Node) -> Iterator[Node]:
    for item in nav.items:
        if item.mapping:
            for value in item.mapping.values():
                yield from _entries(value) if value.items else [value]
        else:
            yield item


def _dead_entry(node: Node, folder: str, tree: Tree) -> Finding | None:
    if _SCHEME.match(node.text):
        return None
    target = normpath(f"{folder}/{node.text}")
    return (
        None if target in tree.paths and node.text else _dead(node.text or "an entry", target, tree, node.place("nav"))
    )
