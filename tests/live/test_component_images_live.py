"""What is in the images that only the charts use: they run as a pod of the chart runs them, and end cleanly."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.engine import Engine, engine
from provision.images import ensure
from provision.processes import Completed
from tests.live.test_built_images_live import Container, ignore
from tests.verifying import ROOT

COMPONENTS = ("etcd", "opa", "openbao", "redis")


@pytest.fixture(scope="module")
def docker() -> Engine:
    """The engine in use, with the images of the components."""
    found = engine()
    ensure(COMPONENTS, found, "build", ignore, overlay=None)
    return found


@pytest.fixture
def container(docker: Engine) -> Iterator[Container]:
    container = Container(docker)
    yield container
    container.remove()


def reaching(port: int, path: str) -> tuple[str, ...]:
    """A program that succeeds once a path is answered with 200; what is in every one of these images."""
    ask = f"exec 3<>/dev/tcp/127.0.0.1/{port}; printf 'GET {path} HTTP/1.0\\r\\n\\r\\n' >&3"
    return "bash", "-c", f"{ask}; head -n1 <&3 | grep -q ' 200 '"


def test_etcd_keeps_what_was_put_when_it_is_killed(container: Container) -> None:
    clients = ("--listen-client-urls=http://0.0.0.0:2379", "--advertise-client-urls=http://127.0.0.1:2379")
    command = ("etcd", "--data-dir=/var/lib/etcd/data", *clients)
    container.run("soma.local/etcd:3.7.3", "--user=1000:1000", container.volume("/var/lib/etcd"), command=command)
    container.serving(*reaching(2379, "/readyz"))
    assert container.exec("etcdctl", "put", "flag", "on").stdout.strip() == "OK"
    container.docker("kill", container.name)
    container.docker("start", container.name)
    container.serving(*reaching(2379, "/livez"))
    assert container.exec("etcdctl", "get", "--print-value-only", "flag").stdout.strip() == "on"
    assert container.exec("etcdutl", "version").stdout.startswith("etcdutl version: 3.7.3")
    assert container.ended() in {0, 143}  # it raises the signal again once it has closed its files


def test_opa_serves_the_charts_policy_and_denies_what_no_rule_allows(container: Container) -> None:
    policy = ROOT / "infra" / "helm" / "soma-infra" / "files" / "policy"
    command = ("run", "--server", "--addr=0.0.0.0:8181", "--disable-telemetry", "/policy/soma.rego")
    container.run("soma.local/opa:1.22.2", "--user=1000:1000", f"--volume={policy}:/policy:ro", command=command)
    container.serving(*reaching(8181, "/health"))
    asked = container.exec(*talk("/v1/data/soma/policy/allow", '{"input": {"method": "GET", "path": ["live"]}}'))
    assert '"result":true' in asked.stdout
    asked = container.exec(*talk("/v1/data/soma/policy/allow", '{"input": {"method": "POST", "path": ["live"]}}'))
    assert '"result":false' in asked.stdout
    assert container.ended() == 0


def talk(path: str, body: str) -> tuple[str, ...]:
    """A program that posts a body to OPA and prints its answer."""
    asked = f"POST {path} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    return "bash", "-c", 'exec 3<>/dev/tcp/127.0.0.1/8181; printf %s "$1" >&3; cat <&3', "talk", asked


def bao(container: Container, *asked: str) -> Completed:
    return container.exec("sh", "-ec", 'BAO_ADDR=http://127.0.0.1:8200 exec bao "$@"', "bao", *asked)


def test_openbao_unseals_itself_and_keeps_a_secret(container: Container, tmp_path: Path) -> None:
    (tmp_path / "vault.hcl").write_text(VAULT, encoding="utf-8")
    (tmp_path / "key").write_bytes(secrets.token_bytes(32))
    tmp_path.chmod(0o755)
    given = ("--user=100:1000", "--tmpfs=/tmp", "--env=HOME=/tmp", container.volume("/openbao/file"))
    image = ("soma.local/openbao:2.7.2", *given, f"--volume={tmp_path}:/vault/config:ro")
    container.run(*image, command=("server", "-config=/vault/config/vault.hcl"))
    container.serving(*reaching(8200, "/v1/sys/health?uninitcode=200"))
    made = bao(container, "operator", "init", "-format=json", "-recovery-shares=1", "-recovery-threshold=1")
    token = json.loads(made.stdout)["root_token"]
    container.serving(*reaching(8200, "/v1/sys/health"))
    login = ("sh", "-ec", 'echo "$1" > /tmp/.vault-token', "login", token)
    assert container.exec(*login).exit_code == 0
    assert bao(container, "secrets", "enable", "-path=soma", "kv").exit_code == 0
    assert bao(container, "kv", "put", "soma/db", "password=minted").exit_code == 0
    container.docker("restart", container.name)
    container.serving(*reaching(8200, "/v1/sys/health"))
    assert container.exec(*login).exit_code == 0
    assert bao(container, "kv", "get", "-field=password", "soma/db").stdout.strip() == "minted"
    assert container.exec("vault", "version").stdout.startswith("OpenBao v2.7.2")
    assert container.exec("id", "-u").stdout.strip() == "100"
    assert container.ended() == 0


VAULT = """
listener "tcp" {
  address     = "0.0.0.0:8200"
  tls_disable = true
}
storage "raft" {
  path    = "/openbao/file"
  node_id = "vault-0"
}
seal "static" {
  current_key_id = "1"
  current_key    = "file:///vault/config/key"
}
api_addr     = "http://127.0.0.1:8200"
cluster_addr = "http://127.0.0.1:8201"
"""


def redis(container: Container, *asked: str) -> str:
    return container.exec("redis-cli", "-h", "127.0.0.1", *asked).stdout.strip()


def test_redis_keeps_what_was_set_when_it_is_killed(container: Container) -> None:
    command = ("redis-server", "--bind", "0.0.0.0", "--protected-mode", "no", "--dir", "/data")
    kept = ("--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory", "96mb")
    container.run("soma.local/redis:7.0.15", "--user=999:999", container.volume("/data"), command=command + kept)
    pong = ("sh", "-ec", "redis-cli -h 127.0.0.1 ping | grep -qx PONG")
    container.serving(*pong)
    assert redis(container, "set", "session", "kept") == "OK"
    assert redis(container, "config", "get", "maxmemory").endswith(str(96 * 2**20))
    container.docker("kill", container.name)
    container.docker("start", container.name)
    container.serving(*pong)
    assert redis(container, "get", "session") == "kept"
    assert "redis_version:7.0.15" in redis(container, "info", "server")
    assert container.ended() == 0
