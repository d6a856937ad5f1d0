"""The names that the blueprint gives to the parts of the local environment, and the spellings that drift from them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from blueprint.compose import ComposeModel
from blueprint.evidence import Finding, Findings

ENTRY = "infra/docker-compose.somaagent01.yaml"
MEMBERS: dict[str, tuple[str, ...]] = {
    "default": ("gateway", "ui", "conversation_worker", "memory_service", "tool_executor"),
    "vectorstore": ("qdrant", "pgvector"),
    "observability": ("prometheus", "grafana", "loki"),
    "kafka": ("kafka", "schema-registry"),
}
OPTIONAL = frozenset({"loki"})
GATEWAY_PORT = 8010

_PREFIXES = ("somaagent01", "somaagent", "somastack", "sa01", "soma")
_SEPARATORS = re.compile(r"[^a-z0-9]+")


def bare(name: str) -> str:
    """A name without what spellings differ in: case, separators, and the project's prefix."""
    plain = _SEPARATORS.sub("", name.casefold())
    for prefix in _PREFIXES:
        if plain.startswith(prefix) and len(plain) > len(prefix):
            return plain.removeprefix(prefix)
    return plain


def drifted(expected: str, names: Iterable[str]) -> str:
    """The name that stands for an expected one in another spelling; empty where there is none."""
    return next((name for name in names if name != expected and bare(name) == bare(expected)), "")


def nothing_to_judge(model: ComposeModel) -> Findings | None:
    """The conclusion of every rule where there is no service to look at."""
    return Findings.of((), (), (model.absence,)) if model.absence else None


def counted(number: int, noun: str) -> str:
    """``1 service``, ``12 services``."""
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun[:-1]}ies" if noun.endswith("y") else f"{number} {noun}s"


def share(good: int, number: int, noun: str) -> str:
    """``12 services`` where all are good, ``11 of 12 services`` where one is not."""
    return counted(number, noun) if good == number else f"{good} of {counted(number, noun)}"


def listed(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings without repeats, in their order."""
    return tuple(dict.fromkeys(findings))
