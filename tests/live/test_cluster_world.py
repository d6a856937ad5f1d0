"""A Kind cluster of ours: it works, it is ours alone, it is kept and taken up, and nothing is left of it."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from blueprint.trouble import Trouble
from provision.host import Engine, engine
from provision.image_settler import ImageRecord
from provision.images import ensure
from provision.ledger import Kind, Thing, things
from provision.node import ensure_node
from provision.ownership import LABEL, PREFIX, sweep
from provision.processes import run, start
from provision.waiting import Deadline, until
from tests.verifying import ROOT
from worlds.cluster import CLUSTER_LABEL, CONFIG, Cluster
from worlds.cluster_opening import Choices, folders, forget_folders, open_cluster
from worlds.lost import WorldLost

POD_READY = Deadline("the pod to be ready", 120)
REACHED = Deadline("the run to reach the point where it is killed", 300)
TOLD = 15.0
"""Seconds after which a cluster that is gone has to be told."""
FOREIGN = "soma"
WORKLOAD = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: data, namespace: default}}
spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 64Mi}}}}}}
---
apiVersion: v1
kind: Pod
metadata: {{name: web, namespace: default, labels: {{app: web}}}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: web
      image: {image}
      imagePullPolicy: Never
      command: [python3, -m, http.server, "8080", --directory, /data]
      readinessProbe: {{httpGet: {{path: /, port: 8080}}, periodSeconds: 1}}
      resources: {{limits: {{cpu: 200m, memory: 64Mi}}}}
      volumeMounts: [{{name: data, mountPath: /data}}]
  volumes: [{{name: data, persistentVolumeClaim: {{claimName: data}}}}]
---
apiVersion: v1
kind: Service
metadata: {{name: web, namespace: default}}
spec: {{selector: {{app: web}}, ports: [{{port: 80, targetPort: 8080}}]}}
"""
ASK = """
import urllib.request
print(urllib.request.urlopen("http://web.default.svc.cluster.local/hello", timeout=10).read().decode())
"""


@pytest.fixture(scope="module")
def here() -> Engine:
    return engine()


@pytest.fixture(scope="module")
def env(here: Engine) -> dict[str, str]:
    """The environment that leads to the engine."""
    return here.env()


@pytest.fixture(scope="module")
def node(here: Engine) -> str:
    """A node image on the engine."""
    return ensure_node(here, progress=print)[0].reference


@pytest.fixture(scope="module")
def image(here: Engine) -> str:
    """A small image with a shell and a Python."""
    return next(record.reference for record in ensure(["python"], here, overlay=None) if record.name == "python")


def node_image(found: Engine) -> list[ImageRecord]:
    """As the fixture of the proofs has it."""
    return ensure_node(found, progress=print)


def ours(env: Mapping[str, str]) -> dict[str, Kind]:
    """Everything on the engine that is of a cluster of ours, by its name, and what says whose it is."""
    return {str(thing): thing.kind for thing in things(env) if _is_ours(thing)}


def _is_ours(thing: Thing) -> bool:
    of_cluster = thing.labels.get(CLUSTER_LABEL, "").startswith(PREFIX)
    return of_cluster or thing.labels.get(f"{LABEL}selector", "").startswith(f"{CLUSTER_LABEL}={PREFIX}")


def names() -> set[str]:
    """The folders of clusters of ours."""
    return {path.name for path in folders().glob("*")}


@pytest.fixture(autouse=True)
def clean(env: Mapping[str, str]) -> Iterator[None]:
    """Nothing of ours stands before, and nothing that a test made stands after it."""
    sweep(env, print)
    forget_folders()
    before = {*ours(env), *names()}
    yield
    assert {*ours(env), *names()} <= before


@pytest.fixture
def stranger(env: Mapping[str, str], node: str) -> Iterator[str]:
    """What kind takes for a cluster named soma, of somebody else; gives what the engine says of its node."""
    name = f"{FOREIGN}-control-plane"
    labels = ("--label", f"{CLUSTER_LABEL}={FOREIGN}", "--label", "io.x-k8s.kind.role=control-plane")
    argv = ["docker", "run", "--detach", "--network=none", "--name", name, *labels, "--entrypoint", "sleep"]
    run([*argv, node, "infinity"], env=env)
    try:
        yield _state(name, env)
    finally:
        run(["docker", "rm", "--force", "--volumes", name], env=env)


