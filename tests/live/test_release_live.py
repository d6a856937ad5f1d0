"""Releases that do not come up, in a real cluster: whoever waits is told which pod it is and why, in good time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from blueprint.charts import INFRA
from blueprint.trouble import Trouble
from provision.host import engine
from provision.images import ensure
from provision.node import ensure_node
from tests.verifying import ROOT
from worlds.cluster import CONFIG, Cluster
from worlds.cluster_opening import Choices, open_cluster
from worlds.release import Release

PATIENCE = 60
"""Seconds that helm waits for a pod that never becomes ready."""
SOON = 10.0
"""Seconds after that within which it has to be told."""
OTHERS = ("auth", "kafka", "redis", "prometheus", "grafana", "loki", "vault", "etcd", "postgres", "qdrant")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A cluster of ours with nothing in it."""
    with open_cluster(Choices(ROOT / CONFIG), lambda found: ensure_node(found, progress=print), print) as opened:
        yield opened.cluster


@pytest.fixture(scope="module")
def python(cluster: Cluster) -> str:
    """The reference of an image that is on the node, and has no program `opa`."""
    found = {record.name: record.reference for record in ensure(["python"], engine(), overlay=None)}
    cluster.load([found["python"]])
    return found["python"]


def release(cluster: Cluster, folder: Path, environment: str, image: str) -> Release:
    """soma-infra with nothing but OPA switched on."""
    infra = {name: {"enabled": False} for name in (*OTHERS, "schemaRegistry", "objectStore", "bootstrap")}
    values = {"global": {"images": {"opa": image}}, "infra": infra}
    path = folder / "only-opa.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return Release(cluster, ROOT, environment, (path,), patience=PATIENCE)


def test_a_pod_that_never_becomes_ready_is_told(cluster: Cluster, python: str, tmp_path: Path) -> None:
    broken = release(cluster, tmp_path, "dev", python)
    began = time.monotonic()
    with pytest.raises(Trouble, match=r"pod opa-\S+: container opa: .*") as told:
        broken.upgrade(INFRA)
    assert time.monotonic() - began < PATIENCE + SOON
    assert "last event:" in str(told.value)


def test_an_image_that_is_not_on_the_node_is_told_before_the_deadline(cluster: Cluster, tmp_path: Path) -> None:
    broken = release(cluster, tmp_path, "staging", "soma.local/nowhere:1")
    with pytest.raises(Trouble, match=r"image soma\.local/nowhere:1 is not on the node"):
        broken.upgrade(INFRA)


def test_a_foreign_release_is_refused_and_left_alone(cluster: Cluster, tmp_path: Path) -> None:
    cluster.kubectl("create", "namespace", "soma-prod")
    cluster.kubectl("create", "configmap", "theirs", "-n", "soma-prod")
    with pytest.raises(Trouble, match="soma-prod holds what is not ours: configmap/theirs"):
        release(cluster, tmp_path, "prod", "soma.local/nowhere:1").install()
    assert [one["metadata"]["name"] for one in cluster.get("pods", "soma-prod")] == []
