"""What a Compose file means: its services, and what runs under each selection of profiles."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from pathlib import PurePosixPath

from blueprint.compose.env_files import assignments
from blueprint.compose.interpolation import Reference
from blueprint.compose.loading import Loading, Texts, absent_entry, empty_entry
from blueprint.compose.nodes import Node
from blueprint.compose.outline import Outline, outline
from blueprint.compose.paths import is_remote, resolved
from blueprint.compose.schema import schema_faults
from blueprint.compose.service import EnvFile, Service
from blueprint.documents import NOT_THERE, Document
from blueprint.evidence import Finding

PROFILES = "COMPOSE_PROFILES"
NO_PROFILE = "no profile"
"""Name of the selection that chooses none."""
MOST_SUBSETS = 6
"""Profiles up to which every subset is a selection; beyond, none, each, each pair, and all are."""
_COMPOSE_NAME = re.compile(r"(^|[/._-])compose([._-][^/]*)?\.ya?ml$", re.IGNORECASE)
_NOT_THE_DEPLOYMENT = re.compile(
    r"(^|/)(tests?|testdata|samples?|examples?|fixtures|vendor|third_party|docs)/", re.IGNORECASE
)
MOST_ENV_FILES = 50
"""Files of variables that are looked into; the largest tree meant to be read holds 9."""
_ENV_NAME = re.compile(r"(\.env(\..+)?|.+\.env)", re.IGNORECASE)


@dataclass(frozen=True)
class Project:
    """The file as it stands under one environment.

    Attributes:
        tree: everything, merged and canonical.
        services: by name, whether a selection has them or not.
        references: the variables that were asked for.
        faults: what is wrong with the files.
        files: YAML files that it was read from.
        included: those of them whose services all belong to it.
    """

    tree: Node
    services: Mapping[str, Service]
    references: tuple[Reference, ...]
    faults: tuple[Finding, ...]
    files: tuple[str, ...]
    included: tuple[str, ...]

    def __repr__(self) -> str:
        """Short: a failed assertion prints it."""
        return f"Project({', '.join(self.files)}, {len(self.services)} services)"

    def declared(self, kind: str) -> Mapping[str, Node]:
        """Networks, volumes, secrets or configs of the top level."""
        return self.tree.get(kind).mapping


@dataclass(frozen=True)
class Selection:
    """What runs when some profiles are chosen.

    Attributes:
        profiles: the chosen ones.
        project: the file as it stands under them, ``COMPOSE_PROFILES`` substituted.
    """

    profiles: frozenset[str]
    project: Project

    def __repr__(self) -> str:
        """Short: a failed assertion prints it."""
        return f"Selection({self.name})"

    @property
    def name(self) -> str:
        """The profiles, sorted and joined by ``+``."""
        return "+".join(sorted(self.profiles)) or NO_PROFILE

    @cached_property
    def services(self) -> Mapping[str, Service]:
        """The services that run."""
        return {name: service for name, service in self.project.services.items() if service.is_on(self.profiles)}

    @cached_property
    def hosts(self) -> frozenset[str]:
        """Names under which the services that run find each other: their own, their containers', their aliases."""
        return frozenset().union(*(service.hosts for service in self.services.values()))


