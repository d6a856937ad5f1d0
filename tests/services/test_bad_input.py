"""Bad requests get an answer of 4xx that says what is wrong, and change nothing."""

import json
from collections.abc import AsyncIterator

import pytest
from pydantic import JsonValue

from common.service import BODY_BYTES
from tests.services.wiring import World

pytestmark = pytest.mark.anyio
POST = "/v1/session/message"
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"message": ""}, 422),
        ({"message": " \n "}, 422),
        ({"message": 7}, 422),
        ({"message": "x" * 8001}, 422),
        ({"message": "a\0b"}, 422),
        ({"message": "\ud800"}, 422),
        ({"message": "x", "session_id": "../etc"}, 422),
        ({"message": "x", "session_id": "s" * 65}, 422),
        ({"message": "x", "session_id": ""}, 422),
        ({"message": "x", "message_id": "a b"}, 422),
        ([], 422),
        ("text", 422),
    ],
)
async def test_a_message_that_is_none(world: World, body: JsonValue, status: int) -> None:
    answer = await world.clients["gateway"].post(POST, content=json.dumps(body), headers=JSON)
    assert answer.status_code == status
    assert answer.json()["detail"]


async def test_what_is_no_json(world: World) -> None:
    for content in (b"{", b"\xff\xfe", b"[" * 30_000):
        answer = await world.clients["gateway"].post(POST, content=content, headers=JSON)
        assert answer.status_code in {400, 422}, content[:5]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("gateway", POST),
        ("ui", f"/api{POST}"),
        ("conversation_worker", "/v1/messages"),
        ("memory_service", "/v1/memories"),
        ("memory_service", "/v1/memories/search"),
        ("tool_executor", "/v1/tools/calculator"),
    ],
)
async def test_a_body_too_long_is_refused_with_and_without_its_length(world: World, name: str, path: str) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(BODY_BYTES // 1024 + 2):
            yield b" " * 1024

    for content in (b" " * (BODY_BYTES + 1), parts()):
        answer = await world.clients[name].post(path, content=content, headers=JSON)
        assert answer.status_code == 413


@pytest.mark.parametrize(
    ("name", "path", "status"),
    [
        ("gateway", "/v1/session/nobody/events", 404),
        ("gateway", "/v1/session/a%20b/events", 422),
        ("gateway", "/v1/session/..%2f..%2fhealth/events", 404),
        ("gateway", "/nothing", 404),
        ("memory_service", "/v1/memories/nothing", 404),
        ("memory_service", "/v1/memories/a%20b", 422),
        ("tool_executor", "/v1/tools/calculator", 405),
        ("ui", "/api/v1/memories/x", 404),
        ("ui", "/api/v1/session/a%20b/events", 422),
        ("ui", "/api/v1/session/..%2f..%2fhealth/events", 404),
        ("ui", "/../main.py", 404),
        ("ui", "/page/index.html", 404),
    ],
)
async def test_what_is_not_there(world: World, name: str, path: str, status: int) -> None:
    answer = await world.clients[name].get(path)
    assert answer.status_code == status
    assert answer.json()["detail"]


@pytest.mark.parametrize("last", ["-1", "x", "1.5"])
async def test_a_last_event_id_that_is_no_number(world: World, last: str) -> None:
    await world.say("Hello", session_id="s")
    answer = await world.clients["gateway"].get(
        "/v1/session/s/events", params={"follow": "false"}, headers={"Last-Event-ID": last}
    )
    assert answer.status_code == 422


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "\xe9", '"}'])
async def test_a_request_id_that_is_unfit_is_replaced(world: World, given: str) -> None:
    answer = await world.clients["gateway"].get("/live", headers=[(b"X-Request-ID", given.encode("latin-1"))])
    assert len(answer.headers["X-Request-ID"]) == 32


@pytest.mark.parametrize("limit", [0, 51, "many"])
async def test_a_search_without_bound(world: World, limit: JsonValue) -> None:
    answer = await world.clients["memory_service"].post("/v1/memories/search", json={"text": "x", "limit": limit})
    assert answer.status_code == 422


async def test_tools(world: World) -> None:
    client = world.clients["tool_executor"]
    names = [tool["name"] for tool in (await client.get("/v1/tools")).json()]
    assert names == ["calculator", "clock"]
    unknown = await client.post("/v1/tools/shell", json={"input": "ls"})
    assert (unknown.status_code, unknown.json()) == (
        404,
        {"detail": "no tool of that name; there are calculator, clock"},
    )
    assert (await client.post("/v1/tools/calculator", json={"input": "1" * 1001})).status_code == 422
    for given, said in (("1/0", "division by zero has no value"), ("import os", "that is no arithmetic")):
        answer = await client.post("/v1/tools/calculator", json={"input": given})
        assert (answer.status_code, answer.json()) == (200, {"tool": "calculator", "ok": False, "error": said})
    clock = await client.post("/v1/tools/clock", json={})
    assert clock.json() == {"tool": "clock", "ok": True, "result": "2026-01-02T12:00:00Z"}
