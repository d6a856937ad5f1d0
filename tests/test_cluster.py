"""The Kind cluster of ours, as far as no engine is needed: whose it is, what it may run, which fixture wins."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from blueprint.evidence import JSON
from blueprint.trouble import Trouble
from provision import ownership
from provision.engine import Engine
from provision.image_catalogue import read_images
from provision.ledger import Kind, Thing
from provision.node import stand_in
from provision.node_parts import read_node
from provision.ownership import Mark, Owner
from provision.processes import Completed, run
from provision.tools import Tool
from tests.verifying import ROOT
from worlds import cluster_opening as opening
from worlds import cluster_policies
from worlds.cluster import CLUSTER_LABEL, Cluster
from worlds.cluster_opening import OWNER, Choices, Opened, forget_folders, kept_cluster
from worlds.kind_world import KindWorld
from worlds.lost import WorldLost
from worlds.recorder import Recorder, Seen
from worlds.replay import Replay

ENGINE = Engine(
    None, ours=False, version="28", api_version="1", platform="linux/amd64", compose_version="2", docker_config=None
)
DEAD = replace(Owner.current(), pid=2**22 + 1, selector=f"{CLUSTER_LABEL}=soma-verify-dead")


@pytest.fixture
def folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(opening, "folders", lambda: tmp_path)
    return tmp_path


def _folder(home: Path, name: str, owner: Owner) -> None:
    (home / name).mkdir()
    (home / name / OWNER).write_text(json.dumps(asdict(owner)), encoding="utf-8")
    (home / name / "kubeconfig").touch()


def test_folders_of_dead_runs_go_and_no_other(folders: Path) -> None:
    _folder(folders, "soma-verify-dead", DEAD)
    _folder(folders, "soma-verify-kept", replace(DEAD, keep=True))
    _folder(folders, "soma-verify-running", Owner.current())
    _folder(folders, "soma", DEAD)
    (folders / "soma-verify-unknown").mkdir()
    assert forget_folders() == ["soma-verify-dead"]
    assert sorted(path.name for path in folders.iterdir()) == [
        "soma",
        "soma-verify-kept",
        "soma-verify-running",
        "soma-verify-unknown",
    ]


def _marks(*owners: Owner) -> list[Mark]:
    return [Mark(owner, Thing(Kind.VOLUME, owner.selector.rpartition("=")[2], "id")) for owner in owners]


def test_a_kept_cluster_is_taken_up_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = replace(DEAD, keep=True)
    project = replace(kept, selector="com.docker.compose.project=soma-verify-other", started=kept.started + 1)
    monkeypatch.setattr(ownership, "marks", lambda _: _marks(DEAD, project, kept))
    assert kept_cluster({}, Choices(Path(), reuse=True)) == _marks(kept)[0]
    with pytest.raises(Trouble, match=r"the cluster soma-verify-dead, which run .* kept, stands on this engine"):
        kept_cluster({}, Choices(Path()))
    monkeypatch.setattr(ownership, "marks", lambda _: _marks(DEAD, project))
    assert kept_cluster({}, Choices(Path(), reuse=True)) is None


def test_a_lost_cluster_is_not_asked_again(tmp_path: Path) -> None:
    cluster = Cluster("soma-verify-x", tmp_path, {}, print)
    cluster.lost = WorldLost("the cluster soma-verify-x stopped answering")
    with pytest.raises(WorldLost):
        cluster.kubectl("get", "pods")
    with pytest.raises(WorldLost), cluster.forwarded("svc/x", 80):
        pass


def _pod(name: str, ready: str) -> dict[str, Any]:
    condition = {"type": "Ready", "status": ready}
    return {"metadata": {"name": name, "namespace": "kube-system"}, "status": {"conditions": [condition]}}


def test_what_is_not_ready_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"nodes": [_pod("one", "True")], "pods": [_pod("coredns", "False"), _pod("etcd", "True")]}
    monkeypatch.setattr(
        Cluster, "get", lambda _, resource, space="": [] if space == "local-path-storage" else found[resource]
    )
    cluster = Cluster("soma-verify-x", tmp_path, {}, print)
    assert cluster.unready() == ["pod coredns", "pods of local-path-storage"]


def test_a_missing_configuration_is_told_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="there is no configuration of Kind"):
        Cluster("soma-verify-x", tmp_path, {}, print).create("image", tmp_path / "kind.yaml")


def test_what_proofs_see_of_a_cluster_is_seen_again_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pods, made, evidence = [_pod("web", "True")], list[str](), tmp_path / "evidence.jsonl"
    monkeypatch.setattr("worlds.kind_world.tool", lambda name: Tool(name, Path(f"/bin/{name}"), "1", "PATH"))
    monkeypatch.setattr(Cluster, "get", lambda *_: pods)
    monkeypatch.setattr(Cluster, "apply", lambda _, manifest: made.append(manifest))
    stands_in = stand_in(read_node(), "soma.local/node:v1")

    @contextmanager
    def open_one() -> Iterator[Opened]:
        yield Opened(Cluster("soma-verify-x", tmp_path, {}, print), ENGINE, (stands_in,), (), taken_up=False)

    @contextmanager
    def open_none() -> Iterator[Opened]:
        pytest.fail("a cluster is made on replay")
        yield

    def look(recorder: Recorder, opening: Callable[[], AbstractContextManager[Opened]]) -> tuple[JSON, Seen]:
        with KindWorld(recorder, opening) as world, recorder.scope("proof") as seen:
            world.rest()
            world.apply("kind: Pod")
            return world.get("pods").seen, seen

    with Recorder(evidence) as recorder:
        recorder.note("run", run={"as_of": "2026-01-31"})
        first = look(recorder, open_one)
    with Recorder(tmp_path / "again.jsonl", Replay(evidence)) as recorder:
        again = look(recorder, open_none)
    assert (first, made) == (again, ["kind: Pod"])
    assert first[0] == pods
    assert first[1].images["kindnetd"]["same_software"] is False
    assert len(first[1].evidence) == 3


@pytest.mark.parametrize("path", ["kind", "/nowhere/kind"])
def test_pytest_kind_is_given_no_program_that_it_would_download(path: str) -> None:
    argv = [sys.executable, "-m", "worlds.kind", "delete", "x", "--kubeconfig", "/nowhere", "--kubectl", "/bin/true"]
    done = run([*argv, "--kind", path], cwd=ROOT, check=False)
    assert done.exit_code == 2
    assert f"{path} is no absolute path of a file" in done.stderr


def test_ours_wins_over_the_fixture_of_pytest_kind(request: pytest.FixtureRequest) -> None:
    manager = request.session._fixturemanager  # noqa: SLF001 - nothing public says which of two fixtures is used
    found = manager.getfixturedefs("kind_cluster", request.node)
    assert found is not None
    assert [one.func.__module__ for one in found] == ["pytest_kind.plugin", "fixtures.cluster"]


def test_pytest_kind_is_imported_in_one_module_alone() -> None:
    folders = ("blueprint", "common", "fixtures", "provision", "reports", "services", "tests_infra", "worlds")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    found = [path for path in files if "pytest_kind" in path.read_text(encoding="utf-8")]
    assert [path.relative_to(ROOT).as_posix() for path in found] == ["worlds/kind.py"]


class Asked(Cluster):
    """A cluster that writes down what it is asked, and does none of it."""

    def __init__(self, folder: Path) -> None:
        super().__init__("soma-verify-asked", folder, {}, lambda _: None)
        self.asked: list[str] = []

    def load(self, images: Sequence[str]) -> None:
        """Write it down."""
        self.asked.append(f"load {' '.join(images)}")

    def kubectl(self, *words: str, given: str | None = None, timeout: float = 0, check: bool = True) -> Completed:
        """Write it down."""
        del timeout, check
        self.asked.append(f"kubectl {' '.join(words)}")
        return Completed(words, 0, given or "", "", 0.0)


def test_policies_are_enforced_beside_the_stand_in_and_left_to_kinds_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = [stand_in(read_node(), "soma.local/node:v1.37.2")]
    router = replace(made[0], name="kube-router", reference="soma.local/kube-router:2.1.0")
    monkeypatch.setattr(cluster_policies, "ensure", lambda *_, **__: [replace(router, name="debian"), router])
    asked = Asked(tmp_path)
    assert cluster_policies.enforce_policies(asked, ENGINE, [replace(made[0], name="node")]) == []
    assert asked.asked == []
    assert cluster_policies.enforce_policies(asked, ENGINE, made) == [router]
    assert asked.asked[:2] == ["load soma.local/kube-router:2.1.0", "kubectl apply -f -"]
    assert asked.asked[2].startswith("kubectl rollout status daemonset/kube-router")


def test_the_manifest_runs_the_image_of_the_catalogue_and_its_firewall_alone() -> None:
    documents = list(yaml.safe_load_all(cluster_policies.MANIFEST.read_text(encoding="utf-8")))
    (daemon,) = (document for document in documents if document["kind"] == "DaemonSet")
    (container,) = daemon["spec"]["template"]["spec"]["containers"]
    assert container["image"] == read_images()["kube-router"].local
    assert {"--run-router=false", "--run-service-proxy=false", "--run-firewall=true"} <= set(container["args"])
    verbs = {verb for document in documents for rule in document.get("rules", ()) for verb in rule["verbs"]}
    assert verbs == {"get", "list", "watch"}
