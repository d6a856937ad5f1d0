"""DOC-005: what the documentation names is there, in the tree, in the Compose file or in what the charts render."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from posixpath import normpath

from blueprint.charts import Charts
from blueprint.compose import ComposeModel
from blueprint.documents import Document
from blueprint.evidence import Finding, Findings, Place
from blueprint.markdown_page import MarkdownPage, read_page
from blueprint.naming import Name, Named, is_path, names_in
from blueprint.rules.links import Tree
from blueprint.rules.plain_credentials import by_name
from blueprint.rules.workflow_names import Mention, Surroundings, missing_name
from blueprint.shell import Command, commands

PATTERNS = ("README.md", "docs/**/*.md")
"""The pages that are held to it, in the subject's glob."""
_SHELLS = frozenset({"bash", "sh", "shell", "console", "zsh", "shell-session"})
_PORT = re.compile(r"(?:localhost|127\.0\.0\.1):(\d{2,5})\b")
_PROFILES = re.compile(r"COMPOSE_PROFILES=[\"']?([\w,*-]+)")
_FORWARD = re.compile(r"port-forward\b[^\n`]*?\s(\d{2,5}):\d+")
_OBJECT = re.compile(
    r"(?P<kind>svc|services?|deploy(?:ments?)?|sts|statefulsets?|ds|daemonsets?|jobs?|cronjobs?|cm|configmaps?)"
    r"/(?P<name>[a-z0-9][a-z0-9.-]*)"
)
_KINDS = {"svc": "service", "deploy": "deployment", "sts": "statefulset", "ds": "daemonset", "cm": "configmap"}
_WITH_VALUE = frozenset(
    (
        *(
            "-f",
            "--file",
            "-p",
            "--project-name",
            "--project-directory",
            "--env-file",
            "--ansi",
            "--progress",
            "--tail",
        ),
        *("-n", "--since", "--until", "-t", "--timeout", "-e", "--env", "-u", "--user", "-w", "--workdir", "--index"),
        *("--scale", "--profile"),
    )
)
_TAKE_SERVICES = frozenset(
    (
        *("up", "stop", "start", "restart", "kill", "logs", "ps", "pull", "build", "rm", "pause", "unpause", "top"),
        *("create", "events", "images"),
    )
)
_TAKE_ONE = frozenset({"exec", "run", "port", "attach", "cp"})
_PLACEHOLDER = re.compile(r"<[^>]*>|\$\{?\w+\}?|\*+")


@dataclass(frozen=True, slots=True)
class Deployment:
    """What pages can name beside files.

    Attributes:
        services: of the Compose file.
        profiles: of the Compose file.
        ports: that it publishes on the host.
        objects: what the charts render, as ``kind/name``.
        renders: the names of the renders that these come from.
    """

    services: frozenset[str]
    profiles: frozenset[str]
    ports: frozenset[int]
    objects: frozenset[str]
    renders: frozenset[str] = frozenset()


def unknown_names(
    documents: Sequence[Document], around: Surroundings, deployed: Deployment, population: Iterable[str]
) -> Findings:
    """Paths, commands, sessions, services, profiles, ports and objects that pages name and that are not there."""
    found = [document.absence() for document in documents if not document]
    count = 0
    for document in documents:
        page = read_page(document.text) if document else MarkdownPage()
        found += [Finding(page.refused, Place(document.path))] if page.refused else []
        for mention in mentions(document.path, document.text, page, around.tree):
            count += 1
            if finding := _unknown(mention, around, deployed, document.text):
                found.append(finding)
    observed = f"{count} names on {len(documents)} pages are there"
    examined = [*(document.path for document in documents), *deployed.renders]
    return Findings.of(examined, population, dict.fromkeys(found), observed)


def deployment(model: ComposeModel, charts: Charts) -> Deployment:
    """What a Compose file runs and publishes, and what both charts render for the environments."""
    ports = {port for s in model.services.values() for each in s.ports for port in range(each.first, each.last + 1)}
    things = (each for render in charts.renders if render.values for each in render.objects)
    objects = frozenset(f"{each.kind.casefold()}/{each.name}" for each in things)
    return Deployment(frozenset(model.services), model.profiles, frozenset(ports), objects, frozenset(by_name(charts)))


