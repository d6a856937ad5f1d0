"""The message API behind tokens: whose are taken, whose are refused, and what becomes of the keys."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import jwt
import pytest

from common.peers import Peer
from services.gateway.tokens import KEYS_SECONDS, PAUSE_SECONDS, IssuerFailed, Refused, Tokens
from tests.services.issuing import Issuer, issuing, rsa_key
from tests.services.running import free_ports
from tests.services.wiring import World, started

pytestmark = pytest.mark.anyio
OPEN = ("/health", "/v1/health", "/ready", "/live", "/metrics")
MESSAGE = "/v1/session/message"


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as made:
        yield made


@pytest.fixture
async def guarded(tmp_path: Path, issuer: Issuer) -> AsyncIterator[World]:
    """All five, whose gateway takes the issuer's tokens."""
    async with started(tmp_path, auth_url=issuer.url) as made:
        yield made


class Clock:
    """Seconds that pass when they are told to."""

    now = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def tokens(issuer: Issuer, clock: Clock) -> AsyncIterator[Tokens]:
    made = Tokens(Peer("auth", issuer.url, seconds=5), "gateway", clock)
    yield made
    await made.aclose()


async def post(world: World, token: str = "", **more: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return await world.clients["gateway"].post(MESSAGE, json={"message": "What is 6 * 7?", **more}, headers=headers)


async def test_without_an_issuer_nobody_needs_a_token(world: World) -> None:
    assert (await post(world)).status_code == 200
    assert set((await world.clients["gateway"].get("/health")).json()["components"]) == {
        *("conversation_worker", "memory_service", "tool_executor", "ui"),
    }


async def test_a_good_token_sends_a_message_and_follows_its_events(guarded: World, issuer: Issuer) -> None:
    headers = {"Authorization": f"bearer {issuer.token()}"}
    taken = await post(guarded, issuer.token())
    assert taken.status_code == 200, taken.text
    url, gateway = taken.json()["events"], guarded.clients["gateway"]
    async with asyncio.timeout(20):
        while True:
            seen = await gateway.get(url, params={"follow": "false"}, headers=headers)
            if "answered" in seen.text:
                break
            await asyncio.sleep(0.01)
    assert "42" in seen.text
    assert (await gateway.get(url, params={"follow": "false"})).status_code == 401


@pytest.mark.parametrize("path", OPEN)
async def test_what_watches_the_process_needs_no_token(guarded: World, path: str) -> None:
    assert (await guarded.clients["gateway"].get(path)).status_code == 200


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer  ", "Basic c29tYTpzb21h", "Bearer not.a.token", "Bearer x"])
async def test_without_a_token_the_answer_is_401_before_anything_is_read(guarded: World, header: str) -> None:
    headers = {"Authorization": header} if header else {}
    answer = await guarded.clients["gateway"].post(MESSAGE, content=b"{", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.json()["detail"]
    assert answer.headers["X-Soma-Service"] == "gateway"


def unsigned(token: str) -> str:
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": "first"}).encode()).decode().rstrip("=")
    return f"{header}.{token.split('.')[1]}."


def with_other_claims(token: str) -> str:
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    claims["realm_access"] = {"roles": ["operator"]}
    return f"{head}.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.{signature}"


def by_another(issuer: Issuer) -> str:
    with issuing() as other:
        return other.token(iss=issuer.url)


def by_shared_secret(issuer: Issuer) -> str:
    secret = "the published key, taken for a secret that both would have"
    return jwt.encode({"iss": issuer.url, "aud": "gateway", "exp": 9e9}, secret, "HS256", headers={"kid": "first"})


FORGED = {
    "expired": lambda issuer: issuer.token(exp=int(time.time()) - 60),
    "for another": lambda issuer: issuer.token(aud="account"),
    "of another issuer": lambda issuer: issuer.token(iss="http://elsewhere/realms/soma"),
    "not yet valid": lambda issuer: issuer.token(nbf=int(time.time()) + 600),
    "without an end": lambda issuer: issuer.token(exp=None),
    "without an audience": lambda issuer: issuer.token(aud=None),
    "without an issuer": lambda issuer: issuer.token(iss=None),
    "unsigned": lambda issuer: unsigned(issuer.token()),
    "changed": lambda issuer: with_other_claims(issuer.token()),
    "signed by another": by_another,
    "signed with a shared secret": by_shared_secret,
}


@pytest.mark.parametrize("name", FORGED)
async def test_a_token_that_is_not_good_is_refused(guarded: World, issuer: Issuer, name: str) -> None:
    answer = await post(guarded, FORGED[name](issuer))
    assert answer.status_code == 401, answer.text
    assert answer.json()["detail"].startswith("the token is refused")
    assert "invalid_token" in answer.headers["WWW-Authenticate"]


async def test_a_key_of_the_other_kind_is_taken_too(guarded: World, issuer: Issuer) -> None:
    issuer.keys = {"rsa": rsa_key()}
    assert (await post(guarded, issuer.token())).status_code == 200


async def test_the_issuer_that_the_discovery_document_names_is_the_issuer(tokens: Tokens, issuer: Issuer) -> None:
    issuer.named = "https://sso.example/realms/soma"
    assert (await tokens.claims(issuer.token(iss=issuer.named)))["sub"] == "someone"
    with pytest.raises(Refused, match="issuer"):
        await tokens.claims(issuer.token())


async def test_keys_are_asked_for_once(tokens: Tokens, issuer: Issuer) -> None:
    for _ in range(5):
        await tokens.claims(issuer.token())
    assert issuer.asked == 1


async def test_a_new_key_is_asked_for_as_soon_as_it_is_seen(tokens: Tokens, issuer: Issuer, clock: Clock) -> None:
    old = issuer.token()
    await tokens.claims(old)
    issuer.rotate("second")
    clock.now += PAUSE_SECONDS
    assert await tokens.claims(issuer.token())
    with pytest.raises(Refused, match="a key that the issuer does not have"):
        await tokens.claims(old)


async def test_made_up_key_ids_do_not_flood_the_issuer(tokens: Tokens, issuer: Issuer, clock: Clock) -> None:
    await tokens.claims(issuer.token())
    with issuing() as other:
        for number in range(50):
            other.rotate(f"made-up-{number}")
            clock.now += PAUSE_SECONDS / 10
            with pytest.raises(Refused):
                await tokens.claims(other.token(iss=issuer.url))
    assert issuer.asked <= 1 + 50 / 10


async def test_known_keys_serve_on_while_the_issuer_is_away(tokens: Tokens, issuer: Issuer, clock: Clock) -> None:
    token = issuer.token()
    await tokens.claims(token)
    issuer.broken = True
    clock.now += KEYS_SECONDS + 1
    assert await tokens.claims(token)
    assert (await tokens.look()).status in {"ok", "degraded"}
    clock.now += PAUSE_SECONDS
    seen = await tokens.look()
    assert (seen.status, "500" in str(seen.detail)) == ("degraded", True)


async def test_without_any_key_nobody_can_be_told(tokens: Tokens, issuer: Issuer, clock: Clock) -> None:
    token = issuer.token()
    issuer.broken = True
    for _ in range(2):
        with pytest.raises(IssuerFailed):
            await tokens.claims(token)
    assert (await tokens.look()).status == "down"
    issuer.broken = False
    clock.now += PAUSE_SECONDS
    assert await tokens.claims(token)


async def test_what_is_no_key_of_ours_in_the_set_is_left_out(tokens: Tokens, issuer: Issuer) -> None:
    issuer.more = [
        {"kid": "secret", "kty": "oct", "k": "c2VjcmV0"},
        {"kid": "sealing", "kty": "RSA", "use": "enc", "alg": "RSA-OAEP", "n": "AQAB", "e": "AQAB"},
        {"kid": "odd", "kty": "never-heard-of"},
        {"kid": "torn", "kty": "EC", "crv": "P-256"},
    ]
    assert await tokens.claims(issuer.token())
    assert issuer.asked == 1


async def test_a_gateway_without_its_issuer_says_so_and_lets_nobody_in(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    async with started(tmp_path, auth_url=f"http://127.0.0.1:{port}/realms/soma") as world:
        with issuing() as other:
            answer = await post(world, other.token())
        assert answer.status_code == 503
        assert "auth does not tell its keys" in answer.json()["detail"]
        assert (await post(world)).status_code == 401
        health = await world.clients["gateway"].get("/health")
        assert health.status_code == 200
        assert health.json()["components"]["auth"]["status"] == "down"
        assert health.json()["status"] == "degraded"


async def test_with_the_policy_away_the_answer_is_deny(tmp_path: Path, issuer: Issuer) -> None:
    (port,) = free_ports(1)
    async with started(tmp_path, auth_url=issuer.url, opa_url=f"http://127.0.0.1:{port}") as world:
        answer = await post(world, issuer.token())
        assert (answer.status_code, answer.json()["detail"].partition(":")[0]) == (403, "denied")
        assert (await post(world)).status_code == 401
        health = await world.clients["gateway"].get("/health")
        assert (health.status_code, health.json()["components"]["opa"]["status"]) == (503, "down")
