"""Each rule on what both releases in a cluster answered: quiet when all is well, and a sentence for each fault."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from blueprint.evidence import Findings
from blueprint.live import Answer
from blueprint.live_cluster import Change, Line, Load, Pod, Snapshot, Workload
from blueprint.rules import live_cluster as rules
from blueprint.rules import live_cluster_changes as changes
from blueprint.rules import live_cluster_drift as drift

WRITTEN = {"soma-infra": "helm upgrade --install soma-infra", "soma-stack": "helm upgrade --install soma-stack"}
LINES = [Line(f"{text} --wait", 0) for text in WRITTEN.values()]
DEPLOYED = {"soma-infra": "deployed", "soma-stack": "deployed"}
GATEWAY = Pod("gateway-1-a", "1", "deployment/gateway", "Running", ready=True)
REDIS = Pod("redis-0", "2", "statefulset/redis", "Running", ready=True)
WORKLOADS = {name: Workload(name, 1, "as it is", 1) for name in ("deployment/gateway", "statefulset/redis")}
STANDING = Snapshot(WORKLOADS, (GATEWAY, REDIS), {"configmap/gateway-settings": "a"})
ROLLED = replace(STANDING, pods=(replace(GATEWAY, uid="3"), REDIS))
CHANGE = Change(STANDING, ROLLED, Load(40), "kept", "kept")


def told(findings: Findings) -> list[str]:
    return [str(finding) for finding in findings.found]


def is_well(findings: Findings) -> bool:
    return not findings.found and bool(findings.population) and not findings.unexamined and bool(findings.observed)


def test_an_install_flow_that_succeeds_is_quiet() -> None:
    assert is_well(rules.failed_lines(LINES, WRITTEN, DEPLOYED))


@pytest.mark.parametrize(
    ("lines", "deployed", "sentence"),
    [
        pytest.param(
            [replace(LINES[0], exit_code=1, said=("no",)), LINES[1]], DEPLOYED, "exit code 1: no", id="failed"
        ),
        pytest.param([Line("helm install", 0), LINES[1]], DEPLOYED, "`helm install` was run", id="other"),
        pytest.param(LINES, {**DEPLOYED, "soma-stack": "failed"}, "its release is failed", id="status"),
        pytest.param(LINES, {"soma-infra": "deployed"}, "its release is not there", id="gone"),
    ],
)
def test_a_line_that_is_not_as_written_or_fails(lines: list[Line], deployed: dict[str, str], sentence: str) -> None:
    assert sentence in "\n".join(told(rules.failed_lines(lines, WRITTEN, deployed)))


def test_a_line_that_was_not_run_is_not_examined() -> None:
    assert rules.failed_lines(LINES[:1], WRITTEN, DEPLOYED).unexamined == {"soma-stack"}


def test_pods_that_stay_ready_are_quiet() -> None:
    assert is_well(rules.unsettled_pods(STANDING, STANDING, {"bootstrap-before": "Succeeded"}))


@pytest.mark.parametrize(
    ("last", "sentence"),
    [
        pytest.param(
            replace(STANDING, pods=(replace(GATEWAY, restarts=2), REDIS)), "was restarted 2 times", id="restart"
        ),
        pytest.param(
            replace(STANDING, pods=(replace(GATEWAY, ready=False), REDIS)), "Running, not ready", id="unready"
        ),
        pytest.param(replace(STANDING, pods=(REDIS,)), "wants 1 pods and has 0", id="missing"),
        pytest.param(ROLLED, "took the place of another pod", id="replaced"),
        pytest.param(
            replace(STANDING, pods=(GATEWAY, REDIS, Pod("x", "9", "job/x", "Failed"))), "job/x and is Failed", id="job"
        ),
    ],
)
def test_pods_that_do_not_stay(last: Snapshot, sentence: str) -> None:
    assert sentence in "\n".join(told(rules.unsettled_pods(STANDING, last, {})))


def test_a_job_that_failed() -> None:
    assert told(rules.unsettled_pods(STANDING, STANDING, {"bootstrap-after": "Failed"})) == [
        "bootstrap-after: the Job ended as Failed"
    ]


def test_a_gateway_through_a_port_forward() -> None:
    assert is_well(rules.closed_gateway(Answer(200, {"status": "ok"})))
    assert told(rules.closed_gateway(Answer(503, "down"))) == ["svc/gateway: /health answers 503 down"]
    assert "a single-page app answers /health: 200" in told(rules.closed_gateway(Answer(200, "<!DOCTYPE html>")))[0]
    assert "/health answers without a health body: 200" in told(rules.closed_gateway(Answer(200, "ok")))[0]


def test_helm_test() -> None:
    ran = [{"name": "soma-infra-test", "phase": "Succeeded"}]
    assert is_well(rules.failed_tests("soma-infra", 0, ran, ["soma-infra-test"], ""))
    assert rules.failed_tests("soma-infra", 0, [], ["soma-infra-test"], "").unexamined == {"soma-infra-test"}
    failed = rules.failed_tests(
        "soma-infra", 1, [{"name": "soma-infra-test", "phase": "Failed"}], (), "failed  http://x"
    )
    assert told(failed) == [
        "soma-infra: `helm test` ended with exit code 1: failed  http://x",
        "soma-infra-test: the test ended as Failed",
    ]


def test_what_uninstalling_leaves() -> None:
    kept = {"name": "persistentvolumeclaim/data-redis-0", "declared": True}
    left = {"name": "clusterrole/soma-dev-vault-injector", "declared": False}
    assert is_well(rules.left_objects(["service/redis"], ["service/redis"], [kept], []))
    found = rules.left_objects(["service/redis"], ["service/redis"], [kept, left], ["no such release"])
    assert told(found) == ["clusterrole/soma-dev-vault-injector: is left behind", "helm uninstall: no such release"]


def test_a_repeated_upgrade() -> None:
    assert is_well(changes.changed_by_repeating(STANDING, STANDING, WORKLOADS))
    moved = replace(
        ROLLED, workloads={**WORKLOADS, "statefulset/redis": Workload("statefulset/redis", 2, "as it is", 1)}
    )
    moved = replace(moved, configs={"configmap/gateway-settings": "b"})
    assert told(changes.changed_by_repeating(STANDING, moved, WORKLOADS)) == [
        "configmap/gateway-settings: its content changed",
        "deployment/gateway: its pods were replaced",
        "statefulset/redis: went from generation 1 to 2",
    ]
    assert changes.changed_by_repeating(STANDING, STANDING, [*WORKLOADS, "deployment/ui"]).unexamined == {
        "deployment/ui"
    }


def test_a_clean_upgrade() -> None:
    assert is_well(changes.unclean_change(CHANGE, ["deployment/gateway"], WORKLOADS))
    assert is_well(changes.unread_configuration(CHANGE, ["deployment/gateway"], WORKLOADS))


@pytest.mark.parametrize(
    ("change", "wanted", "sentence"),
    [
        pytest.param(CHANGE, [], "deployment/gateway: was rolled, and nothing", id="too-many"),
        pytest.param(
            CHANGE, ["deployment/gateway", "statefulset/redis"], "redis: still runs on the value", id="too-few"
        ),
        pytest.param(replace(CHANGE, kept=""), ["deployment/gateway"], "'kept' was stored before, and ''", id="lost"),
        pytest.param(replace(CHANGE, load=Load(40, ("x",))), ["deployment/gateway"], "1 requests failed", id="dropped"),
        pytest.param(replace(CHANGE, load=Load(3)), ["deployment/gateway"], "only 3 requests were made", id="unasked"),
    ],
)
def test_an_unclean_upgrade(change: Change, wanted: list[str], sentence: str) -> None:
    assert sentence in "\n".join(told(changes.unclean_change(change, wanted, WORKLOADS)))


def test_a_rollback() -> None:
    back = replace(CHANGE, before=ROLLED, after=STANDING)
    assert is_well(changes.unclean_rollback(STANDING, back, WORKLOADS))
    other = {**WORKLOADS, "deployment/gateway": Workload("deployment/gateway", 3, "another", 1)}
    stuck = replace(back, after=replace(ROLLED, workloads=other, pods=(replace(GATEWAY, uid="3", ready=False), REDIS)))
    assert told(changes.unclean_rollback(STANDING, stuck, WORKLOADS)) == [
        "deployment/gateway: does not have the template of before",
        "gateway-1-a: is Running after the rollback, not ready",
        "helm rollback: rolled nothing: there was nothing to bring back",
    ]


DEPLOYMENT: dict[str, Any] = {
    "kind": "Deployment",
    "spec": {
        "replicas": 1,
        "selector": {"matchLabels": {"app": "x"}},
        "template": {"spec": {"containers": [{"name": "x", "resources": {"limits": {"cpu": "0.5", "memory": "1Gi"}}}]}},
    },
}


def live(**changed: object) -> dict[str, Any]:
    """The same as the API server has it: with defaults, and with quantities in its own form."""
    container = {"name": "x", "resources": {"limits": {"cpu": "500m", "memory": "1024Mi"}}, "terminationGrace": 3}
    spec = {"replicas": 1, "revisionHistoryLimit": 10, "selector": {"matchLabels": {"app": "x"}}}
    return {"kind": "Deployment", "spec": {**spec, "template": {"spec": {"containers": [container]}}, **changed}}


def test_live_objects_as_rendered_are_quiet() -> None:
    findings = drift.drifted_objects({"deployment/x": DEPLOYMENT}, {"deployment/x": live()}, {"deployment/x": ["helm"]})
    assert is_well(findings)


@pytest.mark.parametrize(
    ("seen", "sentence"),
    [
        pytest.param(live(replicas=3), "/spec/replicas is 3, and 1 is rendered", id="scaled"),
        pytest.param(live(template={"spec": {"containers": []}}), "has 0 entries, and 1 are rendered", id="fewer"),
        pytest.param(live(selector={"matchLabels": {"app": "x", "y": "z"}}), "/y is not rendered", id="more"),
    ],
)
def test_live_objects_that_drifted(seen: dict[str, Any], sentence: str) -> None:
    assert sentence in told(drift.drifted_objects({"deployment/x": DEPLOYMENT}, {"deployment/x": seen}, {}))[0]


def test_objects_that_are_gone_or_somebody_elses() -> None:
    assert told(drift.drifted_objects({"deployment/x": DEPLOYMENT}, {}, {})) == ["deployment/x: is not there"]
    owners = {"deployment/x": ["helm", "kubectl-edit"]}
    assert (
        "kubectl-edit set fields of it by hand"
        in told(drift.drifted_objects({"deployment/x": DEPLOYMENT}, {"deployment/x": live()}, owners))[0]
    )


def test_a_manifest_that_drifted() -> None:
    assert is_well(drift.drifted_manifest({"a/x": DEPLOYMENT}, {"a/x": DEPLOYMENT}))
    assert told(drift.drifted_manifest({"a/x": DEPLOYMENT, "a/y": {}}, {"a/x": live(replicas=2), "a/z": {}})) == [
        "a/x: /spec/replicas is 2, and 1 is rendered",
        "a/y: is rendered by the tree and not in the release",
        "a/z: is in the release and the tree does not render it",
    ]


def test_images_that_drifted() -> None:
    running = [{"name": "deployment/x/x", "image": "x:1", "digest": "sha256:a"}]
    assert is_well(drift.drifted_images(running, {"x:1": "sha256:a"}, ["deployment/x/x"]))
    assert told(drift.drifted_images(running, {"x:1": "sha256:b"}, ())) == [
        "deployment/x/x: runs sha256:a as x:1, which is sha256:b"
    ]
    assert "nobody knows the digest" in told(drift.drifted_images(running, {}, ()))[0]
    assert drift.drifted_images(running, {"x:1": "sha256:a"}, ["deployment/y/y"]).unexamined == {"deployment/y/y"}
