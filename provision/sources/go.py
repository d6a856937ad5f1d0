"""Programs built from Go modules with the Go that is here, through whatever module proxy it has configured."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from blueprint.trouble import Trouble
from provision.processes import ProgramFailed, run

FETCH_SECONDS = 600.0
BUILD_SECONDS = 1800.0
_ENV = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=mod", "GOWORK": "off"}


@dataclass(frozen=True, slots=True)
class Module:
    """A version of a module, with the checksum that its files must have.

    Attributes:
        path: e.g. ``sigs.k8s.io/kind``.
        version: e.g. ``v0.33.0``.
        sum: as go.sum has it, ``h1:…``.
    """

    path: str
    version: str
    sum: str


@dataclass(frozen=True, slots=True)
class Flags:
    """How a program is built; static and without paths of this machine always."""

    tags: Sequence[str] = ()
    ldflags: str = "-s -w"
    env: Mapping[str, str] = field(default_factory=dict)

    def arguments(self) -> list[str]:
        """As the go command takes them."""
        tags = [f"-tags={','.join(self.tags)}"] if self.tags else []
        return ["-trimpath", f"-ldflags={self.ldflags}", *tags]


def download(module: Module) -> Path:
    """Fetch a module's source and return its folder in the module cache, which is read-only.

    Raises:
        Trouble: there is no Go here, the proxy refuses, or the checksum is another one.
    """
    require_go()
    named = f"{module.path}@{module.version}"
    with _folder() as empty, _refusal_told(named):
        answer = run(["go", "mod", "download", "-json", named], cwd=empty, env=_ENV, timeout=FETCH_SECONDS)
    found = json.loads(answer.stdout)
    if found["Sum"] != module.sum:
        raise Trouble(f"the Go module {named} has the checksum {found['Sum']}, expected is {module.sum}; not used")
    return Path(found["Dir"])


def install(
    module: Module,
    package: str,
    target: Path,
    *,
    flags: Flags | None = None,
    on_line: Callable[[str], None] | None = None,
) -> Path:
    """Build one program of a module as ``go install`` does, and write it to ``target``.

    Args:
        module: checked by its checksum before anything is built.
        package: of the program, relative to the module: ``""`` or e.g. ``cmd/crane``.
        target: the file to write.
        flags: how it is built.
        on_line: is given the name of each package as it is built.

    Raises:
        Trouble: there is no Go here, the proxy refuses, the checksum is another one, or it does not build.
    """
    download(module)
    chosen = flags or Flags()
    named = f"{'/'.join(part for part in (module.path, package) if part)}@{module.version}"
    with _folder() as work, _refusal_told(named):
        bin_folder = work / "bin"
        env = {**_ENV, **chosen.env, "GOBIN": str(bin_folder)}
        run(
            ["go", "install", "-v", *chosen.arguments(), named],
            cwd=work,
            env=env,
            timeout=BUILD_SECONDS,
            on_line=on_line,
        )
        built = list(bin_folder.iterdir())
        if len(built) != 1:
            raise Trouble(f"{named} built {len(built)} programs, expected is one")
        shutil.move(built[0], target)
    return target


def build(
    files: Mapping[str, str],
    packages: Mapping[str, str],
    folder: Path,
    *,
    flags: Flags | None = None,
    on_line: Callable[[str], None] | None = None,
) -> list[Path]:
    """Build programs from a module of our own, for modules whose replace directives forbid ``go install``.

    Args:
        files: of our module by their names: ``go.mod`` at least, ``go.sum`` and ``tools.go`` where wanted.
        packages: by the names that the programs get.
        folder: where the programs go.
        flags: how they are built.
        on_line: is given the name of each package as it is built.

    Raises:
        Trouble: there is no Go here, the proxy refuses, a checksum is another one, or something does not build.
    """
    require_go()
    chosen = flags or Flags()
    folder.mkdir(parents=True, exist_ok=True)
    built = []
    with _folder() as work:
        for name, text in files.items():
            (work / name).write_text(text, encoding="utf-8")
        for name, package in packages.items():
            with _refusal_told(package):
                run(
                    ["go", "build", "-v", *chosen.arguments(), "-o", folder / name, package],
                    cwd=work,
                    env={**_ENV, **chosen.env},
                    timeout=BUILD_SECONDS,
                    on_line=on_line,
                )
            built.append(folder / name)
    return built


def require_go() -> None:
    """Say what to do where there is no Go.

    Raises:
        Trouble: there is none on PATH.
    """
    if not shutil.which("go"):
        raise Trouble(
            "it is built from Go modules, and there is no `go` on PATH", next_command="apt-get install golang-go"
        )


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder outside any module, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="soma-verify-go-") as name:
        yield Path(name)


@contextmanager
def _refusal_told(named: str) -> Iterator[None]:
    try:
        yield
    except ProgramFailed as failure:
        said = [line for line in failure.completed.stderr.splitlines() if line.strip()]
        said = said or _error_of(failure.completed.stdout) or [failure.what]
        last = "\n".join(f"    {line}" for line in said[-8:])
        raise Trouble(
            f"{named} cannot be had from Go modules:\n{last}", next_command=f"go mod download -json {named}"
        ) from failure


def _error_of(answer: str) -> list[str]:
    """What ``go mod download -json`` gives as its error, if that is what it gives."""
    try:
        return [json.loads(answer)["Error"]]
    except (ValueError, KeyError, TypeError):
        return []
