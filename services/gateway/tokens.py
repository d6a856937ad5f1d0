"""Who asks: access tokens, verified against the keys that their issuer publishes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import jwt

from common.health import Component
from common.peers import Peer, reason

DISCOVERY = "/.well-known/openid-configuration"
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures that only the issuer can make; one that a shared secret makes is none of them."""
CLAIMS = ("exp", "iss", "aud")
"""What a token must hold; each is checked."""
LEEWAY_SECONDS = 5.0
"""How far the clocks of issuer and gateway may be apart."""
KEYS_SECONDS = 300.0
"""After this long the keys are asked for again; those that are known serve on while the issuer is away."""
PAUSE_SECONDS = 2.0
"""At least this long between two askings: tokens with made-up key ids cannot make us flood the issuer."""


class Refused(Exception):
    """The token does not show who asks; the text says why."""


class IssuerFailed(Exception):
    """The issuer did not say what its keys are; the text says why."""


class Tokens:
    """Verifies the tokens of one issuer, which is found by OpenID Connect discovery.

    Args:
        issuer: a client of the issuer, whose base URL the discovery document is below.
        audience: what a token has to be for.
        clock: seconds that only grow.
    """

    def __init__(self, issuer: Peer, audience: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._peer = issuer
        self._audience = audience
        self._clock = clock
        self._lock = asyncio.Lock()
        self._issuer = ""
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._asked_at = float("-inf")
        self._known_at = float("-inf")

    async def claims(self, token: str) -> dict[str, Any]:
        """What a token says of whoever holds it.

        Raises:
            Refused: it is none, it is not the issuer's, it is not for us, or its time is over.
            IssuerFailed: no keys are known, and the issuer does not tell them.
        """
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError as error:
            raise Refused("not a token") from error
        key = await self._key(str(header.get("kid", "")))
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": list(CLAIMS)},
            )
        except jwt.PyJWTError as error:
            raise Refused(str(error) or type(error).__name__) from error
        return claims

    async def look(self) -> Component:
        """Whether its keys can be had."""
        try:
            await self._refresh(KEYS_SECONDS)
        except IssuerFailed as error:
            return Component(status="degraded" if self._keys else "down", detail=str(error))
        return Component(status="ok")

    async def aclose(self) -> None:
        """Close the connections to the issuer."""
        await self._peer.aclose()

    async def _key(self, kid: str) -> jwt.PyJWK:
        """The key of an id; the issuer is asked again where it is not known."""
        try:
            await self._refresh(KEYS_SECONDS)
            if kid not in self._keys:
                await self._refresh(PAUSE_SECONDS)
        except IssuerFailed:
            if kid not in self._keys:
                raise
        if kid not in self._keys:
            raise Refused("signed with a key that the issuer does not have")
        return self._keys[kid]

    async def _refresh(self, oldest: float) -> None:
        """Have keys that are not older than that many seconds, unless they were asked for a moment ago."""
        async with self._lock:
            now = self._clock()
            if now - self._known_at < oldest:
                return
            if now - self._asked_at < PAUSE_SECONDS:
                if not self._keys:
                    raise IssuerFailed(f"{self._peer.name} had no keys a moment ago")
                return
            try:
                self._issuer, self._keys = await self._found()
            except IssuerFailed:
                self._asked_at = now
                raise
            self._asked_at = self._known_at = now

    async def _found(self) -> tuple[str, dict[str, jwt.PyJWK]]:
        document = await self._get(DISCOVERY)
        keys = _signing_keys(await self._get(str(document.get("jwks_uri", ""))))
        if not document.get("issuer") or not keys:
            raise IssuerFailed(f"{self._peer.name} names no issuer or no key")
        return str(document["issuer"]), keys

    async def _get(self, url: str) -> dict[str, Any]:
        try:
            answer = await self._peer.client.get(url)
            document = answer.raise_for_status().json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise IssuerFailed(f"{self._peer.name} does not tell its keys: {reason(error)}") from error
        if not isinstance(document, dict):
            raise IssuerFailed(f"{self._peer.name} answers something else than a document to {url}")
        return document


def _signing_keys(document: Mapping[str, Any]) -> dict[str, jwt.PyJWK]:
    """The keys of a set that sign; those that encrypt, and those of a kind that is not known, are left out."""
    found: dict[str, jwt.PyJWK] = {}
    listed = document.get("keys")
    for each in listed if isinstance(listed, list) else ():
        if not isinstance(each, dict) or each.get("use", "sig") != "sig" or each.get("kty") == "oct":
            continue
        try:
            key = jwt.PyJWK.from_dict(each)
        except jwt.PyJWTError:
            continue
        if key.key_id:
            found[key.key_id] = key
    return found
