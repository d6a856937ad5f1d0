"""What is told of pods that do not become ready, which images the charts are told of, and what is foreign."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from blueprint.trouble import Trouble
from provision.chart_overlay import MARK, chart_values, components_of, write_chart_overlay
from provision.image_catalogue import CATALOGUE, ROOT, read_images
from provision.image_settler import ImageRecord
from provision.processes import Completed
from worlds.cluster import Cluster
from worlds.release import ASKED_FOR, Release
from worlds.release_images import catalogued
from worlds.unready import hopeless, reasons, unready_pods


def record(name: str, reference: str, upstream: str = "", version: str = "1") -> ImageRecord:
    software = (reference or "none", 0.0, "what it is")
    return ImageRecord(
        name, software[0] if reference else "", upstream, version, "MIT", "built", True, "", "", *software[1:]
    )


def test_the_overlay_names_what_was_built_and_switches_off_what_cannot_be_had() -> None:
    records = [
        record("redis", "soma.local/redis:7", "redis:7"),
        record("opa", "opa:1", "opa:1"),
        record("seaweedfs", "", "seaweedfs:3"),
        record("grafana", "", "grafana:12"),
        record("loki", "soma.local/loki:1.6.1", "loki:3", "1.6.1"),
    ]
    assert chart_values(records, {"grafana:12": "grafana", "seaweedfs:3": "objectStore"}) == {
        "global": {"images": {"redis": "soma.local/redis:7", "loki": "soma.local/loki:1.6.1"}},
        "infra": {"grafana": {"enabled": False}, "objectStore": {"enabled": False}, "loki": {"generation": "1"}},
    }


def test_components_are_known_by_the_image_that_they_name() -> None:
    keys = components_of().values()
    assert {"auth", "grafana", "objectStore", "vault"} <= set(keys)


def test_an_overlay_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "values-images.yaml"
    assert write_chart_overlay([record("redis", "x:1")], path).read_text(encoding="utf-8").startswith(MARK)
    write_chart_overlay([record("redis", "x:2")], path)
    path.write_text("global: {}\n", encoding="utf-8")
    with pytest.raises(Trouble, match="the file is not ours"):
        write_chart_overlay([], path)
    assert path.read_text(encoding="utf-8") == "global: {}\n"


def test_images_are_found_in_the_catalogue_by_what_the_charts_name() -> None:
    images = read_images(CATALOGUE, ROOT)
    assert catalogued(images, [images["redis"].upstream, "soma.local/gateway:0.1.0", "example/other:1"]) == [
        "gateway",
        "redis",
    ]


def pod(name: str = "auth-0", state: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any field of a container's status
    container = {"name": "auth", "image": "x:1", "state": state or {"running": {}}, "restartCount": 0, **more}
    status = {
        "phase": "Pending",
        "conditions": [{"type": "Ready", "status": "False"}],
        "containerStatuses": [container],
    }
    return {"metadata": {"name": name, "uid": name}, "status": status}


class Told(Cluster):
    """A cluster that answers what it was given, and writes down what it was asked."""

    def __init__(self, objects: dict[str, list[dict[str, Any]]], folder: Path) -> None:
        super().__init__("told", folder, {}, print)
        self.objects = objects
        self.asked: list[tuple[str, ...]] = []

    def get(self, resource: str, namespace: str = "") -> list[dict[str, Any]]:
        """What it was given."""
        del namespace
        return self.objects.get(resource, [])

    def kubectl(self, *words: str, given: str | None = None, timeout: float = 0, check: bool = True) -> Completed:
        """A line of a log, the namespace, or nothing."""
        del given, timeout, check
        self.asked.append(words)
        said = '{"items": %s}' % ('[{"metadata": {"name": "soma-dev"}}]' if "namespaces" in words else "[]")
        return Completed(words, 0, "cannot reach its database\n" if "logs" in words else said, "", 0.0)


def test_a_pod_that_never_becomes_ready_is_told_with_container_event_and_last_lines(tmp_path: Path) -> None:
    crashed = pod(state={"waiting": {"reason": "CrashLoopBackOff"}}, lastState={"terminated": {"exitCode": 3}})
    events = [
        {
            "involvedObject": {"uid": "auth-0"},
            "reason": "Pulled",
            "message": "first",
            "lastTimestamp": "2026-01-01",
            "metadata": {},
        },
        {
            "involvedObject": {"uid": "auth-0"},
            "reason": "BackOff",
            "message": "last",
            "lastTimestamp": "2026-01-02",
            "metadata": {},
        },
        {
            "involvedObject": {"uid": "other"},
            "reason": "x",
            "message": "y",
            "lastTimestamp": "2026-01-03",
            "metadata": {},
        },
    ]
    assert reasons(Told({"pods": [crashed], "events": events}, tmp_path), "soma-dev") == [
        "  pod auth-0: container auth: CrashLoopBackOff, exit code 3 before",
        "    last event: BackOff: last",
        "    last lines of auth:",
        "      cannot reach its database",
    ]


def test_an_image_that_is_not_on_the_node_is_hopeless_and_told() -> None:
    missing = pod(state={"waiting": {"reason": "ImagePullBackOff"}})
    assert hopeless([pod(), missing]) == ["auth-0/auth"]
    assert not hopeless([pod(state={"waiting": {"reason": "ContainerCreating"}})])


def test_pods_that_are_done_are_not_unready() -> None:
    done = pod("job")
    done["status"]["phase"] = "Succeeded"
    assert unready_pods([done]) == []


def test_a_namespace_with_foreign_objects_is_left_alone(tmp_path: Path) -> None:
    foreign = {"kind": "ConfigMap", "metadata": {"name": "theirs"}}
    own = {"kind": "ConfigMap", "metadata": {"name": "kube-root-ca.crt"}}
    cluster = Told({ASKED_FOR: [own, foreign]}, tmp_path)
    with pytest.raises(Trouble, match="soma-dev holds what is not ours: configmap/theirs"):
        Release(cluster, ROOT).install()
    assert all("label" not in words for words in cluster.asked)
    Release(Told({ASKED_FOR: [own]}, tmp_path), ROOT).refuse_foreign()
