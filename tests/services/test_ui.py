"""The page and its way to the gateway."""

import re

import httpx
import pytest

from tests.services.wiring import World

pytestmark = pytest.mark.anyio


async def test_the_page_loads_nothing_from_elsewhere(world: World) -> None:
    page = await world.clients["ui"].get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'self'" in page.headers["content-security-policy"]
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert loaded == ["data:,", "/page.css", "/page.js"]
    for path, kind in (("/page.css", "text/css"), ("/page.js", "javascript")):
        file = await world.clients["ui"].get(path)
        assert (file.status_code, kind in file.headers["content-type"]) == (200, True)
        assert not re.search(r"https?://", file.text)
    assert "innerHTML" not in (await world.clients["ui"].get("/page.js")).text


async def test_the_page_never_answers_for_health(world: World) -> None:
    for path in ("/health", "/v1/health", "/ready", "/live", "/nothing"):
        answer = await world.clients["ui"].get(path)
        assert answer.headers["content-type"] == "application/json"


async def test_the_ui_is_well_and_ready_without_its_gateway(world: World) -> None:
    world.wires["gateway"].cut = True
    assert (await world.clients["ui"].get("/ready")).json() == {"status": "ok", "components": {}}


async def test_what_the_gateway_answers_passes_through(world: World) -> None:
    ui, gateway = world.clients["ui"], world.clients["gateway"]
    assert (await ui.get("/api/health")).json() == (await gateway.get("/health")).json()
    taken = await ui.post("/api/v1/session/message", json={"message": "1+1", "session_id": "s"})
    assert taken.status_code == 200
    events = await world.say("2+2", session_id="s")
    path = "/v1/session/s/events?follow=false"
    streamed = await ui.get(f"/api{path}", headers={"Last-Event-ID": "6"})
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert streamed.text == (await gateway.get(path, headers={"Last-Event-ID": "6"})).text
    assert events[-1]["message_id"] in streamed.text
    refused = await ui.post("/api/v1/session/message", json={})
    assert refused.status_code == 422


async def test_a_gateway_that_is_down_is_said_to_be(world: World) -> None:
    world.wires["tool_executor"].cut = True
    assert (await world.clients["ui"].get("/api/health")).status_code == 503
    world.wires["gateway"].cut = True
    for answer in (
        await world.clients["ui"].get("/api/health"),
        await world.clients["ui"].post("/api/v1/session/message", json={"message": "x"}),
        await world.clients["ui"].get("/api/v1/session/s/events"),
    ):
        assert (answer.status_code, answer.json()) == (
            502,
            {"detail": "gateway does not answer: connection refused"},
        )


async def test_of_a_browsers_headers_the_gateway_gets_what_it_needs(world: World) -> None:
    """Its token too, or nobody could talk through the ui to a gateway that asks for one; never its cookies."""
    seen: list[httpx.Request] = []
    wire = world.wires["gateway"]

    async def refuse(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        asks = {"WWW-Authenticate": "Bearer", "Set-Cookie": "a=b", "Retry-After": "3"}
        return httpx.Response(401, stream=httpx.ByteStream(b'{"detail": "no token"}'), headers=asks)

    wire.handle_async_request = refuse  # type: ignore[method-assign] # a gateway that asks for a token
    sent = {"Cookie": "a=b", "Authorization": "Bearer x", "Accept": "text/plain"}
    answer = await world.clients["ui"].post("/api/v1/session/message", headers=sent, json={"message": "1+1"})
    got = seen[0].headers
    assert (got["accept"], got["authorization"], "cookie" in got) == ("text/plain", "Bearer x", False)
    assert (answer.status_code, answer.json()) == (401, {"detail": "no token"})
    assert (answer.headers["www-authenticate"], answer.headers["retry-after"]) == ("Bearer", "3")
    assert "set-cookie" not in answer.headers
