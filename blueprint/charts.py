"""Helm charts as the rules are given them: their files, and what helm made of them with each values file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml

from blueprint.documents import NOT_THERE, Document
from blueprint.evidence import Place
from blueprint.kubernetes_schema import Complaint, complaints

if TYPE_CHECKING:
    from collections.abc import Hashable

    from blueprint.values_files import ValuesFile

Body: TypeAlias = dict[str, Any]

FOLDER = "infra/helm"
SIZING = f"{FOLDER}/values-kind-sizing.yaml"
"""The overlay that sizes staging and prod down to a small machine; the last ``-f``."""
INFRA, STACK = "soma-infra", "soma-stack"
CHARTS = {INFRA: "infra", STACK: "stack"}
"""The charts of the blueprint, and the key of the values that each reads besides ``global``."""
ENVIRONMENTS = ("dev", "staging", "prod")
NONE = ""
"""Stands for no values file at all."""
WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet"})
PODS = WORKLOADS | {"Job", "CronJob", "Pod"}

LARGEST = 1024 * 1024
MOST_ALIASES = 200
"""Bounds of one document: what Kubernetes itself would not store, and aliases that multiply."""

_ALIAS = re.compile(r"(?:^|[\s,\[{:-])\*[\w.-]+", re.MULTILINE)
_DOCUMENT = re.compile(r"^---[ \t]*(?:#.*)?\n", re.MULTILINE)
_SOURCE = re.compile(r"^# Source: (\S+)\n", re.MULTILINE)
_KIND = re.compile(r"^kind:[ \t]*[\"']?([A-Za-z]+)", re.MULTILINE)
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Strict(_LOADER):  # type: ignore[misc] # which of the two it is depends on the build of PyYAML
    """Refuses a key that stands twice, which YAML's own loaders take for the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """As its parent, with every key once."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"{key.value} stands twice", key.start_mark)
                seen.add(key.value)
        made: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return made


@dataclass(frozen=True, slots=True)
class Rendered:
    """One document that helm rendered.

    Attributes:
        chart, values: of which chart, with which values file.
        source: path of its template in the subject.
        number: its place among those of its kind in this render.
        body: the object; empty where it is none.
        fault: why it is none, in words that follow "the document"; empty where it is one.
        complaints: what the schema of its kind says against it.
    """

    chart: str
    values: str
    source: str
    number: int
    body: Body = field(compare=False)
    fault: str = ""
    complaints: tuple[Complaint, ...] = ()

    @property
    def is_readable(self) -> bool:
        """Whether every field has the type that it must have, so that a rule can read it."""
        return not self.fault and not any(each.is_shape for each in self.complaints)

    @property
    def kind(self) -> str:
        """Of the object; empty where it has none."""
        return str(self.body.get("kind") or "")

    @property
    def name(self) -> str:
        """Of the object."""
        return str(at(self.body, "metadata", "name") or "")

    @property
    def label(self) -> str:
        """How it is told from every other of all renders."""
        return f"{shown(self.chart, self.values)} {self.kind} {self.number}"

    def place(self, key: str = "", *sought: str) -> Place:
        """Its template, and what of which object of which render is meant; ``sought`` leads to who wrote it."""
        where = f"{self.kind}/{self.name}" if self.kind else "document"
        told = " ".join(part for part in (f"[{self.values or 'no values'}] {where}", key) if part)
        return Place(self.source, 0, told, sought)

    @property
    def is_hook(self) -> bool:
        """Whether helm treats it apart from the release: a Job before or after, a test."""
        return "helm.sh/hook" in (at(self.body, "metadata", "annotations") or {})

    @property
    def pod(self) -> Body:
        """The template of its pods, with metadata and spec; empty where it makes none."""
        if self.kind == "Pod":
            return self.body
        way = ("spec", "jobTemplate", "spec", "template") if self.kind == "CronJob" else ("spec", "template")
        found = at(self.body, *way) if self.kind in PODS else None
        return found if isinstance(found, dict) else {}

    @property
    def pod_labels(self) -> Mapping[str, str]:
        """By which its pods are selected."""
        found = at(self.pod, "metadata", "labels")
        return found if isinstance(found, dict) else {}

    def containers(self, *, init: bool = True) -> Iterator[tuple[str, Body]]:
        """Its containers with the path of each, those that run before the others too."""
        spec = at(self.pod, "spec") or {}
        for key in ("initContainers", "containers") if init else ("containers",):
            for container in spec.get(key) or ():
                if isinstance(container, dict):
                    yield f"{key}[{container.get('name', '')}]", container


