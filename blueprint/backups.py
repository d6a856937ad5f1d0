"""What backs up, restores and watches a store of state: found by names, in rendered objects and files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from blueprint.charts import FOLDER, Rendered, at
from blueprint.compose.nodes import Node
from blueprint.compose.reading import read_yaml
from blueprint.documents import Document
from blueprint.evidence import Place

BACKUP = f"{FOLDER}/soma-infra/backup"
"""Where backups are documented, and kept as far as they are no template."""
STORES: Mapping[str, frozenset[str]] = {
    "redis": frozenset({"redis", "valkey"}),
    "kafka": frozenset({"kafka"}),
    "qdrant": frozenset({"qdrant"}),
    "pgvector": frozenset({"pgvector", "postgres", "postgresql"}),
    "etcd": frozenset({"etcd"}),
    "vault": frozenset({"vault", "openbao", "bao"}),
    "auth": frozenset({"auth", "keycloak"}),
}
"""The stores of the blueprint, and the words by which they are called."""
_BACKS_UP = frozenset({"backup", "backups", "snapshot", "snapshots"})
_RESTORES = frozenset({"restore", "restores"})
_WORD = re.compile(r"[a-z0-9]+")
_HEADING = re.compile(r"^(#+)\s+(.*)$")
_THRESHOLD = re.compile(r">=?\s*(\d+(?:\.\d+)?(?:\s*\*\s*\d+(?:\.\d+)?)*)\s*$")
_DURATION = re.compile(r"(\d+)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def names(store: str, text: str) -> bool:
    """Whether a text calls a store by one of its words."""
    return bool(STORES[store] & set(_WORD.findall(text.casefold())))


def backs_up(store: str, thing: Rendered) -> bool:
    """Whether an object makes backups of a store, by its name."""
    return "schedule" in (at(thing.body, "spec") or {}) and _is_for(store, thing.name, _BACKS_UP)


def restores(store: str, things: Iterable[Rendered], texts: Mapping[str, Document]) -> bool:
    """Whether an object, a key of a ConfigMap or a script in the folder of backups restores a store, by its name."""
    told = [thing.name for thing in things if thing.kind in {"Job", "CronJob"}]
    told += [key for thing in things if thing.kind == "ConfigMap" for key in at(thing.body, "data") or {}]
    told += [PurePosixPath(path).name for path in texts if path.startswith(f"{BACKUP}/") and not path.endswith(".md")]
    return any(_is_for(store, name, _RESTORES) for name in told)


def _is_for(store: str, name: str, what: frozenset[str]) -> bool:
    words = set(_WORD.findall(name.casefold()))
    return bool(words & what and words & STORES[store])


def sections(page: Document) -> Iterator[tuple[str, str, Place]]:
    """The heading, text and place of every section of a page; what stands in a block of code is no heading."""
    heading, line, text, fenced = "", 1, "", False
    for number, each in enumerate(page.text.splitlines(), 1):
        fenced ^= each.lstrip().startswith(("```", "~~~"))
        if (found := _HEADING.match(each)) and not fenced:
            yield heading, text, Place(page.path, line)
            heading, line, text = found[2], number, ""
        else:
            text += f"{each}\n"
    yield heading, text, Place(page.path, line)


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert on the age of backups.

    Attributes:
        expression: what it asks.
        seconds: the age at which it fires, its ``for`` included; None where no threshold can be read.
        place: where it stands.
    """

    expression: str
    seconds: float | None
    place: Place

    def watches(self, store: str) -> bool:
        """Whether a backup of a store can make it fire: it names that store, or none."""
        named = [each for each in STORES if names(each, self.expression)]
        return not named or store in named


def backup_alerts(things: Sequence[Rendered], files: Iterable[Document]) -> Iterator[Alert]:
    """The alerts on backups, in rendered ConfigMaps and in files of rules."""
    for thing in things:
        for key, text in (at(thing.body, "data") or {}).items() if thing.kind == "ConfigMap" else ():
            yield from _alerts(str(text), thing.place(f"data.{key}"))
        if thing.kind == "PrometheusRule":
            yield from _alerts(json.dumps(thing.body.get("spec")), thing.place("spec"))
    for file in files:
        yield from _alerts(file.text, Place(file.path))


def _alerts(text: str, place: Place) -> Iterator[Alert]:
    if "alert" not in text or "backup" not in text:
        return
    for root in read_yaml(text, place.file).documents:
        for group in root.get("groups").items:
            for rule in group.get("rules").items:
                expression = rule.get("expr").text
                if rule.get("alert").text and _BACKS_UP & set(_WORD.findall(re.sub("_", " ", expression.casefold()))):
                    yield Alert(expression, _fires_after(expression, rule), place if place.key else rule.place())


def _fires_after(expression: str, rule: Node) -> float | None:
    found = _THRESHOLD.search(expression.strip())
    if not found:
        return None
    seconds = 1.0
    for factor in found[1].split("*"):
        seconds *= float(factor)
    return seconds + sum(int(count) * _SECONDS[unit] for count, unit in _DURATION.findall(rule.get("for").text))
