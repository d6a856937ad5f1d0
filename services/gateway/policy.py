"""Who may: the policy, asked before a request is served."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from common.health import Component
from common.peers import Peer, PeerFailed, reason

ALLOW = "/v1/data/soma/policy/allow"


class Policy:
    """Asks OPA; whatever it does not allow in so many words is denied, also when it does not answer.

    Args:
        opa: a client of OPA.
    """

    def __init__(self, opa: Peer) -> None:
        self._peer = opa

    async def denial(self, method: str, path: str, claims: Mapping[str, Any] | None) -> str:
        """Why a request is denied; empty where it is allowed.

        Args:
            method: of the request.
            path: of the request; the policy gets it in segments.
            claims: of the verified token; None where tokens are not asked for.
        """
        asked: dict[str, Any] = {"method": method, "path": path.removeprefix("/").split("/")}
        if claims is not None:
            asked["claims"] = dict(claims)
        try:
            answer = await self._peer.post(ALLOW, {"input": asked})
        except PeerFailed as error:
            return f"denied: {error}"
        allowed = isinstance(answer.body, dict) and answer.body.get("result") is True
        return "" if allowed else "denied by the policy"

    async def look(self) -> Component:
        """Whether it answers, and has a policy."""
        try:
            answer = await self._peer.client.get(ALLOW)
            document = answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            return Component(status="down", detail=f"does not answer: {reason(error)}")
        if not isinstance(document, dict) or "result" not in document:
            return Component(status="down", detail="has no package soma.policy")
        return Component(status="ok")

    async def aclose(self) -> None:
        """Close the connections to it."""
        await self._peer.aclose()
