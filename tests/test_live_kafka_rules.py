"""The rules on records and schemas, and the probe that reads them: quiet when all is well, a sentence a fault."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from blueprint.evidence import JSON
from blueprint.live import Answer, Exchange
from blueprint.live_kafka import Record, SchemaChanges
from blueprint.rules.live_kafka import strayed_records, tolerated_schemas
from provision.processes import Completed
from worlds.probes import kafka

ASKED = Record("in", "s", 1, ("in-value",), {"message": {"message": "2+2"}})
TOLD = tuple(Record("out", "s", 2, ("out-value",), {"event": {"event": event}}) for event in ("received", "answered"))
EVENTS: tuple[dict[str, JSON], ...] = ({"event": "received"}, {"event": "answered", "data": {"answer": "4"}})
EXCHANGE = Exchange("2+2", ("4",), Answer(200), EVENTS)
CHANGES = SchemaChanges("in-value", (1,), (1,), Answer(200, {"is_compatible": True}), Answer(409))


def test_a_message_that_went_round_is_quiet() -> None:
    findings = strayed_records(EXCHANGE, [ASKED, *TOLD], "in", "out")
    assert not findings.found
    assert not findings.unexamined
    assert findings.observed == "one record of in and 2 of out, under schemas 1, 2"


@pytest.mark.parametrize(
    ("records", "sentence"),
    [
        pytest.param([*TOLD], "in: holds 0 records of one message", id="not-through-the-broker"),
        pytest.param([ASKED, ASKED, *TOLD], "in: holds 2 records of one message", id="twice"),
        pytest.param([ASKED, TOLD[0]], "carried received, and the gateway told received, answered", id="event-lost"),
        pytest.param([ASKED, *TOLD, TOLD[1]], "carried received, answered, answered", id="answered-twice"),
        pytest.param([ASKED, TOLD[1], TOLD[0]], "carried answered, received", id="reordered"),
        pytest.param([replace(ASKED, schema=-1), *TOLD], "without the id of a schema", id="unframed"),
        pytest.param([replace(ASKED, subjects=()), *TOLD], "schema 1, which is registered by nobody", id="unknown"),
        pytest.param([replace(ASKED, subjects=("x",)), *TOLD], "which is one of x", id="another-subject"),
        pytest.param([ASKED, *TOLD, Record("in.dlq", body="poison")], "a dead letter: poison", id="dead-letter"),
    ],
)
def test_what_strays_is_found(records: Sequence[Record], sentence: str) -> None:
    found = "\n".join(str(finding) for finding in strayed_records(EXCHANGE, records, "in", "out").found)
    assert sentence in found


def test_an_empty_topic_is_not_examined() -> None:
    assert strayed_records(EXCHANGE, [ASKED], "in", "out").unexamined == frozenset({"out"})


def test_a_registry_that_refuses_the_right_one_is_quiet() -> None:
    findings = tolerated_schemas(CHANGES)
    assert not findings.found
    assert not findings.unexamined


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        pytest.param(replace(CHANGES, incompatible=Answer(200, {"id": 2})), "got a new required field", id="taken"),
        pytest.param(replace(CHANGES, after=(1, 2)), "had versions (1,) and has (1, 2)", id="kept"),
        pytest.param(replace(CHANGES, compatible=Answer(200, {"is_compatible": False})), "optional", id="refuses-all"),
        pytest.param(replace(CHANGES, compatible=Answer(error="gone")), "no answer (gone)", id="no-answer"),
        pytest.param(replace(CHANGES, before=(), after=()), "has no registered schema", id="none"),
    ],
)
def test_a_tolerant_registry_is_found(changes: SchemaChanges, sentence: str) -> None:
    assert sentence in "\n".join(str(finding) for finding in tolerated_schemas(changes).found)


def saying(text: str, exit_code: int = 0) -> kafka.Inside:
    return lambda _service, argv: Completed(tuple(argv), exit_code, text, "", 0.0)


def test_offsets_are_added_up_by_topic() -> None:
    said = "conversation.inbound:0:2\nconversation.inbound:1:3\nempty:0:0\na warning\n"
    assert kafka.counts(saying(said)) == {"conversation.inbound": 5, "empty": 0}


def test_records_are_taken_apart_though_their_frames_hold_separators() -> None:
    framed = b"\x00\x00\x00\x00\x1e" + json.dumps({"a": "b\nc"}).encode()
    end = b"\x1e\x1f\x1e\x1f"
    raw = b"s\x1f" + framed + end + b"null\x1fpoison" + end
    assert kafka.records(saying(base64.b64encode(raw).decode()), "t", 2) == [
        {"topic": "t", "key": "s", "schema": 30, "body": {"a": "b\nc"}},
        {"topic": "t", "key": "null", "schema": -1, "body": "poison"},
    ]
    assert kafka.records(saying("no base64!"), "t", 2) == []
    assert kafka.records(saying("unread"), "t", 0) == []


def test_the_registry_is_asked_over_plain_http() -> None:
    asked: list[str] = []

    def inside(service: str, argv: Sequence[str | object]) -> Completed:
        asked.extend((service, str(argv[-1])))
        return Completed(tuple(map(str, argv)), 0, 'HTTP/1.0 409 Conflict\r\nA: b\r\n\r\n{"error_code": 409}', "", 0.0)

    assert kafka.registry(inside, "POST", "/subjects/x/versions", {"é": 1}) == {
        "status": 409,
        "body": {"error_code": 409},
    }
    assert asked[0] == "schema-registry"
    assert asked[1].startswith("POST /apis/ccompat/v7/subjects/x/versions HTTP/1.0\r\n")
    assert kafka.registry(saying("", 1), "GET", "/subjects")["status"] == 0


def test_a_changed_schema_has_one_more_field() -> None:
    latest: JSON = {"schema": json.dumps({"properties": {"a": {}}, "required": ["a"]})}
    for required in (False, True):
        body = kafka.changed(latest, "b", required=required)
        assert isinstance(body, dict)
        schema = json.loads(str(body["schema"]))
        assert set(schema["properties"]) == {"a", "b"}
        assert ("b" in schema["required"]) == required
