"""The probes of components, against the servers that the charts run, each in a container of its own."""

from __future__ import annotations

import base64
import json
import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from blueprint.evidence import JSON
from blueprint.live import rows, table
from blueprint.live_components import Admission, Decision, Flags, Target
from blueprint.rules.live_components import (
    admitted_strangers,
    blind_targets,
    closed_vaults,
    deaf_flags,
    forgotten_value,
    lost_record,
    wrong_decisions,
)
from blueprint.trouble import Trouble
from provision.engine import Engine, engine
from provision.image_settler import ImageRecord
from provision.images import ensure
from provision.processes import Completed, run, start
from provision.waiting import Deadline, until
from tests.live.test_built_images_live import Container, ignore
from tests.services.running import NAMES, SETTING, Stack, free_ports, running
from tests.verifying import ROOT
from worlds import components
from worlds.probes import kafka, keycloak, oidc, prometheus, vault
from worlds.probes.http import fetch
from worlds.reach import QUICK, inside, secret

IMAGES = ("etcd", "keycloak", "kafka", "opa", "openbao", "prometheus", "redis")
CHART = ROOT / "infra" / "helm" / "soma-infra" / "files"
SERVES = Deadline("the server to serve", 180)
SECRET = "a secret of the gateway's client, made for this test"
ADMIN = "the password of an administrator, made for this test"
SHOWN = ("with the token", "without a token", "changed", "unsigned", "signed otherwise")
VAULT = """
listener "tcp" {
  address = "0.0.0.0:8200"
  tls_disable = true
}
storage "inmem" {}
seal "static" {
  current_key_id = "1"
  current_key = "file:///vault/config/key"
}
"""


@dataclass
class Servers:
    """Containers that are reached as a namespace is: by published ports, and by `docker exec` for `kubectl exec`."""

    docker: Engine
    references: dict[str, str]
    ports: dict[str, int] = field(default_factory=dict)
    containers: dict[str, Container] = field(default_factory=dict)
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    namespace: str = "none"

    def run(self, service: str, image: str, port: int, *options: str, command: Sequence[str] = ()) -> None:
        """Start one."""
        self.containers[service] = container = Container(self.docker)
        (self.ports[service],) = free_ports(1)
        published = f"--publish=127.0.0.1:{self.ports[service]}:{port}"
        given = (published, *options)
        container.run(self.references[image], *given, command=tuple(command), network="bridge")

    def url(self, service: str) -> str:
        """Where it is on this machine."""
        return f"http://127.0.0.1:{self.ports[service]}"

    def answers(self, service: str, path: str) -> None:
        """Wait until a path is answered with 200."""
        until(lambda: fetch(self.url(service) + path)["status"], lambda status: status == 200, SERVES)

    @contextmanager
    def forwarded(self, service: str, port: int) -> Iterator[int]:
        """The published port."""
        del port
        yield self.ports[service]

    def kubectl(self, *words: str, given: str | None = None, timeout: float = QUICK, check: bool = True) -> Completed:
        """What is asked of kubectl here: a program inside, and Secrets."""
        del given, timeout
        if words[0] == "exec":
            name, argv = words[1].partition("/")[2], words[words.index("--") + 1 :]
            return run(["docker", "exec", self.containers[name].name, *argv], env=self.docker.env(), check=check)
        assert words[:2] == ("get", "secret")
        coded = {key: base64.b64encode(value.encode()).decode() for key, value in self.secrets[words[2]].items()}
        return Completed(words, 0, json.dumps({"data": coded}), "", 0.0)


@pytest.fixture(scope="module")
def images() -> dict[str, str]:
    """Reference of each image by its name."""
    found: list[ImageRecord] = ensure(IMAGES, engine(), "build", ignore, overlay=None)
    return {record.name: record.reference for record in found}


@pytest.fixture
def servers(images: dict[str, str]) -> Iterator[Servers]:
    made = Servers(engine(), images)
    yield made
    for container in made.containers.values():
        container.remove()


def test_redis_is_asked_for_a_value(servers: Servers) -> None:
    options = ("--bind", "0.0.0.0", "--protected-mode", "no", "--dir", "/tmp")
    command = ("redis-server", *options, "--appendonly", "yes")
    servers.run("redis", "redis", 6379, "--user=999:999", "--tmpfs=/tmp", command=command)
    until(lambda: components.cache(servers), lambda seen: "error" not in seen, SERVES)
    findings = forgotten_value(components.cache(servers))
    assert not findings.found
    assert not findings.unexamined
    servers.containers["redis"].exec("redis-cli", "config", "set", "appendonly", "no")
    assert "no append-only file" in str(forgotten_value(components.cache(servers)).found[0])
    servers.containers["redis"].exec("redis-cli", "config", "set", "min-replicas-to-write", "3")
    assert "NOREPLICAS" in str(components.cache(servers)["error"])
    servers.containers["redis"].docker("stop", servers.containers["redis"].name)
    assert "refused" in str(components.cache(servers)["error"])