def _state(name: str, env: Mapping[str, str]) -> str:
    shown = "{{.Id}} {{.State.StartedAt}} {{.State.Running}}"
    return run(["docker", "inspect", "--format", shown, name], env=env).stdout


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A user whose kubectl has a context of his own; whoever reads KUBECONFIG or HOME meets it."""
    own = tmp_path / "config"
    own.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "mine"}), encoding="utf-8")
    monkeypatch.setenv("KUBECONFIG", str(own))
    return own


class Timed:
    """Says how long each step took."""

    def __init__(self, say: Callable[[str], None] = print) -> None:
        self._say = say
        self._last = time.monotonic()

    def __call__(self, what: str) -> None:
        """Since the step before."""
        now = time.monotonic()
        self._say(f"== {what}: {now - self._last:.1f} s")
        self._last = now


def test_a_cluster_works_is_kept_taken_up_and_leaves_nothing(
    env: Mapping[str, str], node: str, image: str, stranger: str, home: Path
) -> None:
    del node
    context, said = home.read_text(encoding="utf-8"), Timed()
    with open_cluster(Choices(ROOT / CONFIG, keep=True), node_image, print) as opened:
        said("created and ready")
        _try_workload(opened.cluster, image, said)
        name, kubeconfig = opened.cluster.name, opened.cluster.kubeconfig
        assert kubeconfig.stat().st_mode & 0o077 == 0
    with pytest.raises(Trouble, match=f"the cluster {name}, which run .* kept, stands on this engine"):
        _open_and_close(Choices(ROOT / CONFIG))
    kubeconfig.unlink()
    with open_cluster(Choices(ROOT / CONFIG, reuse=True), node_image, print) as opened:
        said("taken up")
        assert (opened.taken_up, opened.cluster.name) == (True, name)
        assert [pod["metadata"]["name"] for pod in opened.cluster.get("pods", "default")] == ["web"]
        opened.cluster.down()
        assert Kind.CONTAINER not in ours(env).values()
        opened.cluster.down()
    said("taken down")
    assert not things(env, f"name={name}")
    assert _state(f"{FOREIGN}-control-plane", env) == stranger
    assert home.read_text(encoding="utf-8") == context


def _open_and_close(choices: Choices) -> None:
    with open_cluster(choices, node_image, print):
        pass


def _try_workload(cluster: Cluster, image: str, said: Timed) -> None:
    cluster.load([image])
    said("an image loaded")
    cluster.apply(WORKLOAD.format(image=image))
    until(lambda: _web(cluster), lambda ready: ready, POD_READY, every=0.5)
    claims = {claim["metadata"]["name"]: claim["status"]["phase"] for claim in cluster.get("pvc", "default")}
    assert claims == {"data": "Bound"}
    said("a volume bound, its pod ready")
    cluster.kubectl("exec", "web", "--", "sh", "-c", "printf here >/data/hello")
    assert cluster.kubectl("exec", "web", "--", "python3", "-c", ASK).stdout.strip() == "here"
    said("asked through the Service's name")
    with cluster.forwarded("svc/web", 80) as port:
        assert httpx.get(f"http://127.0.0.1:{port}/hello").text == "here"
    said("asked through a port-forward")


def _web(cluster: Cluster) -> bool:
    (pod,) = cluster.get("pods", "default")
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", ()))


def test_a_foreign_cluster_of_the_name_is_refused_and_runs_on(env: Mapping[str, str], stranger: str) -> None:
    with pytest.raises(Trouble, match="soma stands on this engine without our mark: container soma-control-plane"):
        _open_and_close(Choices(ROOT / CONFIG, name=FOREIGN))
    assert _state(f"{FOREIGN}-control-plane", env) == stranger


RUN = """
import sys
from pathlib import Path
from provision.node import ensure_node
from worlds.cluster_opening import Choices, open_cluster

say = lambda line: print(line, flush=True)
with open_cluster(Choices(Path(sys.argv[1])), lambda found: ensure_node(found, progress=say), say):
    pass
"""


def test_what_a_killed_run_leaves_the_next_one_removes(
    env: Mapping[str, str], node: str, stranger: str, tmp_path: Path
) -> None:
    del node
    argv = [sys.executable, "-c", RUN, str(ROOT / CONFIG)]
    with start(argv, env={"PYTHONPATH": str(ROOT)}, log=tmp_path / "run.log") as child:
        until(lambda: {*ours(env).values()}, lambda kinds: kinds == {*Kind}, REACHED, every=0.1)
        child.signal(signal.SIGKILL)
    gone = sweep(env, print)
    assert {thing.kind for thing in gone if _is_ours(thing)} == {*Kind}
    assert len(forget_folders()) == 1
    assert not ours(env)
    assert _state(f"{FOREIGN}-control-plane", env) == stranger


def test_a_cluster_that_goes_is_told_soon_and_removed_all_the_same(env: Mapping[str, str], node: str) -> None:
    del node
    with open_cluster(Choices(ROOT / CONFIG), node_image, print) as opened:
        run(["docker", "kill", f"{opened.cluster.name}-control-plane"], env=env)
        began = time.monotonic()
        with pytest.raises(WorldLost, match=f"the cluster {opened.cluster.name} stopped answering"):
            opened.cluster.get("pods")
        assert time.monotonic() - began < TOLD
    assert not ours(env)
