"""The frame of a record, its schema, and a registry that refuses, forgets, or is away."""

import json
import time

import pytest

from common.health import LOOK_SECONDS
from common.kafka.records import Asked
from common.kafka.schemas import Poisoned, framed, unframed
from common.peers import PeerFailed
from common.wire import Message
from tests.services.through_topics import FakeRegistry, linked

pytestmark = pytest.mark.anyio
ASKED = Asked(message=Message(session_id="s", message_id="m", message="2+2"), attempt=1)


def test_a_framed_value_names_its_schema() -> None:
    assert framed(258, b"{}") == b"\x00\x00\x00\x01\x02{}"
    assert unframed(framed(258, b"{}")) == (258, b"{}")


async def test_a_record_goes_round() -> None:
    link, _ = await linked(FakeRegistry())
    assert await link.asked.decode(link.asked.encode(ASKED)) == ASKED


@pytest.mark.parametrize(
    ("value", "why"),
    [
        pytest.param(None, "too short", id="tombstone"),
        pytest.param(b"", "too short", id="empty"),
        pytest.param(b'{"message": "hi"}', "first byte is 123", id="unframed"),
        pytest.param(framed(1, b"no json"), "Invalid JSON", id="no-json"),
        pytest.param(framed(1, b'{"attempt": 1}'), "message: Field required", id="incomplete"),
        pytest.param(framed(1, b'{"attempt": 0, "message": {}}'), "does not fit its schema", id="out-of-bounds"),
        pytest.param(framed(2, b"{}"), "schema 2 is none of conversation.inbound-value", id="schema-of-another-topic"),
        pytest.param(framed(99, b"{}"), "schema 99 is none of conversation.inbound-value", id="unknown-schema"),
    ],
)
async def test_what_cannot_be_read_is_poisoned(value: bytes | None, why: str) -> None:
    link, _ = await linked(FakeRegistry())
    with pytest.raises(Poisoned, match=why):
        await link.asked.decode(value)


async def test_a_schema_that_cannot_be_looked_up_poisons_nothing() -> None:
    registry = FakeRegistry()
    link, _ = await linked(registry)
    registry.cut = True
    with pytest.raises(PeerFailed, match="schema-registry does not answer"):
        await link.asked.decode(framed(3, b"{}"))
    assert await link.asked.decode(link.asked.encode(ASKED)) == ASKED


async def test_another_version_is_looked_up_once() -> None:
    registry = FakeRegistry()
    link, _ = await linked(registry)
    registry.schemas.append(("conversation.inbound-value", "{}"))
    before = registry.asked
    for _ in range(3):
        assert await link.asked.decode(framed(3, ASKED.model_dump_json().encode())) == ASKED
    assert registry.asked == before + 1


async def test_an_incompatible_schema_is_told() -> None:
    with pytest.raises(PeerFailed, match=r"refuses the schema of conversation\.inbound-value"):
        await linked(FakeRegistry(refuses=True))


async def test_what_is_registered_is_closed() -> None:
    registry = FakeRegistry()
    await linked(registry)
    assert [subject for subject, _ in registry.schemas] == ["conversation.inbound-value", "conversation.outbound-value"]
    for _, schema in registry.schemas:
        assert json.loads(schema)["additionalProperties"] is False


async def test_health_looks_at_both() -> None:
    registry = FakeRegistry()
    link, broker = await linked(registry)
    looks = {check.name: check for check in link.checks()}
    assert {name: check.required for name, check in looks.items()} == {"kafka": True, "schema-registry": False}
    assert (await looks["schema-registry"].look()).status == "ok"
    registry.cut = True
    assert (await looks["schema-registry"].look()).status == "down"
    registry.cut, registry.slow = False, 5
    began = time.monotonic()
    assert (await looks["schema-registry"].look()).detail == "no answer within 0.6 s"
    assert time.monotonic() - began < LOOK_SECONDS
    broker.waiting = "schemas"
    assert (await looks["kafka"].look()).detail == "waiting for schemas"
