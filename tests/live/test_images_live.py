"""Images on a real engine: built once, built again when an input changes, pulled from a registry on loopback."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from blueprint.trouble import Trouble
from provision.engine import Engine, engine
from provision.image_catalogue import CATALOGUE, pinned
from provision.image_overlay import read_overlay
from provision.image_store import INPUTS, Images
from provision.images import ImageRecord, ensure
from provision.processes import run, start
from provision.tools import tool
from provision.waiting import Deadline, until
from tests.verifying import ROOT

SERVED = Deadline("the registry to answer", 30)
BUILDING = Deadline("the build to be in its long step", 60)
KILLED = Deadline("what a killed build left to be known", 30)
PUSHED = "livetest/other:1.0"
ROWS = """
[[image]]
name = "livetest-one"
licence = "Apache-2.0"
[image.build]
software = "a file"
version = "1.0"
kind = "same software"
recipe = "dockerfile"
base = "debian"
dockerfile = "one/Dockerfile"

[[image]]
name = "livetest-other"
variable = "SOMA_IMAGE_LIVETEST"
upstream = "livetest/other:1.0"
licence = "Apache-2.0"
[image.build]
software = "another file"
version = "1.0"
kind = "stand-in"
recipe = "dockerfile"
base = "debian"
dockerfile = "other/Dockerfile"
proves = "little"
does_not_prove = "much"
"""
DOCKERFILE = "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nCOPY told /told\n"
ENSURE = """
import sys
from pathlib import Path
from provision.engine import engine
from provision.images import ensure
root = Path(sys.argv[1])
ensure(sys.argv[2:], engine(), "build", lambda line: print(line, flush=True), root=root, overlay=root / ".env")
"""


@pytest.fixture(scope="module")
def docker() -> Engine:
    """The engine in use."""
    return engine()


class Tree:
    """A tree of two small images over the real Debian base, on the engine in use."""

    def __init__(self, root: Path, docker: Engine) -> None:
        self.root = root
        self.engine = docker
        self.said: list[str] = []
        self.overlay = root / ".env"
        catalogue = root / "infra" / "images" / "catalogue.toml"
        catalogue.parent.mkdir(parents=True)
        debian = CATALOGUE.read_text(encoding="utf-8").split("[[image]]")[1]
        catalogue.write_text(f"[[image]]{debian}\n{ROWS}", encoding="utf-8")
        (root / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "1.0"\n', encoding="utf-8")
        for name in ("one", "other"):
            self.edit(f"{name}/Dockerfile", DOCKERFILE)
            self.edit(f"{name}/told", f"{root} {name}")

    def edit(self, path: str, text: str) -> None:
        """Write a file of the tree."""
        (self.root / path).parent.mkdir(exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    def ensure(self, *names: str, policy: str = "build", prefix: str = "") -> dict[str, ImageRecord]:
        """Bring images, as a run would."""
        self.said.clear()
        records = ensure(
            names, self.engine, policy, self.said.append, prefix=prefix, root=self.root, overlay=self.overlay
        )
        return {record.name: record for record in records}

    def docker(self, *argv: str, check: bool = True) -> str:
        """What a docker command prints."""
        return run(["docker", *argv], env=self.engine.env(), check=check, timeout=60).stdout.strip()

    def id(self, name: str) -> str:
        """Of a built image; empty where there is none."""
        return self.docker("image", "ls", "--quiet", "--no-trunc", f"soma.local/{name}:1.0")

    def remove(self) -> None:
        """Take every image of this tree off the engine."""
        for repository in ("livetest-one", "livetest-other", "inputs/livetest-one", "inputs/livetest-other"):
            for tag in Images(self.engine).tags(f"soma.local/{repository}"):
                self.docker("image", "rm", tag)
        mirrored = [
            name
            for name in self.docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").split()
            if PUSHED in name
        ]
        for name in mirrored:
            self.docker("image", "rm", name)


@pytest.fixture
def tree(tmp_path: Path, docker: Engine) -> Iterator[Tree]:
    ensure(["debian"], docker, progress=ignore, overlay=None)
    tree = Tree(tmp_path / "tree", docker)
    yield tree
    tree.remove()


def ignore(_: str) -> None:
    return


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """A real registry on 127.0.0.1, empty."""
    argv: list[str | Path] = [
        tool("crane").path,
        "registry",
        "serve",
        "--address",
        "127.0.0.1:0",
        "--disk",
        tmp_path / "blobs",
    ]
    (tmp_path / "blobs").mkdir()
    with start(argv) as serving:
        until(lambda: serving.output, lambda said: "serving on port" in said, SERVED)
        port = serving.output.rpartition("serving on port")[2].split()[0]
        until(lambda: answers(f"http://127.0.0.1:{port}/v2/"), bool, SERVED)
        yield f"127.0.0.1:{port}"


def answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


def test_an_image_is_built_once_labelled_and_not_again(tree: Tree) -> None:
    first = tree.ensure("livetest-one", "livetest-other")
    assert (first["livetest-one"].provenance, first["livetest-other"].provenance) == ("built", "stand-in")
    assert any(line.startswith("livetest-one: building soma.local/livetest-one:1.0: done in") for line in tree.said)
    ids = (tree.id("livetest-one"), tree.id("livetest-other"))
    labels = json.loads(tree.docker("image", "inspect", "--format", "{{json .Config.Labels}}", ids[0]))
    assert tree.docker("image", "ls", "--quiet", pinned("livetest-one", labels[INPUTS])) in ids[0]
    tree.ensure("livetest-one", "livetest-other")
    assert tree.said == []
    assert (tree.id("livetest-one"), tree.id("livetest-other")) == ids
    assert read_overlay(tree.overlay) == {"SOMA_IMAGE_LIVETEST": "soma.local/livetest-other:1.0"}


def test_a_changed_input_builds_exactly_that_image_again(tree: Tree) -> None:
    tree.ensure("livetest-one", "livetest-other")
    before, kept = tree.id("livetest-one"), tree.id("livetest-other")
    tree.edit("one/told", "changed")
    tree.ensure("livetest-one", "livetest-other")
    assert [line for line in tree.said if "done in" in line and "livetest-other" in line] == []
    assert tree.id("livetest-one") not in {before, ""}
    assert tree.id("livetest-other") == kept
    assert tree.docker("run", "--rm", "--network=none", "soma.local/livetest-one:1.0", "cat", "/told") == "changed"


def test_nothing_that_is_built_carries_an_owner(tree: Tree) -> None:
    """A label of an image is a label of its containers, and a sweep goes by the owner's."""
    tree.ensure("livetest-one")
    ensure(["python", "pgvector"], tree.engine, progress=ignore, overlay=None)
    for reference in ("soma.local/livetest-one:1.0", "soma.local/python:3.13", "soma.local/pgvector:0.8.0-pg17"):
        labels = json.loads(tree.docker("image", "inspect", "--format", "{{json .Config.Labels}}", reference))
        assert [label for label in labels if label.startswith("soma.verify/")] == [INPUTS]