def test_etcd_is_asked_for_changes(servers: Servers) -> None:
    urls = ("--listen-client-urls=http://0.0.0.0:2379", "--advertise-client-urls=http://127.0.0.1:2379")
    command = ("etcd", "--data-dir=/tmp/data", *urls)
    servers.run("etcd", "etcd", 2379, "--user=1000:1000", "--tmpfs=/tmp", command=command)
    servers.answers("etcd", "/readyz")
    findings = deaf_flags(Flags.of(components.flags(servers)))
    assert not findings.found
    assert not findings.unexamined
    servers.containers["etcd"].docker("stop", servers.containers["etcd"].name)
    assert "cannot be asked" in str(deaf_flags(Flags.of(components.flags(servers))).found)


def test_vault_is_asked_whether_it_is_open(servers: Servers, tmp_path: Path) -> None:
    (tmp_path / "vault.hcl").write_text(VAULT, encoding="utf-8")
    (tmp_path / "key").write_bytes(secrets.token_bytes(32))
    tmp_path.chmod(0o755)
    options = ("--user=100:1000", "--tmpfs=/tmp", "--env=HOME=/tmp", f"--volume={tmp_path}:/vault/config:ro")
    command = ("server", "-config=/vault/config/vault.hcl")
    servers.run("vault", "openbao", 8200, *options, command=command)
    servers.answers("vault", "/v1/sys/health?uninitcode=200&sealedcode=200")
    url = servers.url("vault")
    assert "is not initialised" in str(closed_vaults({"vault-0": vault.state(url)}, ["vault-0"]).found)
    shares: dict[str, int] = {"recovery_shares": 1, "recovery_threshold": 1}
    assert fetch(f"{url}/v1/sys/init", method="PUT", body=dict(shares), seconds=60)["status"] == 200
    servers.answers("vault", "/v1/sys/health")
    findings = closed_vaults({"vault-0": vault.state(url)}, ["vault-0"])
    assert not findings.found
    assert findings.observed == "1 open, of version 2.7.2"
    servers.containers["vault"].docker("stop", servers.containers["vault"].name)
    assert "does not answer" in str(closed_vaults({"vault-0": vault.state(url)}, ["vault-0"]).found)


def test_prometheus_is_asked_for_targets_and_queries(servers: Servers, tmp_path: Path) -> None:
    jobs = "scrape_configs:\n- {job_name: own, static_configs: [{targets: ['127.0.0.1:9090'], labels: {pod: own}}]}\n"
    (tmp_path / "prometheus.yaml").write_text(f"global: {{scrape_interval: 1s}}\n{jobs}", encoding="utf-8")
    tmp_path.chmod(0o755)
    options = ("--user=65534:65534", "--tmpfs=/data:uid=65534", f"--volume={tmp_path}:/config:ro")
    command = ("--config.file=/config/prometheus.yaml", "--storage.tsdb.path=/data")
    servers.run("prometheus", "prometheus", 9090, *options, command=command)
    servers.answers("prometheus", "/-/ready")
    url = servers.url("prometheus")

    def targets() -> list[Target]:
        return [Target.of(row) for row in rows(prometheus.targets(url)["targets"])]

    assert until(targets, lambda seen: [one.health for one in seen] == ["up"], SERVES)[0].pod == "own"
    assert not blind_targets(targets(), ["own"]).found
    assert prometheus.query(url, "up") == {"status": 200, "series": 1, "unknown": []}
    assert prometheus.query(url, 'up{pod="other"}') == {"status": 200, "series": 0, "unknown": []}
    nothing_yet = 'prometheus_http_requests_total{handler="/never"}'
    assert prometheus.query(url, nothing_yet) == {"status": 200, "series": 0, "unknown": []}
    assert prometheus.query(url, "rate(no_such_name[1m])")["unknown"] == ["no_such_name"]
    refused = prometheus.query(url, "up{")
    assert (refused["status"], "parse error" in str(refused["error"])) == (400, True)


def test_opa_is_asked_for_decisions(servers: Servers) -> None:
    command = ("run", "--server", "--addr=0.0.0.0:8181", "--disable-telemetry", "/policy/soma.rego")
    servers.run("opa", "opa", 8181, "--user=1000:1000", f"--volume={CHART / 'policy'}:/policy:ro", command=command)
    servers.answers("opa", "/health")
    asked: dict[str, JSON] = {"a look": {"method": "GET", "path": ["health"]}, "nothing": {}}
    seen = components.policy(servers, "soma/policy/allow", asked)
    decisions = {name: Decision.of(one) for name, one in seen.items()}
    assert not wrong_decisions(decisions, {"a look": True, "nothing": False}).found
    undefined = components.policy(servers, "soma/no/rule", {"nothing": {}})
    assert Decision.of(undefined["nothing"]) == Decision(200, None)


