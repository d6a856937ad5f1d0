"""What the Kind node image is made of: the table, the files of kind's own module, and the names that kind wants."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from blueprint.trouble import Trouble
from provision.image_catalogue import ROOT
from provision.programs import identity, read_programs
from provision.sources.debian import SUITE
from provision.sources.go import Module
from provision.tools import read_table

HOME = ROOT / "infra" / "images" / "node"
TABLE = HOME / "node.toml"
RECIPE_VERSION = 1
"""Raised when the code that builds a node image makes something else of the same inputs."""
NODE_PROGRAMS = {"local": ("containerd", "crictl"), "cni": ("cni",)}
"""Rows of programs by the folder of the build context that they go to."""
_HOW = {"programs", "source", "script", "debian"}
_REFERENCE = r'"((?:[\w.-]+/)+[\w.-]+:[\w.-]+)"'
_WANTED = {  # files of kind's module that name images
    "pkg/build/nodeimage/const_cni.go": re.compile(rf"Image = {_REFERENCE}"),
    "pkg/build/nodeimage/const_storage.go": re.compile(rf"Image = {_REFERENCE}"),
    "images/base/files/etc/containerd/config.toml": re.compile(rf"sandbox_image = {_REFERENCE}"),
}


@dataclass(frozen=True, slots=True)
class Component:
    """One image that stands on a node.

    Attributes:
        name: the last part of its name, and of its program.
        programs: row of programs that its program is of; empty where it has none.
        source: file in Go that its program is built from, below the table's folder.
        script: file that is its program, below the table's folder.
        debian: whether it stands on Debian.
    """

    name: str
    programs: str = ""
    source: str = ""
    script: str = ""
    debian: bool = False


@dataclass(frozen=True, slots=True)
class Node:
    """The table.

    Attributes:
        upstream: reference that is pulled.
        digest: of it.
        packages: of Debian, under the node.
        component_packages: of Debian, under components.
        components: by their names.
        stand_in: of kindnetd: software, licence, proves, does_not_prove.
    """

    upstream: str
    digest: str
    packages: tuple[str, ...]
    component_packages: tuple[str, ...]
    components: Mapping[str, Component]
    stand_in: Mapping[str, str]

    @property
    def version(self) -> str:
        """Of Kubernetes, where it is built."""
        return read_programs()["kubernetes"].modules[0].version

    @property
    def rows(self) -> list[str]:
        """The programs that it is built of."""
        of_node = [row for rows in NODE_PROGRAMS.values() for row in rows]
        of_components = [one.programs for one in self.components.values() if one.programs]
        return list(dict.fromkeys(["kubernetes", *of_node, *of_components]))


@cache
def read_node(path: Path = TABLE) -> Node:
    """Read the table.

    Raises:
        Trouble: a field is unknown or missing.
    """
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    try:
        packages, images = table["packages"], table["images"]
        return Node(
            upstream=table["upstream"],
            digest=table["digest"],
            packages=tuple(packages["node"]),
            component_packages=tuple(packages["component"]),
            components={name: _component(name, row) for name, row in images.items()},
            stand_in=table["stand_in"],
        )
    except KeyError as missing:
        raise Trouble(f"the table of the node image lacks {missing}", where=path.name) from None


def _component(name: str, row: Mapping[str, Any]) -> Component:
    if unknown := set(row) - _HOW:
        raise Trouble(f"{name} has an unknown field {', '.join(sorted(unknown))}", where=TABLE.name)
    return Component(name, **row)


def kind_module() -> Module:
    """The module of kind whose files and names are used."""
    (row,) = (source for source in read_table()["kind"]["sources"] if source["kind"] == "go")
    return Module(row["module"], f"v{row['version']}", row["sum"])


def wanted_by_kind(module: Path) -> list[str]:
    """References of the images that kind itself wants on a node.

    Raises:
        Trouble: a file of the module names none any more.
    """
    found: list[str] = []
    for name, pattern in _WANTED.items():
        references = pattern.findall((module / name).read_text(encoding="utf-8"))
        if not references:
            raise Trouble("kind names no image here any more, so its node image cannot be built", where=name)
        found += references
    return found


def assigned(references: Iterable[str], components: Mapping[str, Component]) -> dict[str, Component]:
    """Each reference with the component that goes under it; kubeadm's pause gives way to that of containerd.

    Args:
        references: kubeadm's first, then kind's.
        components: by the last part of a name.

    Raises:
        Trouble: nothing in the table is called so.
    """
    by_name = {reference.rpartition("/")[2].partition(":")[0]: reference for reference in references}
    if unknown := set(by_name) - set(components):
        raise Trouble(f"a node needs {', '.join(sorted(unknown))}, of which nothing is known", where=TABLE.name)
    return {reference: components[name] for name, reference in by_name.items()}


def key_of(node: Node, platform: str, home: Path = HOME) -> str:
    """The key of what a node image is built of: the same key, the same image."""
    module = kind_module()
    told = [RECIPE_VERSION, platform, SUITE, node.packages, node.component_packages]
    told += [[module.path, module.version, module.sum], [identity(row) for row in node.rows]]
    digest = hashlib.sha256(json.dumps(told).encode())
    for path in sorted(path for path in home.rglob("*") if path.is_file()):
        digest.update(path.relative_to(home).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:24]
