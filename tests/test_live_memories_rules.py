"""Memories that are not found where they must be."""

from __future__ import annotations

from typing import Any

import pytest

from blueprint.live_memories import Recall
from blueprint.rules.live_memories import unfound_memories

GATE, BASKET = "The harbour gates open at seven", "Apples lie in the basket"


def recall(**changes: Any) -> Recall:  # noqa: ANN401 - whatever a probe saw
    """A search that found the right memory, or was changed."""
    seen = {"status": 200, "served": [[GATE, ["qdrant"]], [BASKET, ["qdrant"]]], "held": [GATE, BASKET]}
    return Recall.of("qdrant", "opening gate", "harbour gates", seen | changes)


def test_a_memory_that_comes_first_is_found() -> None:
    findings = unfound_memories([201, 201], [recall()], ["qdrant"])
    assert (findings.found, findings.unexamined) == ((), frozenset())
    assert recall().is_found


@pytest.mark.parametrize(
    ("seen", "wanted"),
    [
        ({"served": [[BASKET, ["qdrant"]]]}, "gives 'Apples lie in the basket' for 'opening gate', through the memory"),
        ({"served": []}, "gives 'nothing' for"),
        ({"served": [[GATE, ["sqlite"]]]}, "was asked alone, and sqlite answered"),
        ({"held": [BASKET]}, "gives 'Apples lie in the basket' for 'opening gate', asked past the memory service"),
        ({"held": []}, "gives nothing for 'opening gate', asked past"),
        ({"status": 503, "error": "qdrant is not in use"}, "was not searched: qdrant is not in use"),
        ({"held": "psql: no such table"}, "was not searched: psql: no such table"),
        ({"served": None, "held": None}, "gives nothing for"),
    ],
)
def test_what_is_not_found_is_said(seen: dict[str, Any], wanted: str) -> None:
    findings = unfound_memories([201], [recall(**seen)], ["qdrant"])
    assert wanted in "\n".join(map(str, findings.found))
    assert not recall(**seen).is_found


def test_a_memory_that_was_not_taken_and_a_store_that_was_not_asked() -> None:
    findings = unfound_memories([503], [], ["qdrant"])
    assert "memory_service: answered 503 to a memory" in str(findings.found[0])
    assert findings.unexamined == {"qdrant"}
