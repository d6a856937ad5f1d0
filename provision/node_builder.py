"""Building the Kind node image with kind's own builder, from Go modules and Debian packages alone."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from blueprint.trouble import Trouble
from provision.disk import data_root, disk_full_told
from provision.engine import Engine
from provision.image_store import INPUTS, LOOKING, Images
from provision.node_archives import BIN, EXECUTABLE, Packed, layer, write_archive, write_server
from provision.node_parts import HOME, NODE_PROGRAMS, Component, Node, assigned, kind_module, wanted_by_kind
from provision.processes import run
from provision.programs import programs
from provision.sources import go
from provision.sources.debian import root_filesystem
from provision.steps import Say, step
from provision.tools import this_platform, tool

NAME = "node"
OWN_ARCHIVE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
"""Components that kind expects in an archive of their own; all others go with kube-proxy."""
ON_NODE = ("kubeadm", "kubelet", "kubectl")
KIND_SECONDS = 1200.0
_WORKBENCH = "kind-build-"  # how kind names the containers that it builds in


@dataclass(frozen=True, slots=True)
class NodeBuilder:
    """Builds node images on one engine.

    Attributes:
        engine: where it is built.
        images: of that engine.
        say: is given the progress.
    """

    engine: Engine
    images: Images
    say: Say

    def build(self, node: Node, key: str, reference: str) -> None:
        """Build a node image and let a reference name it; kind names it last, so what has the name is whole.

        Args:
            node: what it is made of.
            key: of that; becomes its label.
            reference: the name that it gets.

        Raises:
            Trouble: a source refuses, a build fails, the engine is of another platform, or the disk is full.
        """
        if self.images.platform != this_platform():
            raise Trouble(
                f"a node image for {self.images.platform} cannot be built on {this_platform()}",
                where=self.engine.address,
                next_command="python -m provision.node --images pull",
            )
        built = {row: programs(row, self.say) for row in node.rows}
        module = go.download(kind_module())
        folders = (Path(tempfile.gettempdir()), user_cache_path("soma-verify"), *data_root(self.engine.env()))
        with disk_full_told("building the node image", *folders), _scratch() as work:
            base = self._base(node, key, module, built, work)
            server = self._server(node, module, built, work)
            self._kind(base, server, reference, work)

    def sweep(self) -> list[str]:
        """Remove the containers that a killed build of ours left; call it only while nobody else builds."""
        ours = ("--filter", f"name=^/?{_WORKBENCH}", "--filter", f"label={INPUTS}")
        argv = ["docker", "container", "ls", "--all", *ours, "--format", "{{.Names}}"]
        left = run(argv, env=self.engine.env(), timeout=LOOKING).stdout.split()
        for name in left:
            run(["docker", "rm", "--force", "--volumes", name], env=self.engine.env(), check=False, timeout=60)
        return left

    @property
    def _architecture(self) -> str:
        return self.images.platform.split("/")[1]

    def _debian(self, what: str, packages: tuple[str, ...]) -> Path:
        with step(self.say, NAME, f"fetching and unpacking Debian for {what}") as line:
            return root_filesystem(packages, self._architecture, line)

    def _base(self, node: Node, key: str, module: Path, built: Mapping[str, Path], work: Path) -> str:
        """The image that kind builds over; its id, since it needs no name."""
        system = self._debian("the node", node.packages)
        context = work / "context"
        copy_tree(module / "images" / "base" / "files", context / "files")
        for folder, rows in NODE_PROGRAMS.items():
            for row in rows:
                shutil.copytree(built[row], context / folder, dirs_exist_ok=True)
        shutil.copy2(HOME / "Dockerfile", context)
        with step(self.say, NAME, "building the base over Debian") as line:
            imported = self.images.load_root(system, key, NAME)
            return self.images.build(
                context,
                context / "Dockerfile",
                arguments={"BASE_IMAGE": imported},
                inputs=key,
                name="the base of the node image",
                line=line,
            )

    def _server(self, node: Node, module: Path, built: Mapping[str, Path], work: Path) -> Path:
        """The tarball with the programs of a node and the images that stand on it."""
        kubernetes = built["kubernetes"]
        asked = ("config", "images", "list", "--kubernetes-version", node.version)
        listed = run([kubernetes / "kubeadm", *asked], timeout=60).stdout.split()
        references = [*listed, *wanted_by_kind(module)]
        debian = self._debian("components", node.component_packages)
        with step(self.say, NAME, f"packing {len(node.components)} images"):
            packed = {
                component.name: self._packed(reference, component, built, debian, work)
                for reference, component in assigned(references, node.components).items()
            }
            files = {name: kubernetes / name for name in ON_NODE}
            for name in OWN_ARCHIVE:
                files[f"{name}.tar"] = write_archive([packed.pop(name)], self._architecture, work / f"{name}.tar")
            files["kube-proxy.tar"] = write_archive(packed.values(), self._architecture, work / "kube-proxy.tar")
            return write_server(node.version, files, work / "server.tar.gz")

    def _packed(
        self, reference: str, component: Component, built: Mapping[str, Path], debian: Path, work: Path
    ) -> Packed:
        under = (debian,) if component.debian else ()
        program = self._program(component, built, work)
        if program is None:
            return Packed(reference, under)
        over = layer(program, component.name, work / f"{component.name}.layer.tar")
        return Packed(reference, (*under, over), f"{BIN}/{component.name}")

    def _program(self, component: Component, built: Mapping[str, Path], work: Path) -> Path | None:
        if component.programs:
            return built[component.programs] / component.name
        if component.script:
            return HOME / component.script
        if component.source:
            files = {
                "go.mod": f"module soma.local/{component.name}\n",
                "main.go": (HOME / component.source).read_text(encoding="utf-8"),
            }
            return go.build(files, {component.name: "."}, work / "programs")[0]
        return None

    def _kind(self, base: str, server: Path, reference: str, work: Path) -> None:
        """Let kind build; it takes an id without its algorithm for no name, and so asks no registry for it."""
        env = {**self.engine.env(), "KIND_EXPERIMENTAL_PROVIDER": "docker", "TMPDIR": str(work)}
        chosen = ("--type", "file", "--base-image", base.removeprefix("sha256:"), "--image", reference)
        with step(self.say, NAME, f"building {reference} with kind") as line:
            run(
                [tool("kind").path, "build", "node-image", *chosen, server], env=env, timeout=KIND_SECONDS, on_line=line
            )


def copy_tree(source: Path, target: Path) -> None:
    """Copy kind's files with the modes that its own build gives them; the module cache has none of them."""
    shutil.copytree(source, target, copy_function=shutil.copyfile)
    for path in (target, *target.rglob("*")):
        path.chmod(EXECUTABLE if path.is_dir() or path.parent.name == "bin" else 0o644)


@contextmanager
def _scratch() -> Iterator[Path]:
    """Some gigabytes of room, beside the cache and not in a memory file system; gone afterwards."""
    home = user_cache_path("soma-verify")
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".node-{os.getpid()}-", dir=home) as folder:
        yield Path(folder)
