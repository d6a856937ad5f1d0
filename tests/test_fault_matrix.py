"""The matrix of faults: every cell is predicted, and whatever is measured otherwise is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from blueprint.fault_matrix import FAULTS, MATRIX, Cell, read_matrix
from blueprint.live_faults import UnderFault
from blueprint.rules.live_faults import unpredicted_answers
from blueprint.trouble import Trouble

SERVICES = (
    *("pgvector", "qdrant", "kafka", "schema-registry"),
    *("memory_service", "tool_executor", "conversation_worker", "prometheus"),
)
MATRIX_READ = read_matrix()
CELL = MATRIX_READ.cells["pgvector-killed"]


def answers(status: str, troubled: dict[str, str], *, seconds: float = 0.1) -> dict[str, Any]:
    components = {name: {"status": "ok"} for name in ("memory_service", "ui")}
    components |= {name: {"status": each} for name, each in troubled.items()}
    code = 503 if status == "down" else 200
    body = {"status": status, "components": components}
    return {name: {"status": code, "body": body, "seconds": seconds} for name in ("health", "ready")}


def measured(**changes: object) -> UnderFault:
    """What was measured with pgvector killed: as predicted, but for some changes."""
    degraded = answers("degraded", {"memory_service": "degraded"})
    seen = {
        "in_force": "its container is exited",
        "before": answers("ok", {}),
        "settled": degraded,
        "samples": [degraded],
        "posted": {"status": 200, "seconds": 0.2},
        "after": answers("ok", {}),
        "unhealthy": [],
    }
    return UnderFault.of(seen | changes)


def found(seen: UnderFault, cell: Cell = CELL) -> list[str]:
    return [str(each) for each in unpredicted_answers(cell, MATRIX_READ.bounds, seen).found]


def test_every_fault_of_every_service_is_predicted() -> None:
    assert set(MATRIX_READ.cells) == {f"{service}-{fault}" for service in SERVICES for fault in FAULTS}


def test_what_is_measured_as_predicted_is_no_finding() -> None:
    findings = unpredicted_answers(CELL, MATRIX_READ.bounds, measured())
    assert findings.found == ()
    assert not findings.unexamined


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"in_force": ""}, "nothing shows that pgvector was killed"),
        ({"settled": answers("ok", {})}, "/health: says 'ok', not 'degraded'"),
        ({"settled": answers("degraded", {"ui": "degraded"})}, "says 'degraded' of ui, not 'ok'"),
        ({"settled": answers("down", {"memory_service": "down"})}, "and should be ready"),
        ({"samples": [answers("ok", {})]}, "flatters"),
        ({"samples": [answers("degraded", {}, seconds=3.5)]}, "bound 3 s"),
        ({"posted": {"status": 503, "seconds": 4.0}}, "was answered 503"),
        ({"posted": {"status": 200, "seconds": 9.0}}, "bound 8 s"),
        ({"before": answers("degraded", {"ui": "down"})}, "before: /health says"),
        ({"after": answers("degraded", {"memory_service": "degraded"})}, "after: /health says"),
        ({"unhealthy": ["pgvector"]}, "pgvector is not healthy again"),
    ],
)
def test_what_is_measured_otherwise_is_found(changes: dict[str, object], said: str) -> None:
    assert any(said in each for each in found(measured(**changes))), found(measured(**changes))


def test_a_gateway_that_is_ready_without_its_broker_is_found() -> None:
    """Readiness is judged on its own, whatever /health says."""
    cell = MATRIX_READ.cells["kafka-killed"]
    down = answers("down", {"kafka": "down", "conversation_worker": "down"})
    ready = down | {"ready": down["ready"] | {"status": 200}}
    seen = measured(settled=ready, samples=[ready], posted={"status": 503, "seconds": 4.1})
    assert any("/ready: is 200" in each for each in found(seen, cell))
    assert found(measured(settled=down, samples=[down], posted={"status": 503, "seconds": 4.1}), cell) == []


def test_nothing_measured_is_not_passed() -> None:
    assert unpredicted_answers(CELL, MATRIX_READ.bounds, UnderFault.of({})).unexamined


@pytest.mark.parametrize(
    ("find", "put", "said"),
    [
        ("[pgvector.killed]", "[pgvector.drowned]", r"\[pgvector\] has one table for each of"),
        ("ready = true", "ready = false", "contradicts itself"),
        ('status = "degraded"', 'status = "fine"', "a status is one of"),
        ("post = 200", "past = 200", "unknown field past"),
        ("health = 3.0", "health = 0.0", "each in seconds"),
        ("[bounds]", "[bounds", "not TOML"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path: Path, find: str, put: str, said: str) -> None:
    path = tmp_path / "matrix.toml"
    path.write_text(MATRIX.read_text(encoding="utf-8").replace(find, put, 1), encoding="utf-8")
    with pytest.raises(Trouble, match=said):
        read_matrix(path)
