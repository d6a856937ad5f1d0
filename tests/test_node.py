"""The Kind node image: its table, its archives, and pull or build on an engine that is none."""

from __future__ import annotations

import errno
import json
import stat
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from blueprint.trouble import Trouble
from provision.engine import Engine
from provision.image_catalogue import pinned
from provision.image_choice import Policy
from provision.image_settler import ImageRecord
from provision.image_store import Held
from provision.node import NodeSettler
from provision.node_archives import Packed, layer, write_archive, write_server
from provision.node_builder import NAME, NodeBuilder, copy_tree
from provision.node_parts import HOME, Node, assigned, key_of, read_node, wanted_by_kind
from provision.programs import read_programs
from provision.sources.go import Module
from tests.fake_images import FakeImages

NODE = replace(read_node(), digest=f"sha256:{'0' * 64}")
ENGINE = Engine(
    None, ours=False, version="28", api_version="1", platform="linux/amd64", compose_version="2", docker_config=None
)
BUILD = f"build {NODE.version}"
KIND_FILES = {
    "pkg/build/nodeimage/const_cni.go": 'const kindnetdImage = "example.test/kindest/kindnetd:v1"',
    "pkg/build/nodeimage/const_storage.go": """
        const storageProvisionerImage = "example.test/kindest/local-path-provisioner:v2"
        const storageHelperImage = "example.test/kindest/local-path-helper:v3"
    """,
    "images/base/files/etc/containerd/config.toml": 'sandbox_image = "example.test/pause:3.10"',
}


# the table


def test_every_component_has_at_most_one_program_and_it_is_known() -> None:
    for component in NODE.components.values():
        given = [word for word in (component.programs, component.source, component.script) if word]
        assert len(given) <= 1, component.name
        if component.programs:
            assert component.name in read_programs()[component.programs].packages
        for file in filter(None, (component.source, component.script)):
            assert (HOME / file).is_file()


def test_what_stands_in_says_what_it_proves() -> None:
    assert NODE.stand_in["proves"]
    assert "network policies" in NODE.stand_in["does_not_prove"]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("upstream =", "upstraem =", "the table of the node image lacks 'upstream'"),
        ("debian = true", "debain = true", "has an unknown field debain"),
    ],
)
def test_a_bad_table_is_refused(tmp_path: Path, before: str, after: str, message: str) -> None:
    bad = tmp_path / "node.toml"
    bad.write_text((HOME / "node.toml").read_text(encoding="utf-8").replace(before, after, 1), encoding="utf-8")
    with pytest.raises(Trouble, match=message):
        read_node(bad)


def _module(root: Path, **changed: str) -> Path:
    for name, text in {**KIND_FILES, **changed}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def test_kind_says_itself_which_images_it_wants(tmp_path: Path) -> None:
    assert wanted_by_kind(_module(tmp_path)) == [
        "example.test/kindest/kindnetd:v1",
        "example.test/kindest/local-path-provisioner:v2",
        "example.test/kindest/local-path-helper:v3",
        "example.test/pause:3.10",
    ]


def test_a_kind_that_names_no_image_is_told(tmp_path: Path) -> None:
    module = _module(tmp_path, **{"pkg/build/nodeimage/const_cni.go": "package nodeimage"})
    with pytest.raises(Trouble, match="kind names no image here any more") as refused:
        wanted_by_kind(module)
    assert refused.value.where == "pkg/build/nodeimage/const_cni.go"


def test_containerds_pause_goes_before_kubeadms() -> None:
    wanted = ["example.test/pause:3.10.2", "example.test/coredns/coredns:v1", "example.test/pause:3.10"]
    assert {reference: one.name for reference, one in assigned(wanted, NODE.components).items()} == {
        "example.test/pause:3.10": "pause",
        "example.test/coredns/coredns:v1": "coredns",
    }


def test_an_image_of_which_nothing_is_known_is_told() -> None:
    with pytest.raises(Trouble, match="a node needs kube-dreamer, of which nothing is known"):
        assigned(["example.test/kube-dreamer:v1"], NODE.components)


def test_the_key_follows_each_input(tmp_path: Path) -> None:
    (tmp_path / "kindnetd").write_text("one", encoding="utf-8")
    keys = [key_of(NODE, "linux/amd64", tmp_path), key_of(NODE, "linux/arm64", tmp_path)]
    keys.append(key_of(replace(NODE, packages=("systemd",)), "linux/amd64", tmp_path))
    (tmp_path / "kindnetd").write_text("two", encoding="utf-8")
    keys.append(key_of(NODE, "linux/amd64", tmp_path))
    assert len(set(keys)) == len(keys)
    assert key_of(NODE, "linux/amd64", tmp_path) == keys[-1]


