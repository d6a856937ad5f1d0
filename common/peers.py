"""Other services, over HTTP."""

from __future__ import annotations

import ssl
from functools import cache
from typing import Any

import httpx
from pydantic import BaseModel, JsonValue

from common.health import Component, Health
from common.logs import REQUEST_ID

CONNECT_SECONDS = 2.0
SERVICE_HEADER = "X-Soma-Service"
"""Every service signs its answers with its name in this header."""


class PeerFailed(Exception):
    """A peer did not answer, or not with success; the text names the peer."""


class Answer(BaseModel):
    """What a peer answered, and the name that it signed with."""

    by: str
    body: JsonValue


class Peer:
    """A client of one service.

    Args:
        name: what the peer is called in health and in messages.
        url: where it listens.
        seconds: how long one answer, or one part of a streamed answer, may take.
        transport: stands in for the network where two applications live in one process.
    """

    def __init__(
        self, name: str, url: str, *, seconds: float, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.name = name
        self.client = httpx.AsyncClient(
            base_url=url,
            timeout=httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds)),
            transport=transport,
            verify=_trust(),
            trust_env=False,  # traffic between services takes no proxy of the environment
            event_hooks={"request": [_pass_request_id_on]},
        )

    async def aclose(self) -> None:
        """Close its connections."""
        await self.client.aclose()

    async def post(self, path: str, body: dict[str, Any]) -> Answer:
        """Post JSON and read JSON.

        Raises:
            PeerFailed: no answer, no success, or no JSON.
        """
        try:
            response = await self.client.post(path, json=body)
        except httpx.HTTPError as error:
            raise PeerFailed(f"{self.name} does not answer: {reason(error)}") from error
        if not response.is_success:
            raise PeerFailed(f"{self.name} answers {response.status_code} to {path}")
        try:
            return Answer(by=response.headers.get(SERVICE_HEADER, self.name), body=response.json())
        except ValueError as error:
            raise PeerFailed(f"{self.name} answers no JSON to {path}") from error

    async def look(self) -> Component:
        """Its health, as it says itself; no answer, or no such body, is down."""
        try:
            response = await self.client.get("/health")
        except httpx.HTTPError as error:
            return Component(status="down", detail=f"does not answer: {reason(error)}")
        try:
            health = Health.model_validate_json(response.content)
        except ValueError:
            return Component(status="down", detail=f"answers {response.status_code} without a health body")
        troubled = [f"{name} is {part.status}" for name, part in health.components.items() if part.status != "ok"]
        return Component(status=health.status, detail=", ".join(troubled) or None)


def reason(error: Exception) -> str:
    """What an error says, or its kind where it says nothing."""
    return str(error) or type(error).__name__


@cache
def _trust() -> ssl.SSLContext:
    """One for all clients: reading the certificates takes 20 ms each time."""
    return ssl.create_default_context()


async def _pass_request_id_on(request: httpx.Request) -> None:
    if request_id := REQUEST_ID.get():
        request.headers["X-Request-ID"] = request_id
