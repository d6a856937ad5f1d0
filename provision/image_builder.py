"""Carrying a recipe out: fetch on the host, assemble without network, tag once all of it is done."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from provision.image_catalogue import ROOT, Build, Image, Recipe, pinned
from provision.image_inputs import files_of, layer_key
from provision.image_store import Images
from provision.programs import programs
from provision.sources import maven
from provision.sources.debian import fetch_packages, root_filesystem
from provision.sources.wheels import is_staged, stage_wheels
from provision.steps import Say, step

STAGED = Path("infra") / "images" / "staged"
"""Below the root of the tree: what Compose builds of finds its wheels here. In git it is not."""
KEPT = 3
"""How many builds of one image stay, this one counted; they share most of their layers."""
_INSTALL = """{prepare}
export DEBIAN_FRONTEND=noninteractive
apt-get install --yes --no-install-recommends --no-download \\
  -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=false {folder}/*.deb
rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log /var/cache/ldconfig/aux-cache /var/cache/debconf/*-old"""
_ARCHIVES = "/var/cache/apt/archives"


@dataclass(frozen=True, slots=True)
class Builder:
    """Builds images of one tree on one engine.

    Attributes:
        images: of the engine.
        say: is given the progress.
        root: the tree.
    """

    images: Images
    say: Say
    root: Path = ROOT

    def build(self, image: Image, build: Build, key: str, base: tuple[str, str]) -> str:
        """Build an image and return its id; it has no tag yet.

        Args:
            image: its row.
            build: how it is made.
            key: of its inputs.
            base: reference and identity of its base; both empty where it has none.

        Raises:
            Trouble: a fetch or a build failed, or the disk is full.
        """
        recipes: dict[Recipe, Callable[[Image, Build, str, tuple[str, str]], str]] = {
            Recipe.DEBIAN: self._debian,
            Recipe.LAYER: self._layered,
            Recipe.DOCKERFILE: self._dockerfile,
        }
        return recipes[build.recipe](image, build, key, base)

    @property
    def _architecture(self) -> str:
        return self.images.platform.partition("/")[2].partition("/")[0]

    def _debian(self, image: Image, build: Build, key: str, _: tuple[str, str]) -> str:
        with step(self.say, image.name, "fetching and unpacking Debian with mmdebstrap") as line:
            tar = root_filesystem(build.packages, self._architecture, line, suite=build.version)
        with step(self.say, image.name, f"importing {tar.stat().st_size / 2**20:.0f} MiB"):
            return self.images.load_root(tar, key, image.local)

    def _layered(self, image: Image, build: Build, key: str, base: tuple[str, str]) -> str:
        under = layer_key(build, base[1], self.images.platform)
        reference = pinned(f"{image.name}-packages", under)
        if reference not in self.images.look([reference]):
            layer = self._install(image, build, base[0], under if build.dockerfile else key)
            if not build.dockerfile:
                return layer
            self.replace(reference, layer)
        return self._dockerfile(image, build, key, (reference, under))

    def _install(self, image: Image, build: Build, base: str, key: str) -> str:
        with tempfile.TemporaryDirectory(prefix="soma-verify-") as folder:
            system = Path(folder)
            with step(self.say, image.name, f"fetching {', '.join(build.packages)} with apt") as line:
                self.images.read(base, ("/etc/apt", "/usr/share/keyrings", "/var/lib/dpkg/status"), system)
                debs = fetch_packages(build.packages, system, self._architecture, line)
            only = system / "debs"
            only.mkdir()
            for deb in debs.glob("*.deb"):
                deb.rename(only / deb.name)
            command = _INSTALL.format(prepare=build.prepare, folder=_ARCHIVES)
            with step(self.say, image.name, f"installing {len(list(only.iterdir()))} packages over {base}") as line:
                return self.images.layer(base, files=only, into=_ARCHIVES, command=command, inputs=key, line=line)

    def _dockerfile(self, image: Image, build: Build, key: str, base: tuple[str, str]) -> str:
        arguments = {"BASE_IMAGE": base[0], **dict(build.arguments)}
        if build.context == "tree":
            self.stage(image, build)
            arguments = {"PYTHON_IMAGE": base[0], "PIP_NO_INDEX": "1", **dict(build.arguments)}
            return self._docker_build(image, build, key, self.root, arguments)
        with tempfile.TemporaryDirectory(prefix="soma-verify-") as folder:
            context = Path(folder) / "context"
            self._assemble(image, build, context)
            return self._docker_build(image, build, key, context, arguments)

    def _assemble(self, image: Image, build: Build, context: Path) -> None:
        """A context of just what the image is made of, so that nothing else is sent to the engine."""
        home = self.root / Path(build.dockerfile).parent
        for path in files_of(build, self.root):
            inside = path.relative_to(home) if path.is_relative_to(home) else Path(path.name)
            (context / inside).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, context / inside)
        if build.wheels:
            shutil.copytree(self.stage(image, build), context / "wheels", copy_function=link)
        if build.files:
            shutil.copytree(self._stage_files(image, build), context / "files", copy_function=link)
        if build.programs:
            shutil.copytree(programs(build.programs, self.say), context / "programs", copy_function=link)

    def is_staged(self, build: Build) -> bool:
        """Whether the wheels of an image are where they belong, and are the ones."""
        return is_staged(self.root / build.wheels, self._wheels(build), self._architecture)

    def stage(self, image: Image, build: Build) -> Path:
        """Have the wheels of an image staged, and return their folder: in the tree for what Compose builds of it."""
        folder = self._wheels(build)
        if not self.is_staged(build):
            with step(self.say, image.name, f"staging the wheels of {build.wheels}") as line:
                stage_wheels(self.root / build.wheels, folder, self._architecture, line)
        return folder

    def _stage_files(self, image: Image, build: Build) -> Path:
        folder = user_cache_path("soma-verify") / "maven" / image.name
        lock = self.root / build.files
        if not maven.is_staged(lock, folder):
            with step(self.say, image.name, f"fetching the artifacts of {build.files} with mvn") as line:
                maven.stage_artifacts(lock, folder, line)
        return folder

    def _wheels(self, build: Build) -> Path:
        home = self.root / STAGED if build.context == "tree" else user_cache_path("soma-verify") / "wheels"
        return home / Path(build.wheels).stem

    def _docker_build(self, image: Image, build: Build, key: str, context: Path, arguments: dict[str, str]) -> str:
        dockerfile = self.root / build.dockerfile if build.context == "tree" else context / Path(build.dockerfile).name
        with step(self.say, image.name, f"building {image.local}") as line:
            return self.images.build(context, dockerfile, arguments=arguments, inputs=key, name=image.local, line=line)

    def replace(self, reference: str, image: str) -> None:
        """Tag an image, and take its repository's oldest tags away; a few stay for other checkouts on this machine."""
        self.images.tag(image, reference)
        others = [one for one in self.images.tags(reference.rpartition(":")[0]) if one != reference]
        for old in others[KEPT - 1 :]:
            self.images.untag(old)


def link(source: str, target: str) -> str:
    """As shutil.copy2, without a second copy on the disk where both are on one file system."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target
