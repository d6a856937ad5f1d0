"""Programs built from Go modules, kept per user by content: what a node or a component image is made of.

A name that has a row in wheels.toml is taken out of a wheel instead: :mod:`provision.packed_programs`.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from filelock import FileLock
from platformdirs import user_cache_path

from blueprint.trouble import Trouble
from provision.packed_programs import place, read_packed, unpacked
from provision.sources.go import Flags, Module, build, download
from provision.steps import Say, step
from provision.tools import say_on_stderr, this_platform

TABLE = Path(__file__).parent.parent / "infra" / "images" / "programs" / "programs.toml"
BUSY_SECONDS = 3600.0
"""How long another run may take to build what this one waits for."""
_FIELDS = {"go_mod", "staging", "modules", "packages", "tags", "stamp"}
_NEEDED = {"go_mod", "modules", "packages"}
_MODULE_LINE = re.compile(r"^module \S+$", re.MULTILINE)
_BY_FOLDER = re.compile(r"^(?P<indent>\s*(?:replace )?)(?P<module>\S+)(?: \S+)? => \.\.?/\S*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Program:
    """One row of the table: programs that are built together.

    Attributes:
        name: of the row.
        modules: what they are built from, checked before anything is built.
        packages: import paths by the names that the programs get.
        go_mod: ``fresh``, ``adopted`` or the name of a file beside the table.
        staging: version of the modules that the first one replaces by its own folders; empty to drop those lines.
        tags: build tags.
        stamp: variables of packages, with the values they get.
    """

    name: str
    modules: tuple[Module, ...]
    packages: Mapping[str, str]
    go_mod: str
    staging: str = ""
    tags: tuple[str, ...] = ()
    stamp: Mapping[str, str] = field(default_factory=dict)

    @property
    def provenance(self) -> str:
        """What the report says of where it is from."""
        return f"Go module {self.modules[0].path} {self.modules[0].version}, built here"

    @property
    def flags(self) -> Flags:
        """How it is built."""
        version = self.modules[0].version
        stamps = [f"-X {name}={value.format(version=version)}" for name, value in self.stamp.items()]
        return Flags(tags=self.tags, ldflags=" ".join(["-s -w", *stamps]))


@cache
def read_programs(path: Path = TABLE) -> Mapping[str, Program]:
    """The rows of the table by their names.

    Raises:
        Trouble: it is not TOML, or a row has an unknown or a missing field.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise Trouble(f"not TOML: {error}", where=path.name) from None
    return {name: _program(name, row, path) for name, row in table.items()}


def _program(name: str, row: Mapping[str, Any], path: Path) -> Program:
    if (wrong := set(row) - _FIELDS) or (wrong := _NEEDED - set(row)):
        raise Trouble(f"{name} has an unknown or lacks a needed field: {', '.join(sorted(wrong))}", where=path.name)
    modules = tuple(Module(module, *pin) for module, pin in row["modules"].items())
    optional = {key: row[key] for key in ("staging", "stamp") if key in row}
    return Program(name, modules, row["packages"], row["go_mod"], tags=tuple(row.get("tags", ())), **optional)


def programs(name: str, say: Say = say_on_stderr) -> Path:
    """The folder with the programs of a row, out of the cache or built into it; asked again it costs nothing.

    Raises:
        Trouble: the row is unknown, there is no Go here, the proxy refuses, a checksum differs, or a build fails.
    """
    if name in read_packed():
        return unpacked(name, read_packed()[name], say)
    row = read_programs().get(name)
    if row is None:
        raise Trouble(f"no program is called {name}; known: {', '.join(read_programs())}", where=TABLE.name)
    folder = _place(row)
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock", timeout=BUSY_SECONDS):
            if not folder.is_dir():
                _build_into(folder, row, say)
    return folder


def identity(name: str) -> str:
    """What the programs of a row are, as one word: version, modules, packages and flags; nothing is built."""
    if name in read_packed():
        return place(name, read_packed()[name]).name
    return _place(read_programs()[name]).name


def _place(row: Program) -> Path:
    content = [row.go_mod, row.staging, this_platform(), row.packages, row.flags.arguments()]
    content += [[module.path, module.version, module.sum] for module in row.modules]
    if _is_file(row):
        content.append(_beside_table(row).read_text(encoding="utf-8"))
    key = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return user_cache_path("soma-verify") / "programs" / f"{row.name}-{row.modules[0].version}-{key[:16]}"


def _build_into(folder: Path, row: Program, say: Say) -> None:
    """Build beside the folder's place, then move it there, so that it is whole or not there."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as draft:
        with step(say, row.name, f"building {', '.join(row.packages)} of {row.modules[0].path}") as line:
            sources = {module.path: download(module) for module in row.modules}
            made = Path(draft) / "programs"
            build(_files(row, sources), row.packages, made, flags=row.flags, on_line=line)
        shutil.move(made, folder)


def _files(row: Program, sources: Mapping[str, Path]) -> dict[str, str]:
    requirements = "".join(f"require {module.path} {module.version}\n" for module in row.modules)
    if _is_file(row):
        return {"go.mod": _beside_table(row).read_text(encoding="utf-8")}
    if row.go_mod == "fresh":
        return {"go.mod": f"module soma.local/{row.name}\n\n{requirements}"}
    first = sources[row.modules[0].path]
    adopted = adopt((first / "go.mod").read_text(encoding="utf-8"), row.name, row.staging)
    return {"go.mod": f"{adopted}\n{requirements}", "go.sum": (first / "go.sum").read_text(encoding="utf-8")}


def adopt(go_mod: str, name: str, staging: str = "") -> str:
    """A go.mod as that of a module of ours: what it replaced by a folder is taken at a version, or as required.

    Args:
        go_mod: the text of the module's own.
        name: what our module is called.
        staging: version of what it replaced by its own folders; empty where those are not needed.
    """
    replaced = rf"\g<indent>\g<module> => \g<module> {staging}" if staging else ""
    return _BY_FOLDER.sub(replaced, _MODULE_LINE.sub(f"module soma.local/{name}", go_mod, count=1))


def _is_file(row: Program) -> bool:
    return row.go_mod not in {"fresh", "adopted"}


def _beside_table(row: Program) -> Path:
    return TABLE.with_name(row.go_mod)
