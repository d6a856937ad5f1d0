"""CHG-004: Chart.yaml, the values files and the packages agree on versions and on the tags of images."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from blueprint.compose.nodes import Node
from blueprint.compose.reading import read_yaml
from blueprint.documents import Document
from blueprint.evidence import Finding, Findings, Place
from blueprint.versions import read_version

OWN = frozenset({"gateway", "ui", "conversationworker", "memoryservice", "toolexecutor"})
"""The services of the blueprint, spelled without what joins their words: their images are released with the charts."""
VALUES = ("infra/helm/values-*.yaml", "infra/helm/*/values*.yaml")
PACKAGES = ("infra/**/*.tgz",)
"""Where values and packages are, in the subject's glob. What a chart vendors lies deeper, in its charts/."""
_IMAGE = re.compile(r"(?P<repository>[\w./:-]*?[\w.-]+):(?P<tag>[\w][\w.-]*)(?:@sha256:[0-9a-f]{64})?")
_PACKAGE = re.compile(r"(?P<chart>[a-z0-9-]+?)-(?P<version>v?\d+\.\d+.*)\.tgz")


@dataclass(frozen=True, slots=True)
class _Image:
    repository: str
    tag: str
    place: Place


def disagreeing_versions(
    charts: Sequence[Document], values: Sequence[Document], packages: Sequence[str], population: Iterable[str]
) -> Findings:
    """Versions have their form; our images carry the version of the release; one image has one tag; packages fit.

    Args:
        charts: the Chart.yaml files.
        values: the values files, those that must be there too.
        packages: paths of the packages in the tree.
        population: the paths of all of these, counted by a second path.
    """
    found = [document.absence() for document in (*charts, *values) if not document]
    read = {document.path: read_yaml(document.text, document.path) for document in (*charts, *values) if document}
    found += [fault for each in read.values() for fault in each.faults]
    roots = {path: each.documents[0] if each.documents else Node(None, path, 1) for path, each in read.items()}
    trees = {document.path: roots[document.path] for document in charts if document}
    for tree in trees.values():
        found += _offences_of_chart(tree)
    images = [image for document in values if document for image in _images(roots[document.path], "")]
    found += [*_foreign_tags(images, _released(trees)), *_tags_apart(images), *_unfit(packages, trees)]
    observed = (
        f"{len(trees)} charts, {len(images)} images in {len(values)} values files and {len(packages)} packages agree"
    )
    examined = [*(document.path for document in (*charts, *values)), *packages]
    return Findings.of(examined, population, dict.fromkeys(found), observed)


def _offences_of_chart(tree: Node) -> Iterator[Finding]:
    for key in ("version", "appVersion"):
        text = tree.get(key).text
        if not read_version(text.removeprefix("v") if key == "appVersion" else text):
            yield Finding(f"{key} is no semantic version: {text!r}", tree.get(key).place(key), "write it as x.y.z")


def _released(trees: Mapping[str, Node]) -> str:
    """The version that our images carry: the appVersion of the application's chart."""
    stacks = [tree for path, tree in trees.items() if "stack" in PurePosixPath(path).parent.name]
    return next((tree.get("appVersion").text for tree in stacks), "")


def _images(node: Node, key: str) -> Iterator[_Image]:
    """Images named as one text under ``image``, or as repository and tag."""
    if node.get("repository").text and "tag" in node.mapping:
        yield _Image(node.get("repository").text, node.get("tag").text, node.get("tag").place(f"{key}.tag"))
    for name, child in node.mapping.items():
        path = f"{key}.{name}".lstrip(".")
        found = _IMAGE.fullmatch(child.text) if name.casefold().endswith("image") else None
        if found:
            yield _Image(found["repository"], found["tag"], child.place(path))
        yield from _images(child, path)
    for index, child in enumerate(node.items):
        yield from _images(child, f"{key}[{index}]")


def _is_own(image: _Image) -> bool:
    words = re.sub(r"[_-]", "", image.repository.rpartition("/")[2]).casefold()
    return words in OWN or any(words.endswith(own) for own in OWN if len(own) > len("gateway"))


def _foreign_tags(images: Sequence[_Image], released: str) -> Iterator[Finding]:
    for image in images:
        if _is_own(image) and released and image.tag.removeprefix("v") != released.removeprefix("v"):
            what = f"the tag of {image.repository} is {image.tag!r}, the chart's appVersion is {released}"
            yield Finding(what, image.place, "release both together")


def _tags_apart(images: Sequence[_Image]) -> Iterator[Finding]:
    first: dict[str, _Image] = {}
    for image in images:
        other = first.setdefault(image.repository, image)
        if other.tag != image.tag and not _is_own(image):
            what = f"the tag of {image.repository} is {image.tag!r}, at {other.place} it is {other.tag!r}"
            yield Finding(what, image.place, "use one tag everywhere")


def _unfit(packages: Sequence[str], trees: Mapping[str, Node]) -> Iterator[Finding]:
    versions = {tree.get("name").text: tree.get("version").text for tree in trees.values()}
    for path in packages:
        if "/charts/" in path:
            continue
        form = _PACKAGE.fullmatch(PurePosixPath(path).name)
        expected = versions.get(form["chart"]) if form else None
        if form is None or expected is None:
            yield Finding("is the package of no chart that is here", Place(path), "name it <chart>-<version>.tgz")
        elif form["version"] != expected:
            yield Finding(
                f"packages {form['version']}; the chart's version is {expected}", Place(path), "package it again"
            )
