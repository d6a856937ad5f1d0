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


async def test_headers_of_the_browser_stay_with_the_ui(world: World) -> None:
    seen: list[httpx.Request] = []
    wire = world.wires["gateway"]
    original = wire.handle_async_request

    async def watch(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return await original(request)

    wire.handle_async_request = watch  # type: ignore[method-assign] # looks on, changes nothing
    await world.clients["ui"].get(
        "/api/health", headers={"Cookie": "a=b", "Authorization": "x", "Accept": "text/plain"}
    )
    assert seen[0].headers["accept"] == "text/plain"
    assert not {"cookie", "authorization"} & set(seen[0].headers)
