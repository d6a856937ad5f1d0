"""The ui: one page, and a way to the gateway on the page's own origin."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path as File
from typing import Annotated

import httpx
from fastapi import FastAPI, HTTPException, Path, Request, Response
from fastapi.responses import FileResponse, StreamingResponse

from common.config.settings import Settings
from common.peers import Peer, reason
from common.service import Service
from common.stopping import until_stopped
from common.wire import Id

PAGE = File(__file__).parent / "page"
_SAFE = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_PASSED_ON = frozenset({"content-type", "last-event-id", "accept", "authorization"})
"""The token is whoever's who stands in front, such as a proxy that signs people in; the ui has none of its own."""
_PASSED_BACK = frozenset({"www-authenticate", "retry-after"})
_PING_SECONDS = 40.0
"""The gateway sends a comment every 15 s, so a stream that is silent for longer is dead."""


def build(settings: Settings, *, gateway: httpx.AsyncBaseTransport | None = None) -> FastAPI:
    """The application; the transport stands in for the network where the gateway lives in the same process."""
    peer = Peer("gateway", settings.gateway_url, seconds=_PING_SECONDS, transport=gateway)

    @asynccontextmanager
    async def alive() -> AsyncIterator[None]:
        yield
        await peer.aclose()

    service = Service("ui", settings, alive=alive)

    async def passed_on(request: Request, path: str) -> Response:
        headers = {name: value for name, value in request.headers.items() if name in _PASSED_ON}
        asked = peer.client.build_request(
            request.method, path, headers=headers, content=await request.body(), params=request.query_params
        )
        try:
            answer = await peer.client.send(asked, stream=True)
        except httpx.HTTPError as error:
            raise HTTPException(502, f"gateway does not answer: {reason(error)}") from error
        passed_back = {name: value for name, value in answer.headers.items() if name in _PASSED_BACK}
        return StreamingResponse(
            _bytes(answer, service),
            status_code=answer.status_code,
            headers={**passed_back, "Cache-Control": "no-store", "X-Accel-Buffering": "no"},
            media_type=answer.headers.get("content-type"),
        )

    @service.app.get("/api/health", response_model=None)
    async def health(request: Request) -> Response:
        return await passed_on(request, "/health")

    @service.app.post("/api/v1/session/message", response_model=None)
    async def message(request: Request) -> Response:
        return await passed_on(request, "/v1/session/message")

    @service.app.get("/api/v1/session/{session_id}/events", response_model=None)
    async def events(request: Request, session_id: Annotated[Id, Path()]) -> Response:
        return await passed_on(request, f"/v1/session/{session_id}/events")

    for path, file in (("/", "index.html"), ("/page.js", "page.js"), ("/page.css", "page.css")):
        service.app.add_api_route(path, _serve(PAGE / file), response_model=None, methods=["GET"])
    return service.app


def _serve(file: File) -> Callable[[], Awaitable[FileResponse]]:
    async def serve() -> FileResponse:
        return FileResponse(file, headers=_SAFE)

    return serve


async def _bytes(answer: httpx.Response, service: Service) -> AsyncIterator[bytes]:
    try:
        async for part in until_stopped(answer.aiter_raw(), service.stopping):
            yield part
    except httpx.HTTPError as error:
        service.logger.warning("the gateway broke off: %s", reason(error))
    finally:
        await answer.aclose()


app = build(Settings())
