"""A run on a cluster that exists, under the account that we ship: it reads, as the API server's audit log has it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from provision.engine import Engine
from provision.image_catalogue import read_images
from provision.image_settler import ImageRecord
from provision.images import ensure
from provision.node import ensure_node
from provision.processes import run
from tests.verifying import ROOT, verify
from worlds.cluster import CONFIG, Cluster
from worlds.cluster_opening import Choices, open_cluster
from worlds.release import Release

ACCOUNT = "system:serviceaccount:soma-dev:soma-verify-read"
AUDIT = "/etc/kubernetes/audit"
"""A folder of the node that is one of this machine too: with the policy, and the log once there is one."""
IMAGES = ("python", "redis", "opa", "gateway", "ui", "conversation_worker", "memory_service", "tool_executor")
OFF = (
    *("bootstrap", "auth", "opa", "kafka", "prometheus", "grafana", "loki", "vault", "etcd", "postgres", "qdrant"),
    *("schemaRegistry", "objectStore"),
)
READ = {("HLM-010", "whole"), ("HLM-011", "whole"), ("HLM-021", "manifest"), ("HLM-021", "objects")}
"""What a run that only reads can tell of both releases."""
POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "users": [ACCOUNT]}, {"level": "None"}],
}


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Kind's configuration of this tree, with an API server that writes down what the account asks."""
    folder = tmp_path_factory.mktemp("audited")
    (folder / "audit").mkdir()
    (folder / "audit" / "policy.yaml").write_text(yaml.safe_dump(POLICY), encoding="utf-8")
    flags = {"audit-policy-file": f"{AUDIT}/policy.yaml", "audit-log-path": f"{AUDIT}/log"}
    server = {
        "extraArgs": [{"name": name, "value": value} for name, value in flags.items()],
        "extraVolumes": [{"name": "audit", "hostPath": AUDIT, "mountPath": AUDIT, "readOnly": False}],
    }
    config = yaml.safe_load((ROOT / CONFIG).read_text(encoding="utf-8"))
    config["nodes"][0]["extraMounts"] = [{"hostPath": str(folder / "audit"), "containerPath": AUDIT}]
    config["kubeadmConfigPatches"].append(yaml.safe_dump({"kind": "ClusterConfiguration", "apiServer": server}))
    (folder / "kind.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return folder / "kind.yaml"


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This tree's charts, with values that install little: what they install is not what is tried here."""
    folder = tmp_path_factory.mktemp("subject")
    shutil.copytree(ROOT / "infra" / "helm", folder / "infra" / "helm")
    images = {name: image.local for name, image in read_images().items() if name in {"python", "redis", "opa"}}
    values = {
        "global": {"environment": "dev", "images": images},
        "infra": {name: {"enabled": False} for name in OFF},
        "stack": {
            "profiles": ["default"],
            "gateway": {"secrets": False},
            "memoryService": {"secrets": False},
        },
    }
    (folder / "infra" / "helm" / "values-dev.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def cluster(audited: Path, subject: Path) -> Iterator[Cluster]:
    """A cluster in which both releases are installed, and the account is there."""

    def node_image(found: Engine) -> list[ImageRecord]:
        return ensure_node(found, progress=print)

    with open_cluster(Choices(audited), node_image, print) as opened:
        assert opened.engine
        records = ensure(IMAGES, opened.engine, overlay=None)
        opened.cluster.load([record.reference for record in records if record.name in IMAGES])
        Release(opened.cluster, subject).install()
        opened.cluster.apply((ROOT / "infra" / "cluster-access" / "read.yaml").read_text(encoding="utf-8"))
        yield opened.cluster


@pytest.fixture
def account(cluster: Cluster, tmp_path: Path) -> Path:
    """A kubeconfig whose user is the account; its current context is another, and leads nowhere."""
    token = cluster.kubectl("create", "token", "soma-verify-read", "-n", "soma-dev").stdout.strip()
    told = json.loads(cluster.kubectl("config", "view", "--raw", "-o", "json").stdout)
    told["users"] = [{"name": "reader", "user": {"token": token}}]
    told["contexts"] = [{"name": "verified", "context": {"cluster": told["clusters"][0]["name"], "user": "reader"}}]
    told["contexts"] += [{"name": "mine", "context": {"cluster": "nowhere", "user": "reader"}}]
    told["current-context"] = "mine"
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(told), encoding="utf-8")
    return path


def asked(cluster: Cluster) -> list[dict[str, Any]]:
    """What the account asked the API server so far, as that wrote it down."""
    look = ("sh", "-c", f"cat {AUDIT}/log 2>/dev/null || true")
    log = run(["docker", "exec", f"{cluster.name}-control-plane", *look], env=cluster.engine).stdout
    return [event for event in map(json.loads, log.splitlines()) if event["user"]["username"] == ACCOUNT]


def changes(events: list[dict[str, Any]]) -> list[str]:
    """Of these, what changes an object: neither a reading verb, nor a port-forward, which makes none."""
    return [
        f"{event['verb']} {event['requestURI']}"
        for event in events
        if event["verb"] not in {"get", "list", "watch"} and event["objectRef"].get("subresource") != "portforward"
    ]


def test_a_run_under_the_account_that_we_ship_reads_and_nothing_else(
    cluster: Cluster, subject: Path, account: Path, tmp_path: Path
) -> None:
    chosen = ("--tier=cluster", "--kube-context=verified", "--environment=dev", "-k", "test_cluster_deployments")
    env = {"KUBECONFIG": str(account), "SOMA_SUBJECT": str(subject)}
    before, earlier = account.read_bytes(), len(asked(cluster))
    done = verify(tmp_path / "out", *chosen, env=env, timeout=600)
    verdicts = done.verdicts("cluster")
    assert {key: verdicts[key] for key in READ} == dict.fromkeys(READ, "pass"), done.output
    withheld = {("HLM-009", "whole"), ("HLM-013", "whole"), ("HLM-015", "whole"), ("HLM-021", "images")}
    assert {verdicts[key] for key in withheld} <= {"not_verified", "not_yet"}
    assert account.read_bytes() == before
    events = asked(cluster)[earlier:]
    assert {"list", "get"} <= {event["verb"] for event in events}
    assert changes(events) == []
    assert {event["responseStatus"]["code"] for event in events} <= {101, 200, 304}
    assert not {"fail", "error"} & set(verdicts.values()), done.output


def test_the_account_cannot_change_anything_and_the_log_would_tell(cluster: Cluster, account: Path) -> None:
    earlier = len(asked(cluster))
    words = ("--kubeconfig", str(account), "--context", "verified", "-n", "soma-dev", "delete", "pods", "--all")
    done = cluster.kubectl(*words, check=False)
    assert "is forbidden" in done.stderr
    assert {change.partition(" ")[0] for change in changes(asked(cluster)[earlier:])} == {"delete"}
