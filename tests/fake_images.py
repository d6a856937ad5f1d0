"""An engine's images, and a builder, that only write down what they were asked; and a small tree to build of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from blueprint.trouble import Trouble
from provision.image_builder import Builder
from provision.image_catalogue import Build, Image
from provision.image_store import Held, Images, Refusal
from provision.steps import Say

NO_ANSWER = Refusal("no such host", registry_answered=False)
NO_SUCH_IMAGE = Refusal("manifest unknown", registry_answered=True)

CATALOGUE = """
[[image]]
name = "python"
variable = "SOMA_PYTHON_IMAGE"
upstream = "python:3.13-slim-trixie"
licence = "PSF-2.0"
[image.build]
software = "Debian's Python"
version = "3.13"
kind = "same software"
recipe = "debian"
packages = ["python3"]

[[image]]
name = "gateway"
licence = "Apache-2.0"
[image.build]
software = "the gateway"
version = "project"
kind = "same software"
recipe = "dockerfile"
base = "python"
dockerfile = "infra/images/services/Dockerfile"
context = "tree"
wheels = "requirements/services.txt"
inputs = ["services/**/*"]
arguments = { SERVICE = "gateway" }

[[image]]
name = "qdrant"
variable = "SOMA_IMAGE_QDRANT"
upstream = "qdrant/qdrant:v1.20.0"
licence = "Apache-2.0"
[image.build]
software = "Qdrant Edge shim"
version = "0.9.0"
kind = "stand-in"
recipe = "dockerfile"
base = "python"
dockerfile = "infra/images/qdrant/Dockerfile"
proves = "our calls"
does_not_prove = "the server"

[[image]]
name = "grafana"
variable = "SOMA_IMAGE_GRAFANA"
upstream = "grafana/grafana:12.0.0"
licence = "AGPL-3.0-only"
unavailable = "its licence keeps it out of builds"
absent = { SOMA_GRAFANA_SCALE = "0" }
"""


def lay_tree(root: Path) -> Path:
    """A tree with a catalogue of four images and what they are made of."""
    files = {
        "infra/images/catalogue.toml": CATALOGUE,
        "infra/images/services/Dockerfile": "FROM python",
        "infra/images/qdrant/Dockerfile": "FROM python",
        "infra/images/qdrant/shim.py": "print('shim')",
        "requirements/services.txt": "fastapi==0.165.0",
        "services/gateway/main.py": "app = None",
        "pyproject.toml": '[project]\nname = "x"\nversion = "0.1.0"\n',
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


@dataclass
class FakeImages(Images):
    """What the engine holds, what a registry would give, and what was done, in order.

    Attributes:
        held: image by reference.
        refusal: what every pull is answered with; None lets it succeed.
    """

    held: dict[str, Held] = field(default_factory=dict)
    refusal: Refusal | None = NO_ANSWER
    done: list[str] = field(default_factory=list)
    where: str = "an engine"
    platform: str = "linux/amd64"

    def look(self, references: Iterable[str]) -> Mapping[str, Held]:
        """What is held."""
        return {reference: self.held[reference] for reference in references if reference in self.held}

    def pull(self, reference: str, line: Say) -> Refusal | None:
        """Give it, or refuse."""
        line("Pulling")
        self.done.append(f"pull {reference}")
        if self.refusal is None:
            self.held[reference] = pulled(reference)
        return self.refusal

    def tag(self, image: str, *references: str) -> None:
        """Hold it; an id is `NAME of KEY`."""
        key = image.partition(" of ")[2]
        for reference in references:
            self.held[reference] = Held(image, key)

    def tags(self, repository: str) -> list[str]:
        """What is held of a repository."""
        return [each for each in reversed(self.held) if each.rpartition(":")[0] == repository]

    def untag(self, reference: str) -> None:
        """Hold it no longer."""
        self.done.append(f"untag {reference.rpartition(':')[0]}")
        del self.held[reference]

    def forget_unnamed(self) -> None:
        """Nothing is unnamed."""

    def sweep(self) -> list[str]:
        """Nothing was left."""
        self.done.append("sweep")
        return []


def pulled(reference: str) -> Held:
    """An image as a registry gives it."""
    return Held(f"sha256:of-{reference}", "", (f"{reference.rpartition(':')[0]}@sha256:{'0' * 64}",))


@dataclass(frozen=True, slots=True)
class FakeBuilder(Builder):
    """Builds nothing, and can fail."""

    trouble: Trouble | None = None
    bases: list[str] = field(default_factory=list)

    def build(self, image: Image, build: Build, key: str, base: tuple[str, str]) -> str:
        """Write it down, or fail."""
        assert isinstance(self.images, FakeImages)
        assert build == image.build
        self.images.done.append(f"build {image.name}")
        self.bases.append(base[0])
        if self.trouble:
            raise self.trouble
        return f"{image.name} of {key}"

    def is_staged(self, build: Build) -> bool:
        """Always."""
        return build.context == "tree"

    def stage(self, image: Image, build: Build) -> Path:
        """Write it down."""
        assert isinstance(self.images, FakeImages)
        assert build == image.build
        self.images.done.append(f"stage {image.name}")
        return self.root / "staged"
