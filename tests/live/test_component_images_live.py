"""What is in the images that only the charts use: they run as a pod of the chart runs them, and end cleanly."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from provision.engine import Engine, engine
from provision.images import ensure
from provision.processes import Completed, run
from provision.tools import tool
from provision.waiting import Deadline, until
from tests.live.test_built_images_live import GONE, UP, Container, ignore
from tests.verifying import ROOT

COMPONENTS = ("etcd", "opa", "openbao", "redis", "vault-k8s", "keycloak", "seaweedfs")
REALM_IMPORTED = Deadline("Keycloak to have imported its realm and be ready", 180)
CHART = ROOT / "infra" / "helm" / "soma-infra"


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


def fetching(port: int, path: str) -> tuple[str, ...]:
    """A program that prints what a path is answered with."""
    ask = f"exec 3<>/dev/tcp/127.0.0.1/{port}; printf 'GET {path} HTTP/1.0\\r\\nHost: auth\\r\\n\\r\\n' >&3"
    return "bash", "-c", f"{ask}; cat <&3"


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
    policy = CHART / "files" / "policy"
    command = ("run", "--server", "--addr=0.0.0.0:8181", "--disable-telemetry", "/policy/soma.rego")
    container.run("soma.local/opa:1.22.2", "--user=1000:1000", f"--volume={policy}:/policy:ro", command=command)
    container.serving(*reaching(8181, "/health"))
    asked = container.exec(*talk("/v1/data/soma/policy/allow", '{"input": {"method": "GET", "path": ["live"]}}'))
    assert '"result":true' in asked.stdout
    asked = container.exec(*talk("/v1/data/soma/policy/allow", '{"input": {"method": "POST", "path": ["live"]}}'))
    assert '"result":false' in asked.stdout
    assert container.ended() == 0


def talk(path: str, body: str, port: int = 8181, kind: str = "application/json") -> tuple[str, ...]:
    """A program that posts a body and prints the answer."""
    head = f"POST {path} HTTP/1.0\r\nHost: auth\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}"
    ask = f'exec 3<>/dev/tcp/127.0.0.1/{port}; printf %s "$1" >&3; cat <&3'
    return "bash", "-c", ask, "talk", f"{head}\r\n\r\n{body}"


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


def test_the_injector_is_the_pinned_one_and_wants_a_cluster(container: Container) -> None:
    told = {"LISTEN": ":8080", "VAULT_ADDR": "http://vault.soma-dev.svc:8200", "TLS_AUTO": "soma-dev-vault-injector"}
    given = (*(f"--env=AGENT_INJECT_{name}={value}" for name, value in told.items()), "--env=NAMESPACE=soma-dev")
    container.run("soma.local/vault-k8s:1.6.2", "--user=100:1000", *given, command=("agent-inject",))
    state = ("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", container.name)
    assert until(lambda: container.docker(*state), lambda seen: seen.startswith("exited"), GONE) == "exited 1"
    logs = run(["docker", "logs", container.name], env=engine().env())
    assert "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined" in logs.stdout + logs.stderr
    assert container.docker("run", "--rm", "--network=none", "soma.local/vault-k8s:1.6.2", "version").endswith("v1.6.2")


def test_keycloak_imports_the_charts_realm_once_and_keeps_its_keys(container: Container, tmp_path: Path) -> None:
    pod = charted("auth")
    realm = (CHART / "files" / "auth" / "soma-realm.json").read_text(encoding="utf-8")
    (tmp_path / "soma-realm.json").write_text(realm.replace("TOKEN_SECONDS", "300"), encoding="utf-8")
    tmp_path.chmod(0o755)
    volumes = (container.volume("/opt/keycloak/data"), container.volume("/opt/keycloak/lib/quarkus"))
    given = (*volumes, f"--volume={tmp_path}:/opt/keycloak/data/import:ro", "--tmpfs=/tmp", "--memory=640m")
    secret = {"KC_BOOTSTRAP_ADMIN_PASSWORD": "minted", "SOMA_GATEWAY_CLIENT_SECRET": "shared"}
    environment = [f"--env={name}={value}" for name, value in {**pod.environment, **secret}.items()]
    image = ("soma.local/keycloak:26.7.3", "--user=1000:0", *given, *environment, f"--entrypoint={pod.command[0]}")
    container.run(*image, command=(*pod.command[1:], *pod.arguments))
    until(lambda: container.exec(*reaching(9000, "/health/ready")), lambda done: done.exit_code == 0, REALM_IMPORTED)
    keys = container.exec(*fetching(8080, "/realms/soma/protocol/openid-connect/certs")).stdout
    assert "Keycloak 26.7.3" in container.docker("logs", container.name)
    form = "grant_type=client_credentials&client_id=gateway&client_secret=shared"
    token = ("/realms/soma/protocol/openid-connect/token", form, 8080, "application/x-www-form-urlencoded")
    assert '"access_token":"' in container.exec(*talk(*token)).stdout
    container.docker("kill", container.name)
    container.docker("start", container.name)
    until(lambda: container.exec(*reaching(9000, "/health/ready")), lambda done: done.exit_code == 0, REALM_IMPORTED)
    assert container.exec(*fetching(8080, "/realms/soma/protocol/openid-connect/certs")).stdout == keys
    assert "jvm_" in container.exec(*fetching(9000, "/metrics")).stdout
    assert container.ended() in {0, 143}


def test_seaweedfs_keeps_a_bucket_when_it_is_killed_and_lets_no_stranger_in(
    container: Container, tmp_path: Path
) -> None:
    pod = charted("object-store")
    identity = {"accessKey": "minted", "secretKey": "minted"}
    known = {"identities": [{"name": "soma", "credentials": [identity], "actions": ["Admin"]}]}
    (tmp_path / "identities.json").write_text(json.dumps(known), encoding="utf-8")
    tmp_path.chmod(0o755)
    given = ("--user=1000:1000", "--tmpfs=/tmp", "--memory=384m", container.volume("/data"))
    image = ("soma.local/seaweedfs:4.53", *given, f"--volume={tmp_path}:/run/secrets/object-store:ro")
    container.run(*image, f"--entrypoint={pod.command[0]}", command=(*pod.command[1:], *pod.arguments))
    container.serving(*reaching(8333, "/healthz"))
    assert "created bucket memories" in weed(container, "s3.bucket.create -name memories")
    assert " 403 " in container.exec(*fetching(8333, "/memories")).stdout
    container.docker("kill", container.name)
    container.docker("start", container.name)
    container.serving(*reaching(8333, "/healthz"))
    until(lambda: weed(container, "s3.bucket.list"), lambda told: "memories" in told, UP)
    assert "SeaweedFS_" in container.exec(*fetching(9327, "/metrics")).stdout


def weed(container: Container, command: str) -> str:
    """What SeaweedFS's own shell answers."""
    told = container.exec("sh", "-c", 'echo "$1" | weed shell -master=127.0.0.1:9333', "weed", command)
    return told.stdout + told.stderr


@dataclass(frozen=True, slots=True)
class Charted:
    """What the chart starts a component with."""

    command: list[str]
    arguments: list[str]
    environment: dict[str, str]


def charted(workload: str) -> Charted:
    """The first container of a StatefulSet, as the chart renders it without any values file."""
    rendered = run([tool("helm").path, "template", "soma-infra", CHART], timeout=60).stdout
    objects = [each for each in yaml.safe_load_all(rendered) if each and each["kind"] == "StatefulSet"]
    (found,) = (each for each in objects if each["metadata"]["name"] == workload)
    container = found["spec"]["template"]["spec"]["containers"][0]
    environment = {each["name"]: each["value"] for each in container.get("env", ()) if "value" in each}
    return Charted(container["command"], [str(each) for each in container.get("args", ())], environment)
