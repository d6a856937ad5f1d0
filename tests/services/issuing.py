"""An issuer of tokens on loopback: a discovery document, keys that can be changed, and what they sign."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa_key
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

REALM = "/realms/soma"
MEMBER = {"realm_access": {"roles": ["conversation"]}}


@cache
def rsa_key() -> RSAPrivateKey:
    """One for all tests: it takes a while to make."""
    return generate_rsa_key(65537, 2048)


@dataclass
class Issuer:
    """What the server publishes, and how often it was asked for its keys.

    Attributes:
        url: of the issuer.
        keys: signing keys by id.
        more: further entries of the published set.
        named: the issuer that the discovery document names; its own URL where empty.
        broken: answers 500 to everything.
    """

    url: str = ""
    keys: dict[str, EllipticCurvePrivateKey | RSAPrivateKey] = field(default_factory=dict)
    more: list[dict[str, Any]] = field(default_factory=list)
    named: str = ""
    broken: bool = False
    asked: int = 0

    def rotate(self, kid: str) -> None:
        """Sign with a new key alone."""
        self.keys = {kid: generate_private_key(SECP256R1())}

    def token(self, kid: str = "", **claims: object) -> str:
        """A token that is good, but for the claims given; None takes one away."""
        kid = kid or next(iter(self.keys))
        now = int(time.time())
        told: dict[str, object] = {"iss": self.url, "aud": "gateway", "iat": now, "exp": now + 300, "sub": "someone"}
        kept = {name: value for name, value in (told | MEMBER | claims).items() if value is not None}
        key = self.keys[kid]
        algorithm = "RS256" if isinstance(key, RSAPrivateKey) else "ES256"
        return jwt.encode(kept, key, algorithm, headers={"kid": kid})

    def answer(self, path: str) -> Any:  # noqa: ANN401 - a JSON document
        """What is at a path; None where nothing is."""
        if path == f"{REALM}/.well-known/openid-configuration":
            return {"issuer": self.named or self.url, "jwks_uri": f"{self.url}/certs"}
        if path == f"{REALM}/certs":
            self.asked += 1
            return {"keys": [*self.more, *(_published(kid, key) for kid, key in self.keys.items())]}
        return None


def _published(kid: str, key: EllipticCurvePrivateKey | RSAPrivateKey) -> dict[str, Any]:
    if isinstance(key, RSAPrivateKey):
        document = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        document = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**document, "kid": kid, "use": "sig"}


@contextmanager
def issuing() -> Iterator[Issuer]:
    """An issuer that listens, with one key."""
    issuer = Issuer()
    issuer.rotate("first")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            document = issuer.answer(self.path)
            self.send_response(500 if issuer.broken else 404 if document is None else 200)
            body = json.dumps(document).encode()
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: a test's output is its own."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        issuer.url = f"http://127.0.0.1:{server.server_port}{REALM}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join()
