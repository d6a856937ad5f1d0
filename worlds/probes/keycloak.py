"""Keycloak's own administration, as far as a proof needs a client that has no right to anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from blueprint.evidence import JSON
from blueprint.trouble import Trouble
from worlds.probes.http import fetch

ANSWER_SECONDS = 30.0
CREATED = 201


def admin_token(base: str, password: str, user: str = "admin") -> str:
    """A token of the administrator.

    Raises:
        Trouble: none is issued.
    """
    url = f"{base}/realms/master/protocol/openid-connect/token"
    form = {"grant_type": "password", "client_id": "admin-cli", "username": user, "password": password}
    answer = fetch(url, method="POST", form=form, seconds=ANSWER_SECONDS)
    body = answer.get("body")
    if not isinstance(body, dict) or not isinstance(body.get("access_token"), str):
        raise Trouble(f"the administrator gets no token: {answer}", where=base)
    return str(body["access_token"])


@contextmanager
def stranger(base: str, token: str, realm: str, name: str, secret: str) -> Iterator[None]:
    """A client with tokens for the gateway and without any role, for as long as the ``with`` lasts.

    Raises:
        Trouble: it cannot be made.
    """
    mapper: dict[str, JSON] = {
        "name": "audience",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-audience-mapper",
        "config": {"included.client.audience": "gateway", "access.token.claim": "true"},
    }
    client: dict[str, JSON] = {
        "clientId": name,
        "secret": secret,
        "serviceAccountsEnabled": True,
        "standardFlowEnabled": False,
        "protocolMappers": [mapper],
    }
    url = f"{base}/admin/realms/{realm}/clients"
    made = fetch(url, method="POST", body=client, token=token, seconds=ANSWER_SECONDS)
    if made["status"] != CREATED:
        raise Trouble(f"no client can be made: {made}", where=base)
    try:
        yield
    finally:
        found = fetch(f"{url}?clientId={name}", token=token, seconds=ANSWER_SECONDS).get("body")
        for one in found if isinstance(found, list) else ():
            if isinstance(one, dict):
                fetch(f"{url}/{one['id']}", method="DELETE", token=token, seconds=ANSWER_SECONDS)