@dataclass(frozen=True)
class Render:
    """What helm said of one chart with one values file.

    Attributes:
        chart, values: which.
        exit_code: of ``helm template``; 0 where it rendered.
        text: what it rendered.
        said: what it said on standard error.
    """

    chart: str
    values: str
    exit_code: int
    text: str
    said: str

    @cached_property
    def documents(self) -> tuple[Rendered, ...]:
        """Every document, in order."""
        return tuple(self._read())

    @cached_property
    def objects(self) -> tuple[Rendered, ...]:
        """Those that are objects, and whose fields can be read; the others are HLM-003's to tell."""
        return tuple(each for each in self.documents if each.is_readable)

    @cached_property
    def population(self) -> frozenset[str]:
        """The labels of its objects by a second path: the lines that name a kind, read as text."""
        counts: dict[str, int] = {}
        labels = set()
        for kind in _KIND.findall(self.text):
            counts[kind] = counts.get(kind, 0) + 1
            labels.add(f"{shown(self.chart, self.values)} {kind} {counts[kind]}")
        return frozenset(labels)

    def of_kind(self, *kinds: str) -> Iterator[Rendered]:
        """The objects of some kinds."""
        return (each for each in self.objects if each.kind in kinds)

    def _read(self) -> Iterator[Rendered]:
        counts: dict[str, int] = {}
        source = ""
        for text in _DOCUMENT.split(self.text):
            if found := _SOURCE.search(text):
                source = f"{FOLDER}/{found[1]}"
            if not text.strip():
                continue
            body, fault, against = _object(text)
            kind = str(body.get("kind") or "")
            counts[kind] = counts.get(kind, 0) + 1
            yield Rendered(self.chart, self.values, source, counts[kind], body, fault, against)


@cache
def _object(text: str) -> tuple[Body, str, tuple[Complaint, ...]]:
    """The object of a document, why it is none, what is against it; the same text comes with several values files."""
    if len(text) > LARGEST or len(_ALIAS.findall(text)) > MOST_ALIASES:
        return {}, "is too large to be read, or says too much by aliases", ()
    try:
        found = yaml.load(text, Loader=_Strict)  # noqa: S506 - derived from the safe one
        plain = json.loads(json.dumps(found, default=str))
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
        problem = getattr(error, "problem", "") or str(error)
        many = " (two objects without --- between them)" if len(_KIND.findall(text)) > 1 else ""
        return {}, f"is not YAML: {problem}{many}", ()
    if plain is None:
        return {}, "is empty", ()
    if not isinstance(plain, dict) or not plain.get("kind") or not plain.get("apiVersion"):
        return {}, "is no object with apiVersion and kind", ()
    return plain, "", complaints(plain)


@dataclass(frozen=True)
class Charts:
    """Both charts of a subject.

    Attributes:
        texts: every file below infra/helm, by path, and the values files that must be there.
        renders: each chart with each values file, and with none.
        lints: the same for ``helm lint --strict``: exit code and what it said.
        off: soma-infra with what can be switched off switched off; None where nothing can.
        nudged: a chart with no values file and one setting of one component changed, by chart.
        drifted: the file that stands for the values of an environment under another name, by chart and environment.
    """

    texts: Mapping[str, Document]
    renders: tuple[Render, ...]
    lints: Mapping[tuple[str, str], tuple[int, str]]
    off: Render | None = None
    nudged: Mapping[str, Render] = field(default_factory=dict)
    drifted: Mapping[tuple[str, str], ValuesFile] = field(default_factory=dict)

    def render(self, chart: str, values: str) -> Render:
        """One of them."""
        return next(each for each in self.renders if (each.chart, each.values) == (chart, values))

    def installed(self, values: str) -> list[Rendered]:
        """The objects of both charts, which share a namespace."""
        return [thing for each in self.renders if each.values == values for thing in each.objects]

    def values_path(self, chart: str, environment: str) -> str:
        """The values file that a chart is rendered with for an environment."""
        found = self.drifted.get((chart, environment))
        return found.path if found else values_file(environment)

    def document(self, path: str) -> Document:
        """A file below infra/helm; one that is not there says so."""
        found = self.texts.get(path)
        return Document(path, absent=NOT_THERE) if found is None else found


def shown(chart: str, values: str) -> str:
    """How a render is named to a reader."""
    return f"{chart}[{values or 'no values'}]"


def values_file(environment: str) -> str:
    """The path of the values of an environment."""
    return f"{FOLDER}/values-{environment}.yaml"


def at(body: Any, *way: str) -> Any:  # noqa: ANN401 - rendered objects have the shape of whatever was written
    """What stands at a path of keys; None where the path ends before."""
    for key in way:
        if not isinstance(body, dict):
            return None
        body = body.get(key)
    return body
