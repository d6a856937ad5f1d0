"""The images that the deployment uses, as infra/images/catalogue.toml lists them.

Data only: nothing here looks at an engine. :mod:`provision.images` brings them to one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from blueprint.trouble import Trouble

ROOT = Path(__file__).resolve().parent.parent
CATALOGUE = ROOT / "infra" / "images" / "catalogue.toml"
LOCAL = "soma.local"
"""Registry part of the references of built images; no registry of that name is ever asked."""

Choice = TypeVar("Choice", bound=StrEnum)
_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_VARIABLE = re.compile(r"SOMA_[A-Z0-9_]+")
_UPSTREAM = re.compile(r"[a-z0-9]+(?:[._/-][a-z0-9]+)*:[A-Za-z0-9_][A-Za-z0-9._-]*")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_IMAGE_FIELDS = {"name", "variable", "upstream", "digest", "licence", "unavailable", "absent", "build"}
_LISTS = {"packages", "inputs"}
_TABLES = {"arguments", "settings"}


class Kind(StrEnum):
    """How near a built image is to the one it is built instead of."""

    SAME = "same software"
    OLDER = "older version"
    STAND_IN = "stand-in"


class Recipe(StrEnum):
    """How an image is made without a container registry."""

    DEBIAN = "debian"
    LAYER = "layer"
    DOCKERFILE = "dockerfile"


@dataclass(frozen=True, slots=True)
class Build:
    """How an image is made where it cannot be pulled.

    Attributes:
        software: what the built image holds.
        version: its version; the tag of the built image.
        base: name of the image it is made over, empty for a root file system.
        dockerfile: path from the root of the tree, empty where the recipe needs none.
        context: ``folder`` of the Dockerfile, or the whole ``tree``.
        packages: Debian packages.
        prepare: what a layer does before it installs them, for ``sh``.
        wheels: requirements file with hashes, whose wheels the host stages.
        files: lock of Maven artifacts, which the host stages.
        programs: row of infra/images/programs/programs.toml, whose programs the host builds.
        inputs: patterns of further files that the image is made of.
        arguments: build arguments beside the base.
        settings: what infra/.env says to Compose beside the reference, where this image is used.
        proves, does_not_prove: what a verdict reached on it is worth.
    """

    software: str
    version: str
    kind: Kind
    recipe: Recipe
    base: str = ""
    dockerfile: str = ""
    context: str = "folder"
    packages: tuple[str, ...] = ()
    prepare: str = ""
    wheels: str = ""
    files: str = ""
    programs: str = ""
    inputs: tuple[str, ...] = ()
    arguments: tuple[tuple[str, str], ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    proves: str = ""
    does_not_prove: str = ""


_BUILD_FIELDS = {field.name for field in fields(Build)}


@dataclass(frozen=True, slots=True)
class Image:
    """One row of the catalogue.

    Attributes:
        name: e.g. ``qdrant``.
        licence: SPDX, of what the image is there for.
        variable: setting of the Compose file that chooses another reference, empty where there is none.
        upstream: reference that is pulled, empty for what is always built from this tree.
        digest: of the upstream manifest, empty where it is not known.
        build: how it is made, None where it cannot be.
        unavailable: why it cannot be made, empty where it can.
        absent: what infra/.env says to Compose where it can be neither pulled nor made.
        place: ``file:line`` of its table.
    """

    name: str
    licence: str
    variable: str
    upstream: str
    digest: str
    build: Build | None
    unavailable: str
    absent: tuple[tuple[str, str], ...]
    place: str

    @property
    def version(self) -> str:
        """Of the built image where it is built from this tree, else of the upstream one."""
        return self.upstream.rpartition(":")[2] or (self.build.version if self.build else "")

    @property
    def is_used(self) -> bool:
        """Whether Compose uses it itself; what it does not is a base, and brought only where something needs it."""
        return bool(self.variable) or (self.build is not None and self.build.context == "tree")

    @property
    def local(self) -> str:
        """Reference of the image where it is built."""
        return f"{LOCAL}/{self.name}:{self.build.version}" if self.build else ""

    def remote(self, prefix: str) -> str:
        """Reference that is pulled: upstream's, or that of a mirror which keeps upstream's paths below a prefix."""
        return f"{prefix.rstrip('/')}/{self.upstream}" if prefix and self.upstream else self.upstream


def pinned(name: str, key: str) -> str:
    """Second reference of a built image, which Compose does not move when it builds the same service."""
    return f"{LOCAL}/inputs/{name}:{key}"


def read_images(path: Path = CATALOGUE, root: Path = ROOT) -> Mapping[str, Image]:
    """Read the catalogue, in its order.

    Raises:
        Trouble: the file is not TOML, or a row has an unknown or missing field, a repeated name or variable, an
            upstream without a version, a base that does not stand before it, or a file that is not there.
    """
    text = path.read_text(encoding="utf-8")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise Trouble(f"not TOML: {error}", where=f"{path.name}:{line[1] if line else 1}") from None
    if set(document) != {"image"}:
        raise Trouble("the catalogue has [[image]] tables and nothing else", where=path.name)
    lines = [number for number, line in enumerate(text.splitlines(), 1) if line.strip() == "[[image]]"]
    project = _project_version(root)
    images: dict[str, Image] = {}
    for row, number in zip(document["image"], lines, strict=True):
        place = f"{path.name}:{number}"
        image = _image(row, place, project)
        _refuse_repeated(image, images.values())
        _refuse_missing(image, images, root)
        images[image.name] = image
    return images


def selected(images: Mapping[str, Image], names: Iterable[str]) -> list[Image]:
    """The named images, in the order of the catalogue; all that Compose uses where none is named."""
    wanted = set(names) or {image.name for image in images.values() if image.is_used}
    if unknown := wanted - set(images):
        raise Trouble(
            f"no image is called {', '.join(sorted(unknown))}; known: {', '.join(images)}", where=CATALOGUE.name
        )
    return [image for image in images.values() if image.name in wanted]


def _project_version(root: Path) -> str:
    document = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return str(document["project"]["version"])


def _image(row: dict[str, Any], place: str, project: str) -> Image:
    name = row.get("name", "")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Trouble(f"{name!r} is no name of an image", where=place)
    if unknown := set(row) - _IMAGE_FIELDS:
        raise Trouble(f"{name} has an unknown field {', '.join(sorted(unknown))}", where=place)
    if not row.get("licence"):
        raise Trouble(f"{name} has no licence", where=place)
    _refuse_unmatched(name, row, place)
    if bool(row.get("build")) == bool(row.get("unavailable")):
        raise Trouble(f"{name} needs either [image.build] or unavailable = its reason", where=place)
    if row.get("absent") and not row.get("unavailable"):
        raise Trouble(f"{name} can be made, so nothing is to be said for where it is absent", where=place)
    if not row.get("upstream") and not row.get("build"):
        raise Trouble(f"{name} can be neither pulled nor built", where=place)
    return Image(
        name=name,
        licence=row["licence"],
        variable=row.get("variable", ""),
        upstream=row.get("upstream", ""),
        digest=row.get("digest", ""),
        build=_build(name, row["build"], place, project) if row.get("build") else None,
        unavailable=row.get("unavailable", ""),
        absent=tuple(sorted(row.get("absent", {}).items())),
        place=place,
    )


def _refuse_unmatched(name: str, row: dict[str, Any], place: str) -> None:
    patterns = {"variable": _VARIABLE, "upstream": _UPSTREAM, "digest": _DIGEST}
    for field, pattern in patterns.items():
        if field in row and not pattern.fullmatch(row[field]):
            raise Trouble(f"the {field} of {name} is {row[field]!r}, not like {pattern.pattern}", where=place)
    if row.get("upstream", "").endswith(":latest"):
        raise Trouble(f"{name} follows latest, which is no version", where=place)


def _build(name: str, table: dict[str, Any], place: str, project: str) -> Build:
    if unknown := set(table) - _BUILD_FIELDS:
        raise Trouble(f"the build of {name} has an unknown field {', '.join(sorted(unknown))}", where=place)
    if missing := {field for field in ("software", "version", "kind", "recipe") if not table.get(field)}:
        raise Trouble(f"the build of {name} lacks {', '.join(sorted(missing))}", where=place)
    given: dict[str, Any] = {key: tuple(value) if key in _LISTS else value for key, value in table.items()}
    given["kind"] = _one_of(Kind, table["kind"], name, place)
    given["recipe"] = _one_of(Recipe, table["recipe"], name, place)
    given |= {key: tuple(sorted(table[key].items())) for key in _TABLES & set(table)}
    if table["version"] == "project":
        given["version"] = project
    build = Build(**given)
    if build.kind is not Kind.SAME and not (build.proves and build.does_not_prove):
        raise Trouble(f"{name} is {build.kind} and does not say what it proves and does_not_prove", where=place)
    if build.context not in {"folder", "tree"}:
        raise Trouble(f"the context of {name} is {build.context!r}; known: folder, tree", where=place)
    _refuse_incomplete(name, build, place)
    return build


def _refuse_incomplete(name: str, build: Build, place: str) -> None:
    needed = {
        Recipe.DEBIAN: ("packages",),
        Recipe.LAYER: ("base", "packages"),
        Recipe.DOCKERFILE: ("base", "dockerfile"),
    }[build.recipe]
    if missing := [field for field in needed if not getattr(build, field)]:
        raise Trouble(f"the recipe {build.recipe} of {name} needs {', '.join(missing)}", where=place)


def _one_of(choices: type[Choice], word: str, name: str, place: str) -> Choice:
    try:
        return choices(word)
    except ValueError:
        known = ", ".join(choices)
        raise Trouble(
            f"{name} has an unknown {choices.__name__.lower()} {word!r}; known: {known}", where=place
        ) from None


def _refuse_repeated(image: Image, others: Iterable[Image]) -> None:
    for other in others:
        if image.name == other.name:
            raise Trouble(f"{image.name} stands at {other.place} already", where=image.place)
        if image.variable and image.variable == other.variable:
            raise Trouble(f"{image.variable} belongs to {other.name} at {other.place}", where=image.place)


def _refuse_missing(image: Image, earlier: Mapping[str, Image], root: Path) -> None:
    build = image.build
    if build is None:
        return
    if build.base and build.base not in earlier:
        raise Trouble(f"the base {build.base!r} of {image.name} does not stand before it", where=image.place)
    if build.base and earlier[build.base].build is None:
        raise Trouble(f"the base {build.base!r} of {image.name} cannot be built", where=image.place)
    for path in filter(None, (build.dockerfile, build.wheels, build.files)):
        if not (root / path).is_file():
            raise Trouble(f"{path}, which {image.name} is built from, is not there", where=image.place)