def test_an_image_is_pulled_from_a_mirror(tree: Tree, registry: str) -> None:
    tree.ensure("livetest-other")
    mirrored = f"{registry}/{PUSHED}"
    tree.docker("tag", "soma.local/livetest-other:1.0", mirrored)
    tree.docker("push", mirrored)
    tree.remove()
    assert tree.docker("image", "ls", "--quiet", mirrored) == ""
    record = tree.ensure("livetest-other", policy="pull", prefix=registry)["livetest-other"]
    assert (record.provenance, record.reference, record.same_software) == ("pulled", mirrored, True)
    assert tree.docker("run", "--rm", "--network=none", mirrored, "cat", "/told") == f"{tree.root} other"
    assert read_overlay(tree.overlay) == {"SOMA_IMAGE_LIVETEST": mirrored}
    assert tree.id("livetest-other") == ""
    assert tree.ensure("livetest-other", policy="auto", prefix=registry)["livetest-other"].provenance == "pulled"
    assert tree.said == []


def test_auto_builds_what_a_mirror_lacks_and_pull_says_so(tree: Tree, registry: str) -> None:
    with pytest.raises(Trouble, match="livetest-other cannot be pulled") as trouble:
        tree.ensure("livetest-other", policy="pull", prefix=registry)
    assert trouble.value.where == f"{registry}/{PUSHED}"
    assert tree.ensure("livetest-other", policy="auto", prefix=registry)["livetest-other"].provenance == "stand-in"
    assert not [line for line in tree.said if "asking the registry" in line]  # the refusal is final for this process


