"""The message API behind the policy of the tree, asked of a real OPA."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from provision.processes import Running, start
from provision.tools import tool
from provision.waiting import Deadline, until
from tests.breakages import ROOT
from tests.services.issuing import Issuer, issuing
from tests.services.running import free_ports
from tests.services.test_guard import post
from tests.services.wiring import anyio_backend, started

__all__ = ["anyio_backend"]
pytestmark = pytest.mark.anyio
POLICY = ROOT / "infra" / "policy" / "soma.rego"
SERVES = Deadline("OPA to serve", 30)


@contextmanager
def serving(policy: Path) -> Iterator[tuple[str, Running]]:
    """OPA with a policy, and its address."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    argv: list[str | Path] = [
        tool("opa").path,
        "run",
        "--server",
        f"--addr=127.0.0.1:{port}",
        "--disable-telemetry",
        str(policy),
    ]
    with start(argv) as running, httpx.Client(trust_env=False) as client:

        def status() -> int:
            try:
                return client.get(f"{url}/health").status_code
            except httpx.HTTPError:
                return 0

        until(status, lambda seen: seen == 200, SERVES)
        yield url, running


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as made:
        yield made


async def test_the_policy_decides(tmp_path: Path, issuer: Issuer) -> None:
    with serving(POLICY) as (url, _):
        async with started(tmp_path, auth_url=issuer.url, opa_url=url) as world:
            assert (await post(world, issuer.token())).status_code == 200
            denied = await post(world, issuer.token(realm_access={"roles": ["operator"]}))
            assert (denied.status_code, denied.json()["detail"]) == (403, "denied by the policy")
            assert (await post(world, issuer.token(realm_access=None))).status_code == 403
            assert (await post(world)).status_code == 401
            gateway, headers = world.clients["gateway"], {"Authorization": f"Bearer {issuer.token()}"}
            assert (await gateway.get("/v1/session/s1/events", headers=headers)).status_code == 404
            assert (await gateway.get("/v1/session/a%2Fb/events", headers=headers)).status_code == 404
            health = (await gateway.get("/health")).json()
            assert (health["status"], health["components"]["opa"]["status"]) == ("ok", "ok")


async def test_tokens_are_not_needed_where_no_issuer_is_named_and_the_policy_denies(tmp_path: Path) -> None:
    with serving(POLICY) as (url, _):
        async with started(tmp_path, opa_url=url) as world:
            assert (await post(world)).status_code == 403


async def test_with_opa_killed_the_answer_is_deny(tmp_path: Path, issuer: Issuer) -> None:
    with serving(POLICY) as (url, opa):
        async with started(tmp_path, auth_url=issuer.url, opa_url=url) as world:
            assert (await post(world, issuer.token())).status_code == 200
            opa.stop()
            denied = await post(world, issuer.token())
            assert denied.status_code == 403
            assert "opa does not answer" in denied.json()["detail"]
            assert (await world.clients["gateway"].get("/ready")).status_code == 503


@pytest.mark.parametrize("rule", ['allow := "true"', "allow := 1", "deny := true", "allow := {true}"])
async def test_whatever_is_not_an_allowance_denies(tmp_path: Path, issuer: Issuer, rule: str) -> None:
    policy = tmp_path / "odd.rego"
    policy.write_text(f"package soma.policy\n\nimport rego.v1\n\n{rule}\n")
    with serving(policy) as (url, _):
        async with started(tmp_path, auth_url=issuer.url, opa_url=url) as world:
            assert (await post(world, issuer.token())).status_code == 403