@pytest.mark.parametrize("part", ["identity", "kind_module", "SUITE"])
def test_the_key_follows_programs_kind_and_debian(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = key_of(NODE, "linux/amd64")
    other = {"identity": lambda row: f"{row}-v2", "kind_module": lambda: Module("kind", "v2", "h1:"), "SUITE": "sid"}
    monkeypatch.setattr(f"provision.node_parts.{part}", other[part])
    assert key_of(NODE, "linux/amd64") != before


# archives


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program"
    path.write_bytes(b"\x7fELF")
    return path


def test_an_archive_names_all_its_images_first_and_holds_a_shared_layer_once(tmp_path: Path, program: Path) -> None:
    system = layer(program, "sh", tmp_path / "system.tar")
    over = layer(program, "proxy", tmp_path / "over.tar")
    images = [
        Packed("example.test/a/proxy:v1", (system, over), "/usr/local/bin/proxy"),
        Packed("example.test/helper:v2", (system,)),
    ]
    with tarfile.open(write_archive(images, "amd64", tmp_path / "archive.tar")) as archive:
        names = archive.getnames()
        manifest = json.loads(_text(archive, "manifest.json"))
        configs = [json.loads(_text(archive, one["Config"])) for one in manifest]
        repositories = json.loads(_text(archive, names[0]))
        layers = [name for name in names if name.endswith("layer.tar")]
    assert names[0] == "repositories"
    assert {name: list(tags) for name, tags in repositories.items()} == {
        "example.test/a/proxy": ["v1"],
        "example.test/helper": ["v2"],
    }
    assert [one["RepoTags"] for one in manifest] == [["example.test/a/proxy:v1"], ["example.test/helper:v2"]]
    assert len(layers) == 2
    assert [len(one["Layers"]) for one in manifest] == [2, 1]
    for one, config in zip(manifest, configs, strict=True):
        assert [f"sha256:{name.partition('/')[0]}" for name in one["Layers"]] == config["rootfs"]["diff_ids"]
    assert configs[0]["config"]["Entrypoint"] == ["/usr/local/bin/proxy"]
    assert "Entrypoint" not in configs[1]["config"]


def _text(archive: tarfile.TarFile, name: str) -> str:
    member = archive.extractfile(name)
    assert member is not None
    return member.read().decode()


def test_a_layer_is_the_same_whoever_makes_it(tmp_path: Path, program: Path) -> None:
    first = layer(program, "proxy", tmp_path / "one.tar").read_bytes()
    program.chmod(0o600)
    assert layer(program, "proxy", tmp_path / "two.tar").read_bytes() == first
    with tarfile.open(tmp_path / "two.tar") as archive:
        (entry,) = archive.getmembers()
    assert (entry.name, entry.mode, entry.uid) == ("usr/local/bin/proxy", 0o755, 0)


def test_the_server_tarball_has_what_kind_reads(tmp_path: Path, program: Path) -> None:
    with tarfile.open(write_server("v1.37.2", {"kubelet": program}, tmp_path / "server.tar.gz"), "r:gz") as archive:
        assert archive.getnames() == ["kubernetes/version", "kubernetes/server/bin/kubelet"]
        assert _text(archive, "kubernetes/version") == "v1.37.2"


def test_files_of_a_module_get_the_modes_that_kind_gives_them(tmp_path: Path) -> None:
    for name in ("etc/containerd/config.toml", "usr/local/bin/entrypoint"):
        path = tmp_path / "module" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x", encoding="utf-8")
        path.chmod(0o444)
    copy_tree(tmp_path / "module", tmp_path / "copy")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "copy").rglob("*")}
    assert modes["config.toml"] == 0o644
    assert {modes[name] for name in ("entrypoint", "bin", "containerd")} == {0o755}


# pull or build


@dataclass
class NodeImages(FakeImages):
    """Here an image is named by one of its references."""

    def tag(self, image: str, *references: str) -> None:
        """Hold it under them too."""
        self.held.update(dict.fromkeys(references, self.held[image]))


@dataclass(frozen=True, slots=True)
class FakeNodeBuilder(NodeBuilder):
    """Builds nothing, and can fail."""

    done: list[str] = field(default_factory=list)
    trouble: Trouble | None = None

    def build(self, node: Node, key: str, reference: str) -> None:
        """Write it down."""
        self.done.append(f"build {node.version}")
        if self.trouble:
            raise self.trouble
        assert isinstance(self.images, FakeImages)
        self.images.held[reference] = Held(f"node of {key}", key)

    def sweep(self) -> list[str]:
        """Nothing was left."""
        return []


