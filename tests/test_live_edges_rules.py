"""The rule on who reaches whom in fact: quiet when all is well, a sentence a fault."""

from __future__ import annotations

import socket
from copy import deepcopy

import pytest

from blueprint.evidence import JSON
from blueprint.live_edges import API_SERVER, FRIEND, OUTSIDER, SERVICES, STRANGER, Edges
from blueprint.rules.live_edges import edges_in_fact
from worlds.probes import connects

PORTS = {"gateway": 8010, "ui": 8080, "memory-service": 8017, "postgres": 5432, "vault": 8200}
TARGETS = [f"{name}:{port}" for name, port in PORTS.items()]
REFUSED, UNANSWERED = "ConnectionRefusedError", "TimeoutError"


def seen() -> dict[str, dict[str, JSON]]:
    """What became of every connection where all is well."""
    reached = {source: every(REFUSED) for source in SERVICES}
    reached["ui"]["gateway:8010"] = reached["memory-service"]["postgres:5432"] = "open"
    reached["conversation-worker"]["memory-service:8017"] = "open"
    reached[FRIEND] = every("open")
    reached[STRANGER] = every(UNANSWERED) | {API_SERVER: UNANSWERED}
    reached[OUTSIDER] = every(UNANSWERED) | {"gateway:8010": "open", "ui:8080": "open"}
    return reached


def every(word: str) -> dict[str, JSON]:
    """The same word for every target."""
    return {target: word for target in TARGETS}  # noqa: C420 - what fromkeys makes has a narrower type


def edges(reached: object) -> Edges:
    return Edges.of({"endpoints": sorted(PORTS), "reached": reached})


def test_policies_that_are_enforced_are_quiet() -> None:
    findings = edges_in_fact(edges(seen()), "soma-dev")
    assert not findings.found
    assert not findings.unexamined
    assert "ui to vault" in findings.examined


@pytest.mark.parametrize(
    ("source", "target", "word", "sentence"),
    [
        (
            "memory-service",
            "postgres:5432",
            REFUSED,
            "postgres:5432: the needed edge is closed: ConnectionRef",
        ),
        ("ui", "vault:8200", "open", "ui to vault:8200: the forbidden edge is open"),
        (STRANGER, "gateway:8010", "open", "stranger to gateway:8010: a pod that no policy names reaches it"),
        (STRANGER, API_SERVER, "open", "a pod that no policy names reaches the API server"),
        (OUTSIDER, "postgres:5432", "open", "outsider to postgres:5432: a pod of another namespace reaches it"),
    ],
    ids=["needed-closed", "forbidden-open", "no-default-deny", "out-of-the-namespace", "into-the-namespace"],
)
def test_what_is_not_enforced_is_found(source: str, target: str, word: str, sentence: str) -> None:
    reached = deepcopy(seen())
    reached[source][target] = word
    (found,) = edges_in_fact(edges(reached), "soma-dev").found
    assert sentence in str(found)


def test_what_does_not_listen_is_not_called_closed() -> None:
    reached = deepcopy(seen())
    reached[FRIEND]["vault:8200"] = REFUSED
    findings = edges_in_fact(edges(reached), "soma-dev")
    assert not findings.found
    assert {"ui to vault", "stranger to vault"} <= findings.unexamined


def test_a_name_that_is_not_resolved_says_nothing_about_policies() -> None:
    reached = deepcopy(seen())
    reached["ui"]["vault:8200"] = "gaierror"
    assert edges_in_fact(edges(reached), "soma-dev").unexamined == {"ui to vault"}


def test_nothing_seen_is_nothing_examined() -> None:
    findings = edges_in_fact(Edges.of(None), "soma-dev")
    assert not findings.examined
    assert findings.population == {f"{STRANGER} to {API_SERVER}"}


def test_a_connection_is_told_by_what_became_of_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        target = f"127.0.0.1:{server.getsockname()[1]}"
        assert connects.reached(target) == "open"
    assert connects.reached(target) == REFUSED