@dataclass(frozen=True)
class ComposeModel:
    """A Compose file, everything that it leads to, and the files around it.

    Attributes:
        entry: path of the file.
        document: the file as it was read; falsy where it could not be.
        project: as it stands under the environment it was read with.
        selections: as it stands under each selection of profiles.
        faults: everything that is wrong with its form, the schema's findings included; empty for a sound file.
        outline: names counted by a second reader.
        texts: every file that was read, by path.
        others: the other Compose files of the checkout, under the environment alone.
        paths: files of the checkout.
        tracked: those of them that a clone brings.
        env_files: those of them that are files of variables, in the order of their names.
        nearest: paths that look like the file where it is not there.
    """

    entry: str
    document: Document
    project: Project
    selections: tuple[Selection, ...]
    faults: tuple[Finding, ...]
    outline: Outline
    texts: Mapping[str, Document]
    others: Mapping[str, Project] = field(default_factory=dict)
    paths: frozenset[str] = frozenset()
    tracked: frozenset[str] = frozenset()
    env_files: tuple[str, ...] = ()
    nearest: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Short: a failed assertion prints it."""
        return f"ComposeModel({self.entry!r}, {len(self.services)} services, {len(self.faults)} faults)"

    @property
    def services(self) -> Mapping[str, Service]:
        """Every service of every profile."""
        return self.project.services

    @cached_property
    def folders(self) -> frozenset[str]:
        """Directories that a clone brings."""
        return frozenset(str(parent) for path in self.tracked for parent in PurePosixPath(path).parents)

    @cached_property
    def profiles(self) -> frozenset[str]:
        """Every profile that a service names."""
        return frozenset[str]().union(*(service.profiles for service in self.services.values()))

    @property
    def absence(self) -> Finding | None:
        """Why there is nothing to judge, where there is nothing: each rule begins with it."""
        if not self.document:
            near = f"; the nearest are {', '.join(self.nearest)}" if self.nearest else ""
            finding = absent_entry(self.document)
            keep = self.document.nearest or self.document.absent != NOT_THERE or not near
            return finding if keep else Finding(f"is not there{near}", finding.place, finding.remedy)
        if not self.services:
            fault = next(iter(self.faults), None)
            why = f": line {fault.place.line} {fault.what}" if fault else ""
            return Finding(f"declares no service{why}", self.project.tree.place(), "declare those of the blueprint")
        return None


def read_compose(
    files: Callable[[str], Document | str | None],
    entry: str,
    environment: Mapping[str, str],
    *,
    paths: Iterable[str] = (),
    tracked: Iterable[str] | None = None,
) -> ComposeModel:
    """Read a Compose file and all that it leads to. Never raises for anything that stands in a file.

    Args:
        files: text of a path of the checkout, or why there is none.
        entry: path of the Compose file.
        environment: what Compose would find in its environment, ``infra/.env`` included; never that of this process.
        paths: every file of the checkout, those that git ignores too; mounts, contexts and env files are looked for in
            them.
        tracked: those that a clone brings; all of them where it is not known.
    """
    there = frozenset(paths)
    known = there if tracked is None else frozenset(tracked)
    texts = Texts(lambda path: _document(path, files(path)), there - known - {entry})
    base = _project(texts, entry, environment, validate=True)
    others = {
        path: _project(Texts(texts.read), path, environment)
        for path in sorted(known)
        if _COMPOSE_NAME.search(path) and not _NOT_THE_DEPLOYMENT.search(path) and path not in base.files
    }
    document = texts.read(entry)
    empty = document and not any(parsed.value for parsed in texts.parse(entry).documents)
    faults = (empty_entry(entry),) if empty and not base.faults else ()
    env_files = tuple(path for path in _env_files(known) if texts.read(path))
    profiles = sorted({name for service in base.services.values() for name in service.profiles} - {"*"})
    return ComposeModel(
        entry=entry,
        document=document,
        project=base,
        selections=_selections(texts, entry, environment, base, profiles),
        faults=(absent_entry(document),) if not document else faults + base.faults,
        outline=outline([texts.read(path).text for path in base.included if texts.parse(path).whole]),
        texts=dict(texts.documents),
        others=others,
        paths=there,
        tracked=known,
        env_files=env_files,
        nearest=tuple(sorted(others)[:3]),
    )


def _env_files(paths: Iterable[str]) -> list[str]:
    found = sorted(path for path in paths if _ENV_NAME.fullmatch(PurePosixPath(path).name))
    return found[:MOST_ENV_FILES]


def subsets(profiles: Iterable[str]) -> list[frozenset[str]]:
    """Every selection of these profiles; of many, none, each, each pair and all."""
    names = sorted(profiles)
    sizes = range(len(names) + 1) if len(names) <= MOST_SUBSETS else (0, 1, 2, len(names))
    return [frozenset(chosen) for size in sizes for chosen in combinations(names, size)]


def _selections(
    texts: Texts, entry: str, environment: Mapping[str, str], base: Project, profiles: list[str]
) -> tuple[Selection, ...]:
    varies = any(PROFILES in document.text for document in texts.documents.values())

    def under(chosen: frozenset[str]) -> Project:
        return _project(texts, entry, {**environment, PROFILES: ",".join(sorted(chosen))}) if varies else base

    return tuple(Selection(chosen, under(chosen)) for chosen in subsets(profiles))


def _document(path: str, read: Document | str | None) -> Document:
    if isinstance(read, Document):
        return read
    return Document(path, read) if read is not None else Document(path, absent=NOT_THERE)


def _project(texts: Texts, entry: str, environment: Mapping[str, str], *, validate: bool = False) -> Project:
    loading = Loading(texts)
    tree = loading.load(entry, environment)
    name = environment.get("COMPOSE_PROJECT_NAME") or tree.get("name").text
    if name and "COMPOSE_PROJECT_NAME" not in environment and "COMPOSE_PROJECT_NAME" in texts.read(entry).text:
        return _project(texts, entry, {**environment, "COMPOSE_PROJECT_NAME": name}, validate=validate)
    schema = [fault for document in loading.substituted for fault in schema_faults(document)] if validate else []
    services = {
        name: _service(texts, name, node, environment)
        for name, node in tree.get("services").mapping.items()
        if isinstance(node.value, dict)
    }
    faults = tuple(dict.fromkeys([*loading.faults, *schema]))
    return Project(tree, services, tuple(loading.references), faults, tuple(loading.used), tuple(loading.included))


def dockerfile_of(service: Node) -> str:
    """Path of the Dockerfile that a service is built from; empty where none in the checkout is named."""
    build = service.get("build")
    context = build.get("context").text
    if not context or is_remote(context) or build.get("dockerfile_inline").text:
        return ""
    return resolved(context, build.get("dockerfile").text or "Dockerfile")


def _service(texts: Texts, name: str, node: Node, environment: Mapping[str, str]) -> Service:
    variables: dict[str, Node] = {}
    env_files = []
    if dockerfile := dockerfile_of(node):
        texts.read(dockerfile)
    for index, item in enumerate(node.get("env_file").items):
        path = item.get("path").text
        document = texts.read(path)
        place = item.place(f"services.{name}.env_file[{index}]")
        env_files.append(EnvFile(path, item.get("required").text != "false", document.absent, place))
        raw = item.get("format").text == "raw"
        for one in assignments(document.text, environment, raw=raw):
            variables[one.name] = Node(one.value, path, one.line)
    for variable, value in node.get("environment").mapping.items():
        kept = environment.get(variable) if value.value is None else value.text
        variables[variable] = value.of(kept)
    return Service(name, node, variables, tuple(env_files))