@pytest.fixture
def images(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> NodeImages:
    monkeypatch.setattr("provision.node.user_cache_path", lambda _: tmp_path)
    return NodeImages()


def settle(
    images: FakeImages, policy: Policy = Policy.AUTO, node: Node = NODE, trouble: Trouble | None = None
) -> tuple[list[str], dict[str, ImageRecord]]:
    """One call: what was done, and the records."""
    builder = FakeNodeBuilder(ENGINE, images, lambda _: None, trouble=trouble)
    images.done.clear()
    records = NodeSettler(node, builder, policy).settle()
    return [*images.done, *builder.done], {record.name: record for record in records}


def test_without_a_registry_it_is_built_once_and_says_what_stands_in(images: FakeImages) -> None:
    first, records = settle(images)
    again, _ = settle(images)
    assert (first, again) == ([f"pull {NODE.upstream}", BUILD], [])
    assert (records["node"].provenance, records["node"].version) == ("built", NODE.version)
    assert records["node"].reference in images.held
    assert (records["kindnetd"].provenance, records["kindnetd"].same_software) == ("stand-in", False)
    assert records["kindnetd"].does_not_prove == NODE.stand_in["does_not_prove"]


def test_with_a_registry_it_is_pulled_and_nothing_stands_in(images: FakeImages) -> None:
    images.refusal = None
    first, records = settle(images)
    again, _ = settle(images)
    assert (first, again) == ([f"pull {NODE.upstream}"], [])
    assert [(name, one.provenance, one.reference) for name, one in records.items()] == [
        ("node", "pulled", NODE.upstream)
    ]


def test_pull_alone_builds_nothing(images: FakeImages) -> None:
    with pytest.raises(Trouble, match="the node image cannot be pulled: no such host") as refused:
        settle(images, Policy.PULL)
    assert refused.value.next_command == "python -m provision.node --images auto"
    assert images.held == {}


def test_build_asks_no_registry(images: FakeImages) -> None:
    images.refusal = None
    assert settle(images, Policy.BUILD)[0] == [BUILD]


def test_another_digest_is_refused(images: FakeImages) -> None:
    images.refusal = None
    with pytest.raises(Trouble, match="is not sha256:1111"):
        settle(images, node=replace(NODE, digest=f"sha256:{'1' * 64}"))


def test_a_changed_input_builds_again(images: FakeImages) -> None:
    settle(images, Policy.BUILD)
    changed = replace(NODE, packages=(*NODE.packages, "tree"))
    assert BUILD in settle(images, Policy.BUILD, changed)[0]
    assert settle(images, Policy.BUILD, changed)[0] == []


def test_a_failed_build_leaves_no_name(images: FakeImages) -> None:
    with pytest.raises(Trouble, match="the disk is full"):
        settle(images, Policy.BUILD, trouble=Trouble("the disk is full while building the node image"))
    assert images.held == {}


def test_few_builds_stay(images: FakeImages) -> None:
    for number in range(4):
        settle(images, Policy.BUILD, replace(NODE, packages=(f"package{number}",)))
    assert len(images.tags(pinned(NAME, "x").rpartition(":")[0])) == 2


def test_another_platform_is_refused_before_anything_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provision.node_builder.this_platform", lambda: "linux/arm64")
    asked: list[Any] = []
    monkeypatch.setattr("provision.node_builder.programs", lambda *words: asked.append(words))
    with pytest.raises(Trouble, match="a node image for linux/amd64 cannot be built on linux/arm64"):
        NodeBuilder(ENGINE, FakeImages(), print).build(NODE, "key", "reference")
    assert asked == []


@dataclass(frozen=True, slots=True)
class FullDisk(NodeBuilder):
    """Every program is there, and the disk is full once the base is built."""

    def _base(self, node: Node, key: str, module: Path, built: Mapping[str, Path], work: Path) -> str:
        (work / "half-made").touch()
        raise OSError(errno.ENOSPC, f"no room for {node.version} of {module}, {built}, {key}")


def test_a_full_disk_is_told_and_nothing_half_made_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("provision.node_builder.this_platform", lambda: "linux/amd64")
    monkeypatch.setattr("provision.node_builder.user_cache_path", lambda _: tmp_path)
    monkeypatch.setattr("provision.node_builder.data_root", lambda _: ())
    monkeypatch.setattr("provision.node_builder.programs", lambda row, _: tmp_path / row)
    monkeypatch.setattr("provision.node_builder.go.download", lambda _: tmp_path)
    images = NodeImages()
    with pytest.raises(Trouble, match=rf"the disk is full while building the node image: .*{tmp_path} has"):
        FullDisk(ENGINE, images, print).build(NODE, "key", "reference")
    assert (list(tmp_path.iterdir()), images.held) == ([], {})