def names_on(document: Document, tree: Tree) -> Iterator[Name]:
    """What a page names."""
    if document:
        page = read_page(document.text)
        yield from (mention.name for mention in mentions(document.path, document.text, page, tree))


def mentions(path: str, text: str, page: MarkdownPage, tree: Tree) -> Iterator[Mention]:
    """What a page names, with its line."""
    tops = frozenset(each.partition("/")[0] for each in tree.paths)
    named = Named()
    for block in page.code:
        if block.language in _SHELLS:
            yield from _in_shell(path, block.text, block.line, tops, named)
    for span in page.spans:
        if len(span.target.split()) > 1:
            yield from _in_shell(path, span.target, span.line, tops, named)
        elif _PLACEHOLDER.search(span.target) and span.target.partition("/")[0] in tops:
            yield Mention(Name("pattern", span.target, 0), Place(path, span.line, span.target))
        elif is_path(span.target, tops) and span.target.partition("/")[0] in tops:
            yield Mention(Name("path", normpath(span.target), 0), Place(path, span.line, span.target))
    for number, line in enumerate(text.split("\n"), 1):
        for port in _PORT.findall(line):
            yield Mention(Name("port", port, 0), Place(path, number, port))
        for profile in (each for names in _PROFILES.findall(line) for each in names.split(",")):
            yield Mention(Name("profile", profile, 0), Place(path, number, profile))


def _in_shell(path: str, text: str, line: int, tops: frozenset[str], named: Named) -> Iterator[Mention]:
    found, before = commands(re.sub(r"^\$ ", "", text, flags=re.MULTILINE)), len(named.names)
    names_in(found, ".", tops, named)
    names = [*named.names[before:], *(name for command in found for name in _of_command(command))]
    for name in names:
        is_made = name.kind == "path" and any(f"{name.text}/".startswith(f"{made}/") for made in named.made)
        if not is_made and name.text not in named.installed:
            yield Mention(name, Place(path, line + name.line, name.text))


def _of_command(command: Command) -> Iterator[Name]:
    words = command.words
    if words[:2] == ["docker", "compose"] or words[:1] == ["docker-compose"]:
        yield from (
            Name("service", name, command.line) for name in _services(words[2 if words[0] == "docker" else 1 :])
        )
    if words[:1] == ["kubectl"]:
        for word in words:
            if found := _OBJECT.fullmatch(word):
                kind = _KINDS.get(found["kind"], found["kind"].removesuffix("s"))
                yield Name("object", f"{kind}/{found['name']}", command.line)


def _services(words: Sequence[str]) -> list[str]:
    """The services that a Compose command names."""
    plain: list[str] = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word.startswith("-"):
            skip = word in _WITH_VALUE and not (word == "-f" and plain)  # logs -f follows
        else:
            plain.append(word)
    command, arguments = (plain[0], plain[1:]) if plain else ("", [])
    taken = arguments if command in _TAKE_SERVICES else arguments[:1] if command in _TAKE_ONE else []
    return [word.partition(":")[0] for word in taken if re.fullmatch(r"[a-z0-9][\w.-]*(:.*)?", word)]


def _unknown(mention: Mention, around: Surroundings, deployed: Deployment, text: str) -> Finding | None:
    kind, name, place = mention.name.kind, mention.name.text, mention.place
    match kind:
        case "pattern":
            glob = _PLACEHOLDER.sub("*", name).rstrip("/")
            is_there = any(fnmatchcase(path, glob) for path in around.tree.paths)
            return None if is_there else Finding(f"nothing in the tree has a name like {name}", place)
        case "port":
            forwarded = {int(port) for port in _FORWARD.findall(text)}
            is_there = int(name) in deployed.ports | forwarded
            return None if is_there else Finding(f"nothing publishes port {name} on the host", place)
        case "service":
            return _not_among(name, deployed.services, "service of the Compose file", place)
        case "profile":
            return None if name == "*" else _not_among(name, deployed.profiles, "profile of the Compose file", place)
        case "object":
            return _not_among(name, deployed.objects, "object that a chart renders", place)
    return missing_name(mention, around)


def _not_among(name: str, known: frozenset[str], what: str, place: Place) -> Finding | None:
    if name in known:
        return None
    near = get_close_matches(name, sorted(known), n=1)
    return Finding(f"{name} is no {what}" + (f"; the nearest is {near[0]}" if near else ""), place)
