"""What stands before the message API: a token that is verified, and a policy that is asked."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute

from common.config.settings import Settings
from common.health import Check
from common.peers import Peer
from services.gateway.policy import Policy
from services.gateway.tokens import IssuerFailed, Refused, Tokens

CHALLENGE = {"WWW-Authenticate": "Bearer"}


@dataclass(frozen=True, slots=True)
class Guard:
    """Lets a request pass or not.

    Attributes:
        tokens: None where nobody is asked who they are.
        policy: None where nobody is asked who may.
    """

    tokens: Tokens | None = None
    policy: Policy | None = None

    @classmethod
    def of(cls, settings: Settings) -> Guard:
        """As the settings say: what has no URL is not asked."""
        auth, opa, seconds = settings.auth_url, settings.opa_url, settings.peer_seconds
        return cls(
            Tokens(Peer("auth", auth, seconds=seconds), settings.auth_audience) if auth else None,
            Policy(Peer("opa", opa, seconds=seconds)) if opa else None,
        )

    def checks(self) -> Iterator[Check]:
        """Of what it asks. Without the issuer, keys that are known still do; without the policy nothing passes."""
        if self.tokens:
            yield Check("auth", False, self.tokens.look)
        if self.policy:
            yield Check("opa", True, self.policy.look)

    async def admit(self, request: Request) -> None:
        """Return where the request may be served.

        Raises:
            HTTPException: 401 without a token that is good, 403 when it is denied, 503 when the issuer's keys are
                not known and cannot be had.
        """
        claims = await self._claims(request) if self.tokens else None
        if self.policy and (why := await self.policy.denial(request.method, request.scope["path"], claims)):
            raise HTTPException(403, why)

    async def aclose(self) -> None:
        """Close the connections."""
        for each in (self.tokens, self.policy):
            if each:
                await each.aclose()

    async def _claims(self, request: Request) -> dict[str, Any]:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip() or self.tokens is None:
            raise HTTPException(401, "a bearer token is needed", headers=CHALLENGE)
        try:
            return await self.tokens.claims(token.strip())
        except Refused as error:
            headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            raise HTTPException(401, f"the token is refused: {error}", headers=headers) from error
        except IssuerFailed as error:
            raise HTTPException(503, str(error)) from error


class Guarded(APIRoute):
    """A route whose guard is asked before anything of the request is read."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of FastAPI, behind the guard of the application."""
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            guard: Guard = request.app.state.guard
            await guard.admit(request)
            return await handle(request)

        return guarded
