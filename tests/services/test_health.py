"""What the gateway says of itself and of the others."""

import asyncio
import time

import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from common.health import Check, Component, examine
from tests.services.wiring import World

pytestmark = pytest.mark.anyio
REQUIRED = ("conversation_worker", "memory_service", "tool_executor")


async def test_all_well(world: World) -> None:
    for path in ("/health", "/v1/health", "/ready"):
        answer = await world.clients["gateway"].get(path)
        assert answer.status_code == 200
        assert answer.json() == {
            "status": "ok",
            "components": {name: {"status": "ok"} for name in (*REQUIRED, "ui")},
        }


@pytest.mark.parametrize("name", REQUIRED)
async def test_down_and_not_ready_without_a_required_dependency(world: World, name: str) -> None:
    world.wires[name].cut = True
    for path in ("/health", "/v1/health", "/ready"):
        answer = await world.clients["gateway"].get(path)
        assert answer.status_code == 503
        assert answer.json()["status"] == "down"
        assert answer.json()["components"][name] == {
            "status": "down",
            "detail": "does not answer: connection refused",
        }
    assert (await world.clients["gateway"].get("/live")).status_code == 200


async def test_degraded_and_ready_without_an_optional_one(world: World) -> None:
    world.wires["ui"].cut = True
    for path in ("/health", "/ready"):
        answer = await world.clients["gateway"].get(path)
        assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
        assert answer.json()["components"]["ui"]["status"] == "down"


async def test_health_answers_in_time_when_every_dependency_hangs(world: World) -> None:
    hang = 30
    for wire in world.wires.values():
        wire.slow = hang
    began = time.monotonic()
    answer = await world.clients["gateway"].get("/health")
    assert time.monotonic() - began < hang
    assert answer.status_code == 503
    assert all(part["status"] == "down" for part in answer.json()["components"].values())


async def test_a_peer_that_answers_without_a_health_body_is_down(world: World) -> None:
    page = FastAPI()
    page.add_api_route("/health", lambda: HTMLResponse("<!doctype html>"), response_model=None)
    world.wires["memory_service"].app = page
    answer = await world.clients["gateway"].get("/health")
    detail = answer.json()["components"]["memory_service"]["detail"]
    assert (answer.status_code, detail) == (503, "answers 200 without a health body")


async def test_a_stopping_service_is_not_ready(world: World) -> None:
    gateway = world.apps["gateway"].state.gateway
    gateway.stopping.set()
    assert (await world.clients["gateway"].get("/ready")).status_code == 503
    assert (await world.clients["gateway"].get("/health")).status_code == 200


@pytest.mark.parametrize("name", ["gateway", "ui", "conversation_worker", "memory_service", "tool_executor"])
async def test_every_service_has_health_ready_live_and_metrics(world: World, name: str) -> None:
    client = world.clients[name]
    for path in ("/health", "/v1/health", "/ready", "/live"):
        answer = await client.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-soma-service"] == name
        assert answer.json()["status"] == "ok"
    metrics = await client.get("/metrics")
    assert f'soma_http_requests_total{{method="GET",route="/health",service="{name}",status="200"}} ' in metrics.text
    assert f'soma_service_info{{environment="DEV",service="{name}",version="0.1.0"}} 1.0' in metrics.text


async def test_an_unknown_path_adds_no_series_of_its_own(world: World) -> None:
    for path in ("/a", "/b", "/c"):
        assert (await world.clients["gateway"].get(path)).status_code == 404
    text = (await world.clients["gateway"].get("/metrics")).text
    assert 'soma_http_requests_total{method="GET",route="none",service="gateway",status="404"} 3.0' in text
    assert 'route="/a"' not in text


async def _ok() -> Component:
    return Component(status="ok")


async def _raises() -> Component:
    raise RuntimeError("boom")


async def _hangs() -> Component:
    await asyncio.sleep(30)
    return Component(status="ok")


@pytest.mark.parametrize(
    ("checks", "status"),
    [
        ([], "ok"),
        ([Check("a", True, _ok), Check("b", False, _ok)], "ok"),
        ([Check("a", True, _ok), Check("b", False, _raises)], "degraded"),
        ([Check("a", True, _raises), Check("b", False, _ok)], "down"),
        ([Check("a", True, _hangs)], "down"),
        ([Check("a", False, _hangs)], "degraded"),
    ],
)
async def test_the_whole_is_as_its_parts(checks: list[Check], status: str) -> None:
    assert (await examine(checks, bound=0.05)).status == status
