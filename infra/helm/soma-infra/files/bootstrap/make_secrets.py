"""Make, once, what no file of the repository may hold: each Secret that is there already stays as it is."""

from __future__ import annotations

import json
import secrets
from functools import partial

import cluster

BYTES = 32


def word() -> bytes:
    """A secret of 32 random bytes that goes into URLs and files as it stands."""
    return secrets.token_urlsafe(BYTES).encode()


def identities() -> dict[str, bytes]:
    """Who may use the object store, and the same as the server reads it."""
    access, key = secrets.token_hex(10), secrets.token_urlsafe(BYTES)
    document = {
        "identities": [
            {
                "name": "soma",
                "credentials": [{"accessKey": access, "secretKey": key}],
                "actions": ["Admin", "Read", "Write", "List", "Tagging"],
            }
        ]
    }
    return {
        "identities.json": json.dumps(document).encode(),
        "access-key": access.encode(),
        "secret-key": key.encode(),
    }


def is_kept(name: str, values: dict[str, bytes]) -> bool:
    """Make a Secret where none is; it is there afterwards."""
    cluster.say(f"{name}: {'made' if cluster.make_secret(name, values) else 'was there'}")
    return True


def main() -> None:
    """Make what is missing."""
    wanted = {
        "postgres-password": {"password": word()},
        "auth-admin": {"password": word()},
        "gateway-client": {"secret": word()},
        "vault-seal": {"key": secrets.token_bytes(BYTES)},
        "object-store-identities": identities(),
    }
    for name, values in wanted.items():
        cluster.until(f"the Secret {name}", partial(is_kept, name, values))


if __name__ == "__main__":
    main()
