"""What proofs look at and do to both releases, as JSON; each is called within an act of the recorder."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from blueprint.charts import CHARTS
from blueprint.evidence import JSON
from provision.processes import Completed
from provision.waiting import Deadline, until
from worlds.probes.http import fetch, settled
from worlds.release import Release
from worlds.unready import is_ready, unready_pods
from worlds.whole_output import marked, whole

WORKLOADS = "deployments.apps,statefulsets.apps"
WATCHED_SECONDS = 20.0
"""How long pods are watched to stay as they are: longer than two periods of any probe that takes a pod out."""
SETTLED = Deadline("every pod to be ready and none to be ending", 240)
ANSWERED = Deadline("/health to answer through the port-forward", 60)
GONE = Deadline("the pods of both releases to be gone", 180)
LEFT = "configmaps,secrets,serviceaccounts,services,persistentvolumeclaims,pods,jobs.batch,deployments.apps"
LEFT += ",statefulsets.apps,networkpolicies.networking.k8s.io,roles.rbac.authorization.k8s.io"
LEFT += ",rolebindings.rbac.authorization.k8s.io,poddisruptionbudgets.policy,horizontalpodautoscalers.autoscaling"
WIDE = "clusterroles.rbac.authorization.k8s.io,clusterrolebindings.rbac.authorization.k8s.io"
WIDE += ",mutatingwebhookconfigurations.admissionregistration.k8s.io"
PASSING = ("pod/", "job/")
"""What a pod belongs to that ends by itself, e.g. a test that failed and is kept for its log."""
OWN = frozenset({"configmap/kube-root-ca.crt", "serviceaccount/default"})
"""What Kubernetes itself puts into every namespace."""


def snapshot(release: Release) -> dict[str, JSON]:
    """The namespace at this moment, in the form of :class:`blueprint.live_cluster.Snapshot`."""
    return {
        "workloads": [_workload(one) for one in release.get(WORKLOADS)],
        "pods": [_pod(one) for one in release.get("pods")],
        "configs": {
            f"configmap/{one['metadata']['name']}": _digest(one.get("data"))
            for one in release.get("configmaps")
            if one["metadata"]["name"] != "kube-root-ca.crt" and "helm.sh/hook" not in _annotations(one)
        },
    }


def settle(release: Release) -> None:
    """Wait until every pod of a workload is ready and no pod is being taken down."""

    def restless() -> list[str]:
        pods = release.get("pods")
        ending = [pod for pod in pods if "deletionTimestamp" in pod["metadata"]]
        lasting = [pod for pod in pods if not workload_of(pod).startswith(PASSING)]
        return sorted({pod["metadata"]["name"] for pod in [*ending, *unready_pods(lasting)]})

    until(restless, lambda names: not names, SETTLED, every=1)


def deployed(release: Release) -> dict[str, JSON]:
    """Status of every release of the namespace, and of every Job that helm ran for them."""
    listed = json.loads(release.helm("list", "-n", release.namespace, "-o", "json").stdout)
    jobs = [hook for chart in CHARTS for hook in hooks(release, chart) if hook["kind"] == "Job"]
    return {
        "releases": {one["name"]: one["status"] for one in listed},
        "jobs": {str(hook["name"]): hook["phase"] for hook in jobs},
    }


def watched(release: Release) -> dict[str, JSON]:
    """The namespace once it has settled, and a while later."""
    settle(release)
    first = snapshot(release)
    end = time.monotonic() + WATCHED_SECONDS
    until(time.monotonic, lambda now: now >= end, Deadline("the while to pass", WATCHED_SECONDS + 5), every=1)
    return {"first": first, "last": snapshot(release), "seconds": WATCHED_SECONDS}


def health(release: Release, port: int = 8010) -> dict[str, JSON]:
    """What /health answers through a port-forward of the gateway's Service."""
    with release.forwarded("gateway", port) as local:
        return settled(lambda: fetch(f"http://127.0.0.1:{local}/health"), lambda seen: bool(seen["status"]), ANSWERED)


def inside(release: Release, workload: str, argv: Sequence[str]) -> Completed:
    """Run a program in the main container of a workload, which bears its name; it may be run more than once."""
    words = ("exec", workload, "-c", workload.partition("/")[2], "--", "sh", "-c", marked('"$@"'), "sh", *argv)
    return whole(lambda: release.kubectl(*words, check=False))


def repeated(release: Release) -> dict[str, JSON]:
    """The namespace before and after both lines were run once more."""
    settle(release)
    before = snapshot(release)
    lines: list[JSON] = [release.upgrade(chart) for chart in CHARTS]
    settle(release)
    return {"before": before, "after": snapshot(release), "lines": lines}


