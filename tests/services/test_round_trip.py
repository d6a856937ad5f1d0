"""A message through all services, in one process."""

import time

import pytest

from tests.services.wiring import World

pytestmark = pytest.mark.anyio


async def test_worker_memory_and_tool_take_part_in_order(world: World) -> None:
    events = await world.say("What is 6 times 7?")
    assert [(event["event"], event["by"]) for event in events] == [
        ("received", "conversation_worker"),
        ("planned", "conversation_worker"),
        ("memory_stored", "memory_service"),
        ("memory_recalled", "memory_service"),
        ("tool_called", "tool_executor"),
        ("answered", "conversation_worker"),
    ]
    assert events[4]["data"]["outcome"] == {"tool": "calculator", "ok": True, "result": "42"}
    assert events[5]["data"] == {"answer": "6 * 7 = 42"}


async def test_what_was_told_is_recalled_in_its_session_and_in_no_other(world: World) -> None:
    await world.say("Remember that the spare key is under the mat", session_id="mine")
    await world.say("My cat is called Miso", session_id="mine")
    mine = await world.say("What did I tell you about keys?", session_id="mine")
    assert mine[-1]["data"]["answer"] == "You told me: the spare key is under the mat"
    other = await world.say("What did I tell you about keys?", session_id="other")
    assert other[-1]["data"]["answer"] == "You told me nothing about keys."


async def test_a_message_does_not_recall_itself(world: World) -> None:
    events = await world.say("Remember that Ada likes tea", session_id="s")
    assert events[3]["data"] == {"count": 0, "texts": []}
    events = await world.say("Does Ada like tea", session_id="s")
    assert events[3]["data"] == {"count": 1, "texts": ["Ada likes tea"]}


async def test_the_memory_can_be_read_by_its_id(world: World) -> None:
    events = await world.say("Remember that Ada likes tea")
    memory = await world.clients["memory_service"].get(f"/v1/memories/{events[2]['data']['memory_id']}")
    assert memory.json()["text"] == "Ada likes tea"


async def test_two_tools_in_one_message(world: World) -> None:
    events = await world.say("What time is it, and what is (2 + 3) * 4?")
    assert events[-1]["data"]["answer"] == "(2 + 3) * 4 = 20\nIt is 2026-01-02T12:00:00Z."


async def test_division_by_zero_is_an_answer(world: World) -> None:
    events = await world.say("What is 7 divided by 0?")
    assert events[-1]["event"] == "answered"
    assert "division by zero" in events[-1]["data"]["answer"]


async def test_a_message_sent_twice_is_answered_and_kept_once(world: World) -> None:
    first = await world.say("Remember that it rained", session_id="s", message_id="m")
    assert await world.say("Remember that it rained", session_id="s", message_id="m") == first
    assert len(await world.events("s")) == len(first)
    found = await world.clients["memory_service"].post(
        "/v1/memories/search", json={"text": "rained", "session_id": "s"}
    )
    assert len(found.json()["hits"]) == 1


async def test_the_worker_repeats_the_events_of_a_message_it_has_handled(world: World) -> None:
    body = {"session_id": "s", "message_id": "m", "message": "2+2"}
    first, second = [(await world.clients["conversation_worker"].post("/v1/messages", json=body)).text for _ in "ab"]
    assert first == second


async def test_an_id_used_for_another_message_is_refused(world: World) -> None:
    await world.say("One", session_id="s", message_id="m")
    body = {"session_id": "s", "message_id": "m", "message": "Two"}
    for name, path in (("gateway", "/v1/session/message"), ("conversation_worker", "/v1/messages")):
        answer = await world.clients[name].post(path, json=body)
        assert (answer.status_code, answer.json()["detail"]) == (409, "another message had this message_id")


async def test_events_are_numbered_and_go_on_after_the_last_one_seen(world: World) -> None:
    events = await world.say("Hello", session_id="s")
    assert await world.events("s", **{"Last-Event-ID": "3"}) == events[3:]
    assert await world.events("s", **{"Last-Event-ID": str(len(events))}) == []


async def test_a_last_event_id_from_before_a_restart_starts_over(world: World) -> None:
    events = await world.say("Hello", session_id="s")
    assert await world.events("s", **{"Last-Event-ID": "999"}) == events


async def test_a_failed_message_is_told_with_its_reason_and_can_be_sent_again(world: World) -> None:
    world.wires["memory_service"].cut = True
    failed = await world.say("What is 1+1?", session_id="s", message_id="m")
    assert failed[-1]["event"] == "failed"
    assert failed[-1]["data"]["reason"] == "memory_service does not answer: connection refused"
    world.wires["memory_service"].cut = False
    answered = await world.say("What is 1+1?", session_id="s", message_id="m")
    assert answered[-1]["data"] == {"answer": "1+1 = 2"}


async def test_a_message_that_no_worker_takes_is_refused(world: World) -> None:
    world.wires["conversation_worker"].cut = True
    answer = await world.clients["gateway"].post("/v1/session/message", json={"message": "Hello"})
    assert answer.status_code == 503
    assert answer.json() == {"detail": "conversation_worker does not answer: connection refused"}


async def test_a_worker_that_does_not_come_back_ends_in_failure_within_the_bound(world: World) -> None:
    hang = 60
    world.wires["conversation_worker"].slow = hang
    began = time.monotonic()
    answer = await world.clients["gateway"].post("/v1/session/message", json={"message": "Hello"})
    assert answer.status_code == 503
    assert answer.json() == {"detail": "conversation_worker gives no answer within 3 s"}
    assert 3 <= time.monotonic() - began < hang


async def test_the_id_of_a_request_goes_through_every_service(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    answer = await world.clients["ui"].post(
        "/api/v1/session/message", json={"message": "What is 2*3?"}, headers={"X-Request-ID": "trace-1"}
    )
    assert answer.headers["X-Request-ID"] == "trace-1"
    await world.say("2*3", session_id=answer.json()["session_id"])
    lines = [line for line in capsys.readouterr().out.splitlines() if '"request_id": "trace-1"' in line]
    for name in world.apps:
        assert any(f'"service": "{name}"' in line for line in lines), name
