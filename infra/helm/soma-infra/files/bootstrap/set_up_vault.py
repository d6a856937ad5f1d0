"""Initialise Vault once, open it where it is sealed, and tell it who may read what; safe to run again."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cluster
from cluster import Refused

ADDRESS = os.environ.get("VAULT_ADDR", "")
MEMBERS = tuple(filter(None, os.environ.get("VAULT_MEMBERS", "").split(",")))
SHARES, THRESHOLD = 5, 3
KEYS = "vault-keys"
INIT_SECONDS = 180.0
"""The keys stand in the answer to the initialisation and nowhere else: it is waited for, however slow the disk is."""
READERS = {"memory-service": "postgres", "gateway": "gateway-client"}
"""Service account, and the one secret that it may read."""
TOKEN_SECONDS = 3600
_ANY_STATE = "standbyok=true&perfstandbyok=true&sealedcode=200&uninitcode=200"


def state(member: str) -> dict[str, Any]:
    """What a member says of itself, sealed or not."""
    return cluster.ask(f"{member}/v1/sys/health?{_ANY_STATE}")


def initialised() -> dict[str, Any]:
    """The root token and the shares: of now, or of the first run, from the Secret that it made."""
    cluster.until("the first member", lambda: bool(state(ADDRESS)))
    if state(ADDRESS)["initialized"]:
        kept = cluster.read_secret(KEYS)
        if not kept:
            raise SystemExit(f"Vault is initialised and the Secret {KEYS} is gone: restore it from where you keep it")
        found: dict[str, Any] = json.loads(kept["keys.json"])
        return found
    kind = "secret" if os.environ["VAULT_SEAL"] == "shamir" else "recovery"
    asked = {f"{kind}_shares": SHARES, f"{kind}_threshold": THRESHOLD}
    answer = cluster.ask(f"{ADDRESS}/v1/sys/init", "PUT", asked, seconds=INIT_SECONDS)
    keys = {"root_token": answer["root_token"], "shares": answer.get("keys_base64", [])}
    if not cluster.make_secret(KEYS, {"keys.json": json.dumps(keys).encode()}):
        raise SystemExit(f"Vault was new and the Secret {KEYS} was there: it is of another Vault; move it away")
    cluster.say("initialised")
    return keys


def unseal(shares: list[str]) -> None:
    """Open every member; one that joins asks for the shares again, a static seal opens itself."""

    def is_open(member: str) -> bool:
        seen = state(member)
        if seen["initialized"] and seen["sealed"]:
            for share in shares[:THRESHOLD]:
                cluster.ask(f"{member}/v1/sys/unseal", "PUT", {"key": share})
            seen = state(member)
        return bool(seen["initialized"]) and not seen["sealed"]

    for member in MEMBERS:
        cluster.until(f"{member} to be open", lambda member=member: is_open(member))  # type: ignore[misc] # bound now, not when called


class Vault:
    """Vault as its root sees it."""

    def __init__(self, token: str) -> None:
        self._headers = {"X-Vault-Token": token}

    def write(self, path: str, body: object) -> dict[str, Any]:
        """Write to a path."""
        return cluster.ask(f"{ADDRESS}/v1/{path}", "POST", body, self._headers)

    def read(self, path: str) -> dict[str, Any]:
        """Read a path; empty where nothing is there."""
        try:
            return cluster.ask(f"{ADDRESS}/v1/{path}", headers=self._headers)
        except Refused as refused:
            if refused.status != cluster.NOT_FOUND:
                raise
            return {}

    def mount(self, path: str, body: object) -> None:
        """Switch an engine on, once."""
        kind, _, name = path.rpartition("/")
        if f"{name}/" not in self.read(kind).get("data", {}):
            self.write(path, body)

    def keep(self, name: str, values: dict[str, str]) -> None:
        """Put a secret in where none is: one that was rotated there is not overwritten."""
        if not self.read(f"secret/data/soma/{name}"):
            self.write(f"secret/data/soma/{name}", {"data": values})


def set_up(vault: Vault) -> None:
    """Engines, policies, roles, and the secrets that were made with the installation."""
    vault.mount("sys/mounts/secret", {"type": "kv", "options": {"version": "2"}})
    vault.mount("sys/auth/kubernetes", {"type": "kubernetes"})
    vault.write("auth/kubernetes/config", {"kubernetes_host": "https://kubernetes.default.svc"})
    for account, secret in READERS.items():
        rule = f'path "secret/data/soma/{secret}" {{\n  capabilities = ["read"]\n}}\n'
        vault.write(f"sys/policies/acl/{account}", {"policy": rule})
        role = {
            "bound_service_account_names": [account],
            "bound_service_account_namespaces": [os.environ["NAMESPACE"]],
            "token_policies": [account],
            "token_ttl": TOKEN_SECONDS,
        }
        vault.write(f"auth/kubernetes/role/{account}", role)
    for name, secret, key in (
        ("postgres", "postgres-password", "password"),
        ("gateway-client", "gateway-client", "secret"),
    ):
        if kept := cluster.read_secret(secret):
            vault.keep(name, {key: kept[key].decode()})


def main() -> None:
    """All of it."""
    keys = initialised()
    unseal(keys["shares"])
    vault = Vault(keys["root_token"])
    cluster.until("a leader", lambda: bool(vault.read("sys/mounts")))
    set_up(vault)
    cluster.say(f"ready; {Path(__file__).name} changes nothing when it runs again")


if __name__ == "__main__":
    main()