def tested(release: Release, chart: str) -> dict[str, JSON]:
    """``helm test``: its exit code, what became of each test pod, and the log of one that failed."""
    done = release.helm("test", chart, "-n", release.namespace, "--timeout", "180s", check=False)
    ran = [hook for hook in hooks(release, chart) if hook["kind"] == "Pod" and "test" in hook["events"]]
    said = [done.stderr.strip()] if done.exit_code else []
    said += [
        release.kubectl("logs", str(hook["name"]), "--tail=30", check=False).stdout
        for hook in ran
        if hook["phase"] != "Succeeded"
    ]
    return {"exit_code": done.exit_code, "hooks": list[JSON](ran), "said": "\n".join(said)}


def hooks(release: Release, chart: str) -> list[dict[str, Any]]:
    """The hooks of a release, each with what became of its last run."""
    told = json.loads(release.helm("status", chart, "-n", release.namespace, "-o", "json").stdout)
    return [
        {
            "name": hook["name"],
            "kind": hook["kind"],
            "events": hook["events"],
            "phase": (hook.get("last_run") or {}).get("phase", ""),
        }
        for hook in told.get("hooks") or ()
    ]


def uninstalled(release: Release) -> dict[str, JSON]:
    """Both uninstalled: what there was, what is left, and whether that is declared to stay."""
    before: list[JSON] = [one["name"] for one in everything(release)]
    rendered: list[JSON] = [name for chart in CHARTS for name in stored(release, chart)]
    gone = release.uninstall()
    until(lambda: [pod["metadata"]["name"] for pod in release.get("pods")], lambda pods: not pods, GONE, every=1)
    said: list[JSON] = [str(one["said"]) for one in gone if one["exit_code"]]
    return {"before": before, "rendered": rendered, "after": list[JSON](everything(release)), "said": said}


def everything(release: Release) -> list[dict[str, JSON]]:
    """All objects of the namespace that somebody made, and what is named after it beyond the namespace."""
    wide = release.cluster.get(WIDE)
    mine = [one for one in wide if one["metadata"]["name"].startswith(f"{release.namespace}-")]
    found: list[dict[str, JSON]] = [
        {"name": name_of(one), "declared": _stays(one)}
        for one in [*release.get(LEFT), *mine]
        if name_of(one) not in OWN and not one["metadata"].get("ownerReferences") and not _is_helms(one)
    ]
    return sorted(found, key=lambda one: str(one["name"]))


def stored(release: Release, chart: str) -> dict[str, Any]:
    """The objects of a release's manifest, by name."""
    import yaml

    text = release.helm("get", "manifest", chart, "-n", release.namespace).stdout
    return {name_of(one): one for one in yaml.safe_load_all(text) if one}


def name_of(document: Mapping[str, Any]) -> str:
    """Kind and name of an object, e.g. ``deployment/gateway``."""
    return f"{document['kind'].casefold()}/{document['metadata']['name']}"


def _stays(document: Mapping[str, Any]) -> bool:
    """Whether the charts declare that it outlives them: a volume of a store, or a Secret that says so."""
    labels = document["metadata"].get("labels") or {}
    is_volume = document["kind"] == "PersistentVolumeClaim" and labels.get("app.kubernetes.io/instance") in CHARTS
    return is_volume or labels.get("soma.local/outlives") == "release"


def _is_helms(document: Mapping[str, Any]) -> bool:
    """Whether it is where helm keeps a revision, which goes with the release."""
    return document["kind"] == "Secret" and document.get("type") == "helm.sh/release.v1"


def _workload(document: Mapping[str, Any]) -> JSON:
    return {
        "name": name_of(document),
        "generation": document["metadata"]["generation"],
        "template": _digest(document["spec"]["template"]),
        "replicas": document["spec"]["replicas"],
    }


def _pod(document: Mapping[str, Any]) -> JSON:
    status = document["status"]
    return {
        "name": document["metadata"]["name"],
        "uid": document["metadata"]["uid"],
        "workload": workload_of(document),
        "phase": status.get("phase", ""),
        "ready": is_ready(document),
        "restarts": sum(one.get("restartCount", 0) for one in _containers(status)),
        "ending": "deletionTimestamp" in document["metadata"],
    }


def workload_of(pod: Mapping[str, Any]) -> str:
    """What a pod belongs to; a ReplicaSet stands for the Deployment that made it."""
    owner = next(iter(pod["metadata"].get("ownerReferences") or ()), None)
    if owner is None:
        return f"pod/{pod['metadata']['name']}"
    if owner["kind"] == "ReplicaSet":
        return f"deployment/{owner['name'].rpartition('-')[0]}"
    return f"{owner['kind'].casefold()}/{owner['name']}"


def _containers(status: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from status.get("initContainerStatuses") or ()
    yield from status.get("containerStatuses") or ()


def _annotations(document: Mapping[str, Any]) -> Mapping[str, str]:
    found: Mapping[str, str] = document["metadata"].get("annotations") or {}
    return found


def _digest(document: object) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]