def test_a_mirror_that_nobody_serves_is_refused_in_its_own_words(tree: Tree) -> None:
    with pytest.raises(Trouble, match=r"livetest-other cannot be pulled: .*connection refused"):
        tree.ensure("livetest-other", policy="pull", prefix="127.0.0.1:9")
    assert tree.ensure("livetest-other", policy="auto", prefix="127.0.0.1:9")["livetest-other"].provenance == "stand-in"


def test_a_full_disk_is_one_clear_message_and_leaves_no_tag(tree: Tree) -> None:
    tree.edit("one/Dockerfile", DOCKERFILE + "RUN cp /told /dev/full\n")
    with pytest.raises(Trouble) as trouble:
        tree.ensure("livetest-one")
    said = str(trouble.value)
    assert said.startswith("the disk is full while building soma.local/livetest-one:1.0: ")
    assert "MiB left" in said
    assert "next: df -h" in said
    assert tree.id("livetest-one") == ""
    assert Images(tree.engine).tags("soma.local/inputs/livetest-one") == []


def test_a_build_that_fails_shows_its_own_words_and_leaves_no_tag(tree: Tree) -> None:
    tree.edit("one/Dockerfile", DOCKERFILE + "RUN echo the reason is this >&2; exit 3\n")
    with pytest.raises(Trouble, match="the reason is this"):
        tree.ensure("livetest-one")
    assert tree.id("livetest-one") == ""


def test_a_build_has_no_network(tree: Tree) -> None:
    tree.edit("one/Dockerfile", DOCKERFILE + "RUN grep -c : /proc/net/dev > /interfaces\n")
    tree.ensure("livetest-one")
    seen = tree.docker("run", "--rm", "--network=none", "soma.local/livetest-one:1.0", "cat", "/interfaces")
    assert seen == "1"  # lo alone


def test_two_runs_at_once_build_once(tree: Tree) -> None:
    tree.edit("one/Dockerfile", DOCKERFILE + "RUN sleep 3\n")
    argv: list[str | Path] = [sys.executable, "-c", ENSURE, tree.root, "livetest-one"]
    with start(argv, cwd=ROOT) as first, start(argv, cwd=ROOT) as second:
        assert [first.wait(BUILDING), second.wait(BUILDING)] == [0, 0]
        outputs = sorted((first.output, second.output), key=len)
    assert [output.count("done in") for output in outputs] == [0, 1]
    assert "another run is building images; waiting for it" in outputs[0]


def test_a_killed_build_leaves_no_tag_and_the_next_run_removes_its_container(tree: Tree) -> None:
    text = (tree.root / "infra/images/catalogue.toml").read_text(encoding="utf-8")
    slow = text.replace('dockerfile = "one/Dockerfile"', 'packages = ["hello"]\nprepare = "sleep 60"', 1).replace(
        'recipe = "dockerfile"', 'recipe = "layer"', 1
    )
    tree.edit("infra/images/catalogue.toml", slow)
    with start([sys.executable, "-c", ENSURE, tree.root, "livetest-one"], cwd=ROOT) as killed:
        until(workbenches(tree), bool, BUILDING)
        until(workbenches(tree, "running"), bool, BUILDING)
        killed.signal(signal.SIGKILL)
        killed.wait(KILLED)
    left = until(workbenches(tree), bool, KILLED)
    tree.edit("infra/images/catalogue.toml", text)
    tree.ensure("livetest-one")
    assert f"removed container {left[0]}, which a killed build had left" in tree.said
    assert workbenches(tree)() == []
    assert [line for line in tree.said if "Debian" in line] == []


def workbenches(tree: Tree, state: str = "") -> Callable[[], list[str]]:
    chosen = ("--filter", f"status={state}") if state else ()

    def look() -> list[str]:
        argv = ("ps", "--all", "--filter", "name=soma-verify-build-", *chosen, "--format", "{{.Names}}")
        return tree.docker(*argv).split()

    return look
