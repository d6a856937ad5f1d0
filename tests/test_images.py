"""Pull or build, decided and carried out on an engine that only writes down what it was asked."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from blueprint.trouble import Trouble
from provision import images as module
from provision.disk import disk_full_told
from provision.engine import Engine
from provision.image_catalogue import Image, read_images, selected
from provision.image_choice import Policy, Way, way_to
from provision.image_inputs import files_of, key_of
from provision.image_overlay import MARK, read_overlay, write_overlay
from provision.image_settler import ImageRecord, Settler
from provision.image_store import Held, Images, Refusal
from provision.images import main, settings, table
from provision.processes import Completed, ProgramFailed
from provision.steps import step
from provision.waiting import Deadline
from tests.fake_images import NO_SUCH_IMAGE, FakeBuilder, FakeImages, lay_tree, pulled


class Machine:
    """A tree, an engine, and what is said; each ``ensure`` is a call of the real thing with the fakes below it."""

    def __init__(self, root: Path) -> None:
        self.root = lay_tree(root / "tree")
        self.engine = FakeImages()
        self.said: list[str] = []
        self.refused: dict[tuple[str, str], str] = {}
        self.lock = root / "images.lock"
        self.prefix = ""
        self.trouble: Trouble | None = None
        self.bases: list[str] = []

    @property
    def images(self) -> dict[str, Image]:
        """The rows of its catalogue, as it stands now."""
        return dict(read_images(self.root / "infra" / "images" / "catalogue.toml", self.root))

    def ensure(self, *names: str, policy: Policy = Policy.AUTO) -> dict[str, ImageRecord]:
        """Settle the named images in a new call."""
        self.engine.done.clear()
        builder = FakeBuilder(self.engine, self.said.append, self.root, self.trouble, self.bases)
        settler = Settler(self.images, builder, policy, self.prefix, self.refused, self.lock)
        return {record.name: record for record in settler.settle(selected(self.images, names))}

    def edit(self, path: str, text: str) -> None:
        """Change a file of the tree."""
        (self.root / path).write_text(text, encoding="utf-8")

    @property
    def done(self) -> list[str]:
        """What was done to the engine, the sweep and the wheels aside."""
        return [act for act in self.engine.done if not act.startswith(("sweep", "stage"))]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


ROWS: dict[str, tuple[str, Policy, bool, bool, bool, Way]] = {
    # what was asked for, and what is there         image      policy        pulled built  refused
    "auto, nothing there": ("qdrant", Policy.AUTO, False, False, False, Way.PULL_ELSE_BUILD),
    "auto, pulled": ("qdrant", Policy.AUTO, True, False, False, Way.KEEP_PULLED),
    "auto, both": ("qdrant", Policy.AUTO, True, True, False, Way.KEEP_PULLED),
    "auto, built": ("qdrant", Policy.AUTO, False, True, False, Way.KEEP_BUILT),
    "auto, refused": ("qdrant", Policy.AUTO, False, False, True, Way.BUILD),
    "auto, refused, built": ("qdrant", Policy.AUTO, False, True, True, Way.KEEP_BUILT),
    "auto, cannot be built": ("grafana", Policy.AUTO, False, False, False, Way.PULL_ELSE_UNAVAILABLE),
    "auto, cannot be built, refused": ("grafana", Policy.AUTO, False, False, True, Way.UNAVAILABLE),
    "auto, cannot be built, pulled": ("grafana", Policy.AUTO, True, False, False, Way.KEEP_PULLED),
    "pull, nothing there": ("qdrant", Policy.PULL, False, False, False, Way.PULL),
    "pull, built": ("qdrant", Policy.PULL, False, True, False, Way.PULL),
    "pull, refused": ("qdrant", Policy.PULL, False, False, True, Way.PULL),
    "pull, pulled": ("qdrant", Policy.PULL, True, True, False, Way.KEEP_PULLED),
    "build, nothing there": ("qdrant", Policy.BUILD, False, False, False, Way.BUILD),
    "build, pulled": ("qdrant", Policy.BUILD, True, False, False, Way.BUILD),
    "build, built": ("qdrant", Policy.BUILD, False, True, False, Way.KEEP_BUILT),
    "build, cannot be built": ("grafana", Policy.BUILD, False, False, False, Way.UNAVAILABLE),
    "of this tree, auto": ("gateway", Policy.AUTO, False, False, False, Way.BUILD),
    "of this tree, pull": ("gateway", Policy.PULL, False, False, False, Way.BUILD),
    "of this tree, pull, built": ("gateway", Policy.PULL, False, True, False, Way.KEEP_BUILT),
}


@pytest.mark.parametrize(("name", "policy", "held", "built", "refused", "way"), ROWS.values(), ids=ROWS)
def test_the_way_to_an_image(  # noqa: PLR0913, PLR0917 - a row of the table
    machine: Machine, name: str, policy: Policy, held: bool, built: bool, refused: bool, way: Way
) -> None:
    assert way_to(machine.images[name], policy, pulled=held, built=built, refused=refused) is way


def test_without_a_registry_everything_is_built_bases_first(machine: Machine) -> None:
    records = machine.ensure("gateway", "qdrant", "grafana")
    assert machine.done == [
        "pull python:3.13-slim-trixie",
        "build python",
        "build gateway",
        "build qdrant",
    ]
    assert {name: record.provenance for name, record in records.items()} == {
        "python": "built",
        "gateway": "built",
        "qdrant": "stand-in",
        "grafana": "unavailable",
    }
    assert machine.bases == ["", "soma.local/python:3.13", "soma.local/python:3.13"]
    assert any("cannot be pulled (no such host); it is built instead" in line for line in machine.said)


def test_a_registry_that_does_not_answer_is_asked_once_in_a_run(machine: Machine) -> None:
    machine.ensure("qdrant")
    machine.ensure("grafana")
    machine.edit("infra/images/qdrant/shim.py", "print('another')")
    machine.ensure("qdrant")
    assert machine.done == ["build qdrant"]


def test_a_registry_without_the_image_is_asked_for_others(machine: Machine) -> None:
    machine.engine.refusal = NO_SUCH_IMAGE
    machine.ensure("qdrant", "grafana")
    assert [act for act in machine.done if act.startswith("pull")] == [
        "pull qdrant/qdrant:v1.20.0",
        "pull python:3.13-slim-trixie",
        "pull grafana/grafana:12.0.0",
    ]


def test_with_a_registry_only_the_tree_is_built_over_the_pulled_base(machine: Machine) -> None:
    machine.engine.refusal = None
    records = machine.ensure()
    assert [act for act in machine.done if act.startswith("build")] == ["build gateway"]
    assert machine.bases == ["python:3.13-slim-trixie"]
    assert {record.provenance for name, record in records.items() if name != "gateway"} == {"pulled"}
    assert all(record.same_software and not record.does_not_prove for record in records.values())


def test_a_second_call_does_nothing_and_waits_for_nobody(machine: Machine) -> None:
    machine.ensure("gateway", "qdrant")
    records = machine.ensure("gateway", "qdrant")
    assert machine.engine.done == ["stage gateway"]
    assert records["qdrant"].provenance == "stand-in"
    assert records["qdrant"].does_not_prove == "the server"


@pytest.mark.parametrize(
    ("path", "rebuilt"),
    [
        ("services/gateway/main.py", ["gateway"]),
        ("requirements/services.txt", ["gateway"]),
        ("infra/images/services/Dockerfile", ["gateway"]),
        ("infra/images/qdrant/shim.py", ["qdrant"]),
    ],
)
def test_a_changed_input_builds_exactly_its_image_again(machine: Machine, path: str, rebuilt: list[str]) -> None:
    machine.ensure("gateway", "qdrant")
    machine.edit(path, "changed")
    machine.ensure("gateway", "qdrant")
    assert [act for act in machine.done if act.startswith("build")] == [f"build {name}" for name in rebuilt]


def test_the_oldest_builds_of_an_image_go(machine: Machine) -> None:
    for number in range(5):
        machine.edit("services/gateway/main.py", f"app = {number}")
        machine.ensure("gateway")
    assert machine.done == ["build gateway", "untag soma.local/inputs/gateway"]
    assert len(machine.engine.tags("soma.local/inputs/gateway")) == 3
    machine.edit("services/gateway/main.py", "app = 3")
    machine.ensure("gateway")
    assert machine.done == []


def test_a_changed_base_builds_what_stands_on_it_again(machine: Machine) -> None:
    machine.ensure("gateway", "qdrant")
    catalogue = machine.root / "infra" / "images" / "catalogue.toml"
    machine.edit("infra/images/catalogue.toml", catalogue.read_text(encoding="utf-8").replace("python3", "python3.13"))
    machine.ensure("gateway", "qdrant")
    assert [act for act in machine.done if act.startswith("build")] == ["build python", "build gateway", "build qdrant"]


def test_a_changed_description_builds_nothing(machine: Machine) -> None:
    machine.ensure("qdrant")
    catalogue = machine.root / "infra" / "images" / "catalogue.toml"
    machine.edit("infra/images/catalogue.toml", catalogue.read_text(encoding="utf-8").replace("our calls", "calls"))
    assert machine.ensure("qdrant")["qdrant"].proves == "calls"
    assert machine.done == []


def test_bytecode_is_no_input(machine: Machine) -> None:
    build = machine.images["gateway"].build
    assert build is not None
    before = key_of(build, "base", "linux/amd64", machine.root)
    cache = machine.root / "services" / "gateway" / "__pycache__"
    cache.mkdir()
    (cache / "main.cpython-311.pyc").write_bytes(b"0")
    assert key_of(build, "base", "linux/amd64", machine.root) == before
    assert key_of(build, "another base", "linux/amd64", machine.root) != before
    assert key_of(build, "base", "linux/arm64", machine.root) != before


def test_every_file_of_the_dockerfiles_folder_is_an_input(machine: Machine) -> None:
    build = machine.images["qdrant"].build
    assert build is not None
    names = [path.name for path in files_of(build, machine.root)]
    assert names == ["Dockerfile", "shim.py"]


def test_what_compose_built_under_the_same_name_is_put_right_without_a_build(machine: Machine) -> None:
    machine.ensure("gateway")
    ours = machine.engine.held["soma.local/gateway:0.1.0"]
    machine.engine.held["soma.local/gateway:0.1.0"] = Held("built by Compose")
    machine.ensure("gateway")
    assert machine.engine.held["soma.local/gateway:0.1.0"] == ours
    assert machine.done == []


def test_a_pull_that_is_refused_is_trouble_under_the_policy_pull(machine: Machine) -> None:
    with pytest.raises(Trouble, match="qdrant cannot be pulled: no such host") as trouble:
        machine.ensure("qdrant", policy=Policy.PULL)
    assert trouble.value.where == "qdrant/qdrant:v1.20.0"
    assert trouble.value.next_command == "nox -s images -- --images auto"
    assert machine.done == ["pull qdrant/qdrant:v1.20.0"]


def test_a_mirror_is_pulled_from_and_named_to_compose(machine: Machine) -> None:
    machine.prefix = "mirror.example:5000/hub"
    machine.engine.refusal = None
    records = machine.ensure("qdrant", policy=Policy.PULL)
    assert records["qdrant"].reference == "mirror.example:5000/hub/qdrant/qdrant:v1.20.0"
    assert records["qdrant"].provenance == "pulled"
    assert settings(machine.images, records.values()) == {
        "SOMA_IMAGE_QDRANT": "mirror.example:5000/hub/qdrant/qdrant:v1.20.0"
    }


def test_an_image_that_only_has_upstreams_name_is_not_taken_for_pulled(machine: Machine) -> None:
    machine.engine.held["qdrant/qdrant:v1.20.0"] = Held("sha256:1", "", ("elsewhere.example/qdrant/qdrant@sha256:1",))
    assert machine.ensure("qdrant")["qdrant"].provenance == "stand-in"


@pytest.mark.parametrize(
    ("reference", "digest", "came"),
    [
        ("python:3.13", "python@sha256:1", True),
        ("docker.io/library/python:3.13", "python@sha256:1", True),
        ("127.0.0.1:5000/python:3.13", "127.0.0.1:5000/python@sha256:1", True),
        ("127.0.0.1:5000/python:3.13", "python@sha256:1", False),
        ("python:3.13", "127.0.0.1:5000/python@sha256:1", False),
    ],
)
def test_the_registry_that_an_image_came_from(reference: str, digest: str, came: bool) -> None:
    assert Held("sha256:1", "", (digest,)).came_from(reference) is came


def test_a_pulled_image_of_another_digest_is_refused(machine: Machine) -> None:
    catalogue = machine.root / "infra" / "images" / "catalogue.toml"
    text = catalogue.read_text(encoding="utf-8")
    pinned = text.replace('upstream = "qdrant', f'digest = "sha256:{"1" * 64}"\nupstream = "qdrant')
    machine.edit("infra/images/catalogue.toml", pinned)
    machine.engine.refusal = None
    with pytest.raises(Trouble, match=f"qdrant is not sha256:{'1' * 64}, which the catalogue wants"):
        machine.ensure("qdrant")


def test_a_failed_build_leaves_nothing_tagged_and_the_lock_free(machine: Machine) -> None:
    machine.trouble = Trouble("the disk is full")
    with pytest.raises(Trouble, match="the disk is full"):
        machine.ensure("gateway")
    assert machine.engine.held == {}
    machine.trouble = None
    machine.ensure("gateway")
    assert machine.done == ["build python", "build gateway"]


def test_one_image_that_fails_hides_no_other(machine: Machine) -> None:
    with pytest.raises(Trouble, match="2 images cannot be had:") as trouble:
        machine.ensure("python", "gateway", "qdrant", policy=Policy.PULL)
    for name in ("python", "qdrant"):
        assert f"{name} cannot be pulled: no such host" in trouble.value.what
    assert machine.done[-2:] == ["pull python:3.13-slim-trixie", "pull qdrant/qdrant:v1.20.0"]


def test_what_stands_on_a_base_that_failed_is_not_tried(machine: Machine) -> None:
    machine.trouble = Trouble("the disk is full")
    with pytest.raises(Trouble, match=r"^the disk is full$"):
        machine.ensure("gateway", "qdrant", policy=Policy.BUILD)
    assert [act for act in machine.done if act.startswith("build")] == ["build python"]


def test_what_another_run_built_meanwhile_is_not_built_again(machine: Machine) -> None:
    other = Machine(machine.lock.parent)
    other.engine = machine.engine

    def build_first() -> list[str]:
        machine.engine.sweep = list  # type: ignore[method-assign] # the second run finds the lock free
        other.engine.done = []
        other.lock = machine.lock.with_name("other.lock")
        other.ensure("gateway")
        return []

    machine.engine.sweep = build_first  # type: ignore[method-assign] # called once the lock is held
    machine.ensure("gateway")
    assert [act for act in machine.done if act.startswith("build")] == ["build python", "build gateway"]


def test_settings_take_away_what_is_upstreams_or_not_there(machine: Machine) -> None:
    machine.engine.held["qdrant/qdrant:v1.20.0"] = pulled("qdrant/qdrant:v1.20.0")
    records = machine.ensure()
    assert settings(machine.images, records.values()) == {
        "SOMA_PYTHON_IMAGE": "soma.local/python:3.13",
        "SOMA_PIP_NO_INDEX": "1",
        "SOMA_BUILD_NETWORK": "none",
        "SOMA_IMAGE_QDRANT": None,
        "SOMA_IMAGE_GRAFANA": None,
        "SOMA_GRAFANA_SCALE": "0",
    }


def test_what_an_absent_image_needs_is_taken_away_once_it_is_there(machine: Machine) -> None:
    assert settings(machine.images, machine.ensure("grafana").values())["SOMA_GRAFANA_SCALE"] == "0"
    machine.engine.held["grafana/grafana:12.0.0"] = pulled("grafana/grafana:12.0.0")
    assert settings(machine.images, machine.ensure("grafana").values()) == {
        "SOMA_IMAGE_GRAFANA": None,
        "SOMA_GRAFANA_SCALE": None,
    }


def test_the_overlay_is_merged_stable_and_gone_when_it_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    assert write_overlay({"B": "2", "A": "1", "C": None}, path)
    assert path.read_text(encoding="utf-8").startswith(MARK)
    written = path.stat().st_mtime_ns
    assert not write_overlay({"A": "1"}, path)
    assert path.stat().st_mtime_ns == written
    assert write_overlay({"A": "3", "B": None}, path)
    assert read_overlay(path) == {"A": "3"}
    assert write_overlay({"A": None}, path)
    assert list(tmp_path.iterdir()) == []


def test_a_users_own_env_file_is_refused_before_anything_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / ".env"
    path.write_text("SOMA_IMAGE_QDRANT=mine:1\n", encoding="utf-8")
    monkeypatch.setattr(module, "Images", never)
    with pytest.raises(Trouble, match="the file is not ours") as trouble:
        module.ensure(["qdrant"], never(), overlay=path)
    assert trouble.value.where == str(path)
    with pytest.raises(Trouble, match="the file is not ours"):
        write_overlay({"A": "1"}, path)
    assert path.read_text(encoding="utf-8") == "SOMA_IMAGE_QDRANT=mine:1\n"


def never(*_: object) -> Any:  # noqa: ANN401 - stands for an engine that nobody may look at
    return None


def test_a_full_disk_is_told_with_what_is_left_and_what_to_type(tmp_path: Path) -> None:
    failed = Completed(("docker", "build", "."), 1, "", "write /layer.tar: no space left on device\n", 3.0)
    with pytest.raises(Trouble) as trouble, disk_full_told("building soma.local/x:1", tmp_path):
        raise ProgramFailed(failed)
    said = str(trouble.value)
    assert "the disk is full while building soma.local/x:1" in said
    assert f"{tmp_path} has " in said
    assert "MiB left" in said
    assert f"next: df -h {tmp_path} && docker system df" in said


def test_a_full_disk_of_our_own_writes_is_told_too(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="the disk is full while staging"), disk_full_told("staging", tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_another_failure_is_not_taken_for_a_full_disk(tmp_path: Path) -> None:
    failed = Completed(("docker", "build", "."), 1, "", "no such file\n", 3.0)
    with pytest.raises(ProgramFailed, match="exit code 1"), disk_full_told("building", tmp_path):
        raise ProgramFailed(failed)
    with pytest.raises(PermissionError), disk_full_told("building", tmp_path):
        raise PermissionError(errno.EACCES, "no")


def test_a_step_says_when_it_begins_and_ends_and_now_and_then(tmp_path: Path) -> None:
    said: list[str] = []
    with step(said.append, "qdrant", "building", often=0) as line:
        line("Step 1/2")
    assert [text.partition(",")[0] for text in said] == ["qdrant: building …", "qdrant: building", said[2]]
    assert "s so far: Step 1/2" in said[1]
    assert said[2].startswith("qdrant: building: done in ")
    with pytest.raises(Trouble), step(said.append, "qdrant", "building"):
        raise Trouble(str(tmp_path))
    assert said[-1].startswith("qdrant: building stopped after ")


def test_the_program_prints_one_message_and_exits_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_engine() -> object:
        raise Trouble("no container engine answers", next_command="nox -s host -- --yes")

    monkeypatch.setattr(module, "engine_in_use", no_engine)
    assert main(["qdrant"]) == 2
    assert capsys.readouterr() == ("", "no container engine answers\n  next: nox -s host -- --yes\n")


def test_the_table_has_a_line_for_each_image(machine: Machine) -> None:
    lines = table(machine.ensure("qdrant").values()).splitlines()
    assert [line.split()[0] for line in lines] == ["image", "python", "qdrant"]
    assert "stand-in" in lines[2]
    assert "soma.local/qdrant:0.9.0" in lines[2]


def fake_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Images:
    """Images of an engine whose docker program is a script."""
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return Images(Engine(None, False, "20.10", "1.41", "linux/amd64", "5.6.1", None))


@pytest.mark.parametrize(
    ("says", "answered"),
    [
        ("Error response from daemon: manifest for x:1 not found: manifest unknown", True),
        ("Error response from daemon: pull access denied for x, repository does not exist", True),
        ("Error response from daemon: dial tcp: lookup registry: no such host", False),
        ("Error response from daemon: Get https://registry/v2/: EOF", False),
    ],
)
def test_a_refused_pull_tells_whether_a_registry_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, answered: bool
) -> None:
    store = fake_docker(tmp_path, monkeypatch, f"echo '{says}' >&2; exit 1")
    assert store.pull("x:1", ignore) == Refusal(says, registry_answered=answered)


def ignore(_: str) -> None:
    return


def test_a_registry_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provision.image_store.REGISTRY_ANSWERS", Deadline("the registry's first answer", 0.5))
    store = fake_docker(tmp_path, monkeypatch, "exec sleep 60")
    assert store.pull("x:1", ignore) == Refusal("no answer in 0.5 s", registry_answered=False)


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ("Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?", "the engine went away"),
        ("failed to register layer: write /a: no space left on device", "the disk is full while pulling x:1"),
    ],
)
def test_a_pull_that_fails_on_this_side_is_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, told: str
) -> None:
    store = fake_docker(tmp_path, monkeypatch, f"echo '{says}' >&2; exit 1")
    with pytest.raises(Trouble, match=told):
        store.pull("x:1", ignore)


def test_an_engine_that_does_not_tell_its_images_is_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = fake_docker(tmp_path, monkeypatch, "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    with pytest.raises(Trouble, match="the engine does not tell its images: Cannot connect"):
        store.look(["x:1"])


def test_images_that_the_engine_lacks_are_no_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = fake_docker(tmp_path, monkeypatch, "echo '[]'; echo 'Error: No such image: x:1' >&2; exit 1")
    assert store.look(["x:1"]) == {}
