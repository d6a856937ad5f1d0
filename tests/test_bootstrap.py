"""What the Jobs of the charts do once: secrets that are there stay; Vault is set up, opened, or not touched."""

from __future__ import annotations

import base64
import importlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.breakages import ROOT

SCRIPTS = ROOT / "infra" / "helm" / "soma-infra" / "files" / "bootstrap"
NAMES = ("cluster", "make_secrets", "set_up_vault", "unseal")
VAULT = "http://vault-0:8200"


class Cluster:
    """The Secrets of a namespace, and a Vault of one member with Shamir's shares."""

    def __init__(self) -> None:
        self.secrets: dict[str, dict[str, str]] = {}
        self.initialised = False
        self.given: set[str] = set()
        self.kept: dict[str, Any] = {}
        self.refused: type[Exception] = Exception

    def api(self, path: str, method: str = "GET", body: Any = None) -> dict[str, Any]:  # noqa: ANN401 - any object
        """The part of the API server that the Jobs use."""
        name = body["metadata"]["name"] if body else path.rpartition("/")[2]
        if method == "POST":
            if name in self.secrets:
                raise self.refused(409, "there")
            self.secrets[name] = body["data"]
        elif name not in self.secrets:
            raise self.refused(404, "none")
        return {"data": self.secrets[name]}

    def ask(
        self,
        url: str,
        method: str = "GET",
        body: Any = None,  # noqa: ANN401 - any object
        headers: Mapping[str, str] | None = None,
        *,
        seconds: float = 10.0,
    ) -> Any:  # noqa: ANN401 - as above
        """The part of Vault that they use."""
        path = url.removeprefix(f"{VAULT}/v1/").partition("?")[0]
        sealed = len(self.given) < 3
        if path == "sys/health":
            return {"initialized": self.initialised, "sealed": sealed}
        if path == "sys/init":
            assert seconds >= 120, "the keys are lost with the answer"
            self.initialised = True
            return {"root_token": "root", "keys_base64": [f"share-{number}" for number in range(5)]}
        if path == "sys/unseal":
            self.given.add(body["key"])
            return {}
        assert headers == {"X-Vault-Token": "root"}
        assert not sealed
        if method == "POST":
            self.kept[path] = body
            return {}
        if path in {"sys/mounts", "sys/auth"}:
            return {"data": {f"{each.removeprefix(path + '/')}/": {} for each in self.kept if each.startswith(path)}}
        if path not in self.kept:
            raise self.refused(404, "none")
        return self.kept[path]


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """The scripts, importable, before such a cluster."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    settings = {"NAMESPACE": "soma-dev", "VAULT_ADDR": VAULT, "VAULT_MEMBERS": VAULT, "VAULT_SEAL": "shamir"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    double = Cluster()
    module = importlib.import_module("cluster")
    double.refused = module.Refused
    monkeypatch.setattr(module, "_api", double.api)
    monkeypatch.setattr(module, "ask", double.ask)
    yield double
    for name in NAMES:
        sys.modules.pop(name, None)


def run(name: str) -> None:
    importlib.import_module(name).main()


def test_secrets_are_made_once(there: Cluster) -> None:
    run("make_secrets")
    first = json.dumps(there.secrets)
    run("make_secrets")
    assert json.dumps(there.secrets) == first
    assert set(there.secrets) == {
        *("postgres-password", "auth-admin", "gateway-client", "vault-seal", "object-store-identities")
    }
    assert len(base64.b64decode(there.secrets["vault-seal"]["key"])) == 32
    words = [value for data in there.secrets.values() for value in data.values()]
    assert len(set(words)) == len(words)
    keys = json.loads(base64.b64decode(there.secrets["object-store-identities"]["identities.json"]))
    assert keys["identities"][0]["credentials"][0]["accessKey"]


def test_vault_is_set_up_once_and_again_without_a_change(there: Cluster) -> None:
    run("make_secrets")
    run("set_up_vault")
    kept = json.dumps(there.kept, sort_keys=True)
    assert there.kept["auth/kubernetes/role/memory-service"]["bound_service_account_namespaces"] == ["soma-dev"]
    password = base64.b64decode(there.secrets["postgres-password"]["password"]).decode()
    assert there.kept["secret/data/soma/postgres"] == {"data": {"password": password}}
    assert "gateway-client" not in there.kept["sys/policies/acl/memory-service"]["policy"]
    run("set_up_vault")
    assert json.dumps(there.kept, sort_keys=True) == kept


def test_a_rotated_secret_is_not_put_back(there: Cluster) -> None:
    run("make_secrets")
    run("set_up_vault")
    there.kept["secret/data/soma/postgres"] = {"data": {"password": "rotated"}}
    run("set_up_vault")
    assert there.kept["secret/data/soma/postgres"] == {"data": {"password": "rotated"}}


def test_a_vault_whose_keys_are_gone_is_not_touched(there: Cluster) -> None:
    run("make_secrets")
    run("set_up_vault")
    del there.secrets["vault-keys"]
    with pytest.raises(SystemExit, match="the Secret vault-keys is gone"):
        run("set_up_vault")


def test_a_new_vault_beside_old_keys_is_refused(there: Cluster) -> None:
    there.secrets["vault-keys"] = {"keys.json": base64.b64encode(b"{}").decode()}
    with pytest.raises(SystemExit, match="it is of another Vault"):
        run("set_up_vault")


def test_a_sealed_member_is_opened_as_soon_as_there_are_shares(
    there: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.initialised = True
    shares = tmp_path / "keys.json"
    monkeypatch.setenv("SHARES", str(shares))
    unseal = importlib.import_module("unseal")

    def ask(path: str, body: Any = None) -> object:  # noqa: ANN401 - any answer
        if path == "sys/seal-status":
            return there.ask(f"{VAULT}/v1/sys/health")
        return there.ask(f"{VAULT}/v1/{path}", "PUT", body)

    monkeypatch.setattr(unseal, "ask", ask)
    assert unseal.look() == "sealed, and no shares yet"
    shares.write_text(json.dumps({"shares": ["a", "b", "c", "d", "e"]}))
    assert unseal.look() == "unsealed"
    assert unseal.look() == "open"
