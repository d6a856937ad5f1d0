"""An issuer of tokens, asked as OpenID Connect says: whatever product it is."""

from __future__ import annotations

import base64
import json
from typing import Any

from blueprint.evidence import JSON
from worlds.probes.http import fetch

TOKEN_SECONDS = 15.0
"""A first token may take an issuer on a small machine this long."""


def discover(issuer: str) -> dict[str, JSON]:
    """What the discovery document below an issuer's URL says, in the shape of the HTTP probe."""
    return fetch(f"{issuer.rstrip('/')}/.well-known/openid-configuration", seconds=TOKEN_SECONDS)


def client_token(issuer: str, client: str, secret: str) -> dict[str, JSON]:
    """A token of a client in its own name.

    Returns:
        The answer of the token endpoint in the shape of the HTTP probe, or that of the discovery where it names none.
        A ``token`` of its own holds the access token: a secret, that whoever asks keeps to themselves.
    """
    found = discover(issuer)
    endpoint = _table(found.get("body")).get("token_endpoint")
    if not isinstance(endpoint, str):
        return {**found, "error": found.get("error") or "the discovery document names no token_endpoint"}
    form = {"grant_type": "client_credentials", "client_id": client, "client_secret": secret}
    answer = fetch(endpoint, method="POST", form=form, seconds=TOKEN_SECONDS)
    body = _table(answer.get("body"))
    token = body.pop("access_token", None)
    shown: dict[str, JSON] = {**answer, "body": body} if body else answer
    return {**shown, "token": token} if isinstance(token, str) else shown


def claims(token: str) -> dict[str, Any]:
    """What a token says, unverified; nothing where it is none."""
    parts = token.split(".")
    try:
        return _table(json.loads(_decoded(parts[1])))
    except (IndexError, ValueError):
        return {}


def forgeries(token: str) -> dict[str, str]:
    """Tokens made of a good one that must be refused, by what was done to them."""
    head, body, signature = token.split(".")
    more = {**claims(token), "realm_access": {"roles": ["conversation", "operator"]}, "sub": "somebody else"}
    unsigned = _encoded({**_table(json.loads(_decoded(head))), "alg": "none"})
    first = "B" if signature.startswith("A") else "A"
    return {
        "changed": f"{head}.{_encoded(more)}.{signature}",
        "unsigned": f"{unsigned}.{body}.",
        "signed otherwise": f"{head}.{body}.{first}{signature[1:]}",
    }


def _table(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _encoded(document: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")
