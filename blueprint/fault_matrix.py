"""What is predicted of the gateway under each fault of each service, read from ``fault_matrix.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blueprint.trouble import Trouble

MATRIX = Path(__file__).with_suffix(".toml")
FAULTS = ("killed", "sigstop", "slow-network", "disk-full", "wrong-credential")
STATUSES = ("ok", "degraded", "down")
"""From best to worst."""
_BOUNDS = {"health", "post", "settle"}
_FIELDS = {"status", "ready", "troubled", "either", "post", "instead", "why"}
_NEEDED = _FIELDS - {"either", "instead"}


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds: an answer of /health or /ready, one to a posted message, and until /health tells of a fault."""

    health: float
    post: float
    settle: float


@dataclass(frozen=True, slots=True)
class Cell:
    """A fault of a service, and what is predicted.

    Attributes:
        status: what /health says of the whole.
        ready: whether /ready is 200.
        troubled: components that are not ok, with how they are.
        either: components of which nothing is said.
        post: HTTP status that a posted message is answered with.
        instead: what is done where there is no such thing as the fault says.
        why: the reason for the prediction.
    """

    service: str
    fault: str
    status: str
    ready: bool
    troubled: Mapping[str, str]
    either: frozenset[str]
    post: int
    instead: str
    why: str

    @property
    def name(self) -> str:
        """The case of the clause."""
        return f"{self.service}-{self.fault}"


@dataclass(frozen=True, slots=True)
class FaultMatrix:
    """All cells, by name, and the bounds that hold for each."""

    bounds: Bounds
    cells: Mapping[str, Cell]


def read_matrix(path: Path = MATRIX) -> FaultMatrix:
    """Read the table.

    Raises:
        Trouble: it is not TOML, a cell of a service is missing or unknown, or a cell lacks something or contradicts
            itself.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise Trouble(f"not TOML: {error}", where=path.name) from None
    bounds = document.pop("bounds", {})
    if set(bounds) != _BOUNDS or not all(isinstance(each, float) and each > 0 for each in bounds.values()):
        raise Trouble(f"[bounds] has {', '.join(sorted(_BOUNDS))}, each in seconds, e.g. 3.0", where=path.name)
    cells = {}
    for service, faults in document.items():
        if set(faults) != set(FAULTS):
            raise Trouble(f"[{service}] has one table for each of {', '.join(FAULTS)}", where=path.name)
        for fault in FAULTS:
            cell = _cell(service, fault, faults[fault], path.name)
            cells[cell.name] = cell
    return FaultMatrix(Bounds(**bounds), cells)


def _cell(service: str, fault: str, row: dict[str, Any], where: str) -> Cell:
    name = f"[{service}.{fault}]"
    if unknown := set(row) - _FIELDS:
        raise Trouble(f"{name} has the unknown field {', '.join(sorted(unknown))}", where=where)
    if missing := _NEEDED - set(row):
        raise Trouble(f"{name} lacks {', '.join(sorted(missing))}", where=where)
    troubled, status = row["troubled"], row["status"]
    if status not in STATUSES or not set(troubled.values()) <= set(STATUSES[1:]) or not row["why"]:
        raise Trouble(f"{name}: a status is one of {', '.join(STATUSES)}, and why says something", where=where)
    if row["ready"] != (status != "down") or bool(troubled) != (status != "ok"):
        raise Trouble(f"{name} contradicts itself: ready is all but down, and all but ok has a reason", where=where)
    return Cell(
        service=service,
        fault=fault,
        status=status,
        ready=row["ready"],
        troubled=troubled,
        either=frozenset(row.get("either", ())),
        post=row["post"],
        instead=row.get("instead", ""),
        why=row["why"],
    )
