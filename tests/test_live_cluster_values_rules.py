"""What is judged of values for other environments, of pods from inside, and of the settings that charts give."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from blueprint.evidence import Findings
from blueprint.live import Inside
from blueprint.rules.live_cluster_environments import more_than_sizes, refused_objects
from blueprint.rules.live_cluster_inside import unconfined_pods
from blueprint.rules.live_settings import settings_of

ADMITTED = {"rendered": ["deployment/a", "service/a"], "created": ["service/a", "deployment/a"], "refused": []}
CALM = Inside(
    "deployment/a/a",
    users={"a": 1000},
    root_options=("ro",),
    no_new_privileges=True,
    listening=(80, 81),
    declared=(80,),
)


def told(findings: Findings) -> str:
    return "\n".join(map(str, findings.found))


def is_well(findings: Findings) -> bool:
    return not findings.found and bool(findings.population) and not findings.unexamined and bool(findings.observed)


def test_what_is_admitted_is_quiet() -> None:
    assert is_well(refused_objects(ADMITTED))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param({"refused": ["Error from server (Invalid): no"]}, "Error from server (Invalid): no", id="refused"),
        pytest.param({"created": ["service/a"]}, "deployment/a: was not admitted in a dry run", id="passed over"),
    ],
)
def test_what_is_refused_is_told(change: dict[str, list[str]], sentence: str) -> None:
    assert sentence in told(refused_objects(ADMITTED | change))


def test_a_render_without_objects_proves_nothing() -> None:
    assert not refused_objects({}).population


def test_counts_and_resources_are_sizes() -> None:
    assert is_well(more_than_sizes(["infra.kafka.replicas", "infra.kafka.resources.limits.cpu"]))


def test_a_value_that_is_no_size_is_told_with_its_file() -> None:
    assert "values-kind-sizing.yaml infra.auth.tokenSeconds: is neither" in told(
        more_than_sizes(["infra.auth.tokenSeconds", "infra.redis.storage"])
    )


def test_an_overlay_that_sizes_nothing_is_not_examined() -> None:
    assert more_than_sizes([]).unexamined


def test_a_confined_pod_is_quiet() -> None:
    assert is_well(unconfined_pods([CALM], ["deployment/a/a"]))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param({"users": {"a": 0}}, "runs a as root", id="root"),
        pytest.param({"root_options": ("rw",)}, "has a writable root file system", id="writable"),
        pytest.param({"no_new_privileges": False}, "may gain privileges", id="privileges"),
        pytest.param({"listening": (81,)}, "declares port 80, on which nothing listens", id="shut"),
        pytest.param({"error": "no shell"}, "cannot be looked into: no shell", id="dumb"),
    ],
)
def test_an_unconfined_pod_is_told(change: dict[str, Any], sentence: str) -> None:
    assert sentence in told(unconfined_pods([replace(CALM, **change)], ["deployment/a/a"]))


def test_a_container_that_was_not_asked_is_not_examined() -> None:
    assert unconfined_pods([CALM], ["deployment/a/a", "deployment/b/b"]).unexamined == {"deployment/b/b"}


def test_settings_are_those_of_the_config_maps_that_a_container_takes() -> None:
    containers = [{"envFrom": [{"configMapRef": {"name": "a"}}, {"secretRef": {"name": "b"}}]}, {"name": "beside"}]
    workload = {"spec": {"template": {"spec": {"containers": containers}}}}
    other = {"spec": {"template": {"spec": {"containers": [{"name": "redis"}]}}}}
    rendered = {"deployment/a": workload, "statefulset/redis": other, "configmap/a": {"data": {"SA01_X": "1"}}}
    assert settings_of(rendered) == {"deployment/a": {"SA01_X"}}