KAFKA = {
    "CLUSTER_ID": "somaagent01-local-aaaa",
    "KAFKA_NODE_ID": "1",
    "KAFKA_PROCESS_ROLES": "broker,controller",
    "KAFKA_LISTENERS": "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
    "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@127.0.0.1:9093",
    "KAFKA_INTER_BROKER_LISTENER_NAME": "PLAINTEXT",
    "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
    "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    "KAFKA_HEAP_OPTS": "-Xmx256m",
}


def test_kafka_is_asked_to_carry_a_record(servers: Servers) -> None:
    options = [f"--env={name}={value}" for name, value in KAFKA.items()]
    written = ("/opt/kafka/config", "/opt/kafka/logs", "/var/lib/kafka/data")
    folders = ["--tmpfs=/tmp:exec", *(f"--tmpfs={path}:uid=1000" for path in written)]
    servers.run("kafka", "kafka", 9092, "--user=1000:1000", *options, *folders)
    seen = until(lambda: components.broker(servers), lambda seen: seen["exit_code"] == 0, SERVES)
    findings = lost_record(seen)
    assert not findings.found
    assert not findings.unexamined
    assert not [name for name in kafka.counts(inside(servers)) if name.startswith("soma.verify.")]
    assert "not found" in str(kafka.group(inside(servers), "conversation-worker")["error"])


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("services")) as made:
        yield made


def test_the_gateway_takes_what_keycloak_issues_and_nothing_else(
    servers: Servers, stack: Stack, tmp_path: Path
) -> None:
    realm = (CHART / "auth" / "soma-realm.json").read_text(encoding="utf-8").replace("TOKEN_SECONDS", "300")
    (tmp_path / "soma-realm.json").write_text(realm, encoding="utf-8")
    tmp_path.chmod(0o755)
    heap = "--env=JAVA_OPTS_APPEND=-Xms64m -Xmx192m -XX:-UseG1GC -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
    account = ("--env=KC_BOOTSTRAP_ADMIN_USERNAME=admin", f"--env=KC_BOOTSTRAP_ADMIN_PASSWORD={ADMIN}")
    options = (
        *account,
        f"--env=SOMA_GATEWAY_CLIENT_SECRET={SECRET}",
        heap,
        f"--volume={tmp_path}:/opt/keycloak/data/import:ro",
    )
    hostname = ("--hostname=http://auth:8080", "--hostname-backchannel-dynamic=true")
    told = ("--db=dev-mem", "--cache=local", "--health-enabled=true", "--metrics-enabled=true", "--http-enabled=true")
    servers.secrets["gateway-client"] = {"secret": SECRET}
    servers.run(
        "auth", "keycloak", 8080, "--read-only=false", *options, command=("start", *told, *hostname, "--import-realm")
    )
    servers.answers("auth", "/realms/soma/.well-known/openid-configuration")
    kept: list[str] = []
    with guarded(servers, stack):
        findings = admitted_strangers(
            Admission.of(components.auth(servers, kept.append)), SHOWN, "gateway", "conversation"
        )
    assert not findings.found
    assert not findings.unexamined
    assert len({SECRET, *kept}) == len(kept) == 5
    assert oidc.client_token(f"{servers.url('auth')}/realms/soma", "gateway", "not the secret")["status"] == 401
    assert secret(servers, *components.CLIENT_SECRET) == SECRET
    base, admin = servers.url("auth"), keycloak.admin_token(servers.url("auth"), ADMIN)
    with keycloak.stranger(base, admin, "soma", "verify-stranger", SECRET):
        strange = str(oidc.client_token(f"{base}/realms/soma", "verify-stranger", SECRET)["token"])
        assert "gateway" in oidc.claims(strange)["aud"]
        assert "conversation" not in str(oidc.claims(strange))
        with pytest.raises(Trouble, match="409"), keycloak.stranger(base, admin, "soma", "verify-stranger", SECRET):
            pass
    assert oidc.client_token(f"{base}/realms/soma", "verify-stranger", SECRET)["status"] == 401
    with pytest.raises(Trouble, match="gets no token"):
        keycloak.admin_token(base, "not the password")


@contextmanager
def guarded(servers: Servers, stack: Stack) -> Iterator[None]:
    """A gateway that asks for tokens, as the service `gateway`."""
    (servers.ports["gateway"],) = free_ports(1)
    env = {SETTING[name]: stack.urls[name] for name in NAMES}
    env |= {"SA01_METRICS_PORT": "0", "SA01_AUTH_URL": f"{servers.url('auth')}/realms/soma"}
    argv = [sys.executable]
    argv += ["-m", "uvicorn", "services.gateway.main:app", "--host", "127.0.0.1", "--port"]
    with start([*argv, str(servers.ports["gateway"])], env=env):
        servers.answers("gateway", "/ready")
        assert table(fetch(f"{servers.url('gateway')}/health")["body"])["status"] == "ok"
        yield
