"""Both releases changed under traffic from inside the cluster, and rolled back; each within an act of the recorder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from blueprint.evidence import JSON
from provision.waiting import Deadline, until
from worlds.probes import load as load_script
from worlds.release import Release
from worlds.release_acts import settle, snapshot

NAME = "verify-load"
ADDRESS = "http://gateway:8010/live"
"""Of the gateway itself: what it says of its peers is another matter than whether a request was dropped."""
RUNS = Deadline("the pod that makes traffic to be answered steadily", 120)
ENDED = Deadline("the pod that makes traffic to say how it went", 60)
KEY = "soma-verify"


def changed(release: Release, settings: Mapping[str, Mapping[str, str]], *, word: str) -> dict[str, JSON]:
    """Both charts upgraded to changed values under load, with something stored before it.

    Args:
        release: both releases.
        settings: by chart, the values that are changed.
        word: what is stored in redis.
    """

    def act() -> None:
        for chart, values in settings.items():
            release.upgrade(chart, values)

    redis(release, "set", KEY, word)
    return _under_load(release, act, word)


def rolled_back(release: Release, revisions: Mapping[str, int], *, word: str) -> dict[str, JSON]:
    """Both charts rolled back to former revisions under load; arguments as of :func:`changed`."""

    def act() -> None:
        for chart, revision in revisions.items():
            release.rollback(chart, revision)

    return _under_load(release, act, word)


def reconfigured(release: Release, chart: str, values: Mapping[str, str]) -> dict[str, JSON]:
    """One chart upgraded to changed values, and back to its own afterwards."""
    settle(release)
    before = snapshot(release)
    release.upgrade(chart, values)
    settle(release)
    after = snapshot(release)
    release.upgrade(chart)
    settle(release)
    return {"before": before, "after": after}


def redis(release: Release, *words: str) -> str:
    """What redis-cli answers in the pod of redis."""
    return release.kubectl("exec", "redis-0", "-c", "redis", "--", "redis-cli", *words).stdout.strip()


def _under_load(release: Release, act: Callable[[], None], word: str) -> dict[str, JSON]:
    settle(release)
    before = snapshot(release)
    with _load(release) as finish:
        act()
        said = finish()
    settle(release)
    kept = redis(release, "get", KEY)
    return {"before": before, "after": snapshot(release), "load": said, "data": {"put": word, "kept": kept}}


@contextmanager
def _load(release: Release) -> Iterator[Callable[[], JSON]]:
    """A pod that asks the gateway all the time; gives what ends it and tells how it went."""
    release.kubectl("delete", "pod", NAME, "--ignore-not-found", "--wait=true")
    release.kubectl("apply", "-f", "-", given=json.dumps(_pod(release)))
    try:
        until(lambda: _has_begun(release), bool, RUNS, every=0.5)
        yield lambda: _finished(release)
    finally:
        release.kubectl("delete", "pod", NAME, "--ignore-not-found", "--grace-period=0", "--force", check=False)


def _has_begun(release: Release) -> bool:
    return release.kubectl("exec", NAME, "--", "test", "-e", str(load_script.STARTED), check=False).exit_code == 0


def _finished(release: Release) -> JSON:
    release.kubectl("exec", NAME, "--", "touch", str(load_script.STOP))
    said = until(lambda: _last_line(release), bool, ENDED, every=0.5)
    told: JSON = json.loads(said)
    return told


def _last_line(release: Release) -> str:
    """What the pod said at its end; empty while it has said nothing."""
    return release.kubectl("logs", NAME, "--tail=1").stdout.strip()


def _pod(release: Release) -> dict[str, Any]:
    """Of the gateway's own image, which has a Python; the gateway lets it in by its label."""
    (gateway,) = (one for one in release.get("deployments.apps") if one["metadata"]["name"] == "gateway")
    spec = gateway["spec"]["template"]["spec"]
    source = Path(load_script.__file__).read_text(encoding="utf-8")
    container = {
        "name": "load",
        "image": spec["containers"][0]["image"],
        "imagePullPolicy": spec["containers"][0]["imagePullPolicy"],
        "command": ["python3", "-c", source, ADDRESS],
        "securityContext": spec["containers"][0]["securityContext"],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"cpu": "250m", "memory": "96Mi"}},
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - the pod's own volume
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": NAME, "labels": {"soma.local/uses-gateway": "true"}},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": False,
            "securityContext": spec["securityContext"],
            "containers": [container],
            "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "1Mi"}}],
        },
    }
