"""Finding the container engine in use, and judging whether it is fit: it answers, and Compose works with it."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.version import InvalidVersion, Version
from platformdirs import user_cache_path

from blueprint.trouble import Trouble
from provision.processes import ProgramFailed, ProgramTimedOut, run

NEXT = "nox -s host -- --yes"
OLDEST_ENGINE = Version("20.10")
OLDEST_COMPOSE = Version("2.20.3")
"""The first with ``start_interval``, ``include`` and ``depends_on.required``, all of which the Compose file uses."""
ANSWER_SECONDS = 6.0
"""How long an engine may take to say its version; a socket that accepts and never answers costs as much."""
LOOK_SECONDS = 9.0
"""How long all of them together may take."""
PRIVATE_SOCKET = Path("/run/soma-verify/docker.sock")
"""Where the daemon of :mod:`provision.private_daemon` listens."""


class NoEngine(Trouble):
    """No container engine answers."""


class ComposeLacking(Trouble):
    """An engine answers, and Compose is not there or too old."""


def docker_config_path() -> Path:
    """The private folder with the Compose plugin, used as DOCKER_CONFIG where the machine has no Compose of its own."""
    return user_cache_path("soma-verify") / "docker-config"


@dataclass(frozen=True, slots=True)
class Engine:
    """A container engine that answers and has Compose.

    Attributes:
        docker_host: its address as DOCKER_HOST takes it; None where the docker CLI's own choice is used.
        ours: whether it is the private daemon that ``nox -s host`` started.
        version: of the engine.
        api_version: of its API, as the CLI talks to it.
        platform: e.g. ``linux/amd64``.
        compose_version: of the Compose plugin.
        docker_config: the folder with our Compose plugin; None where the CLI has a Compose of its own.
    """

    docker_host: str | None
    ours: bool
    version: str
    api_version: str
    platform: str
    compose_version: str
    docker_config: Path | None

    def env(self) -> dict[str, str]:
        """What a child process needs in its environment to use this engine; add it to os.environ."""
        return environment(self.docker_host, self.docker_config)

    @property
    def address(self) -> str:
        """Where it is, for a reader."""
        return self.docker_host or "the docker CLI's own context"


def environment(docker_host: str | None, docker_config: Path | None) -> dict[str, str]:
    """The environment for an address and a plugin folder."""
    chosen: dict[str, str] = {}
    if docker_host:
        chosen["DOCKER_HOST"] = docker_host
    if docker_config:
        chosen["DOCKER_CONFIG"] = str(docker_config)
    return chosen


def engine() -> Engine:
    """The container engine in use: DOCKER_HOST, else the docker CLI's context, else our private socket.

    Raises:
        Trouble: none answers, or the first that does is too old or lacks Compose; never later than 10 seconds.
    """
    if not shutil.which("docker"):
        raise NoEngine("no container engine: the program `docker` is not on this machine", next_command=NEXT)
    silent: list[str] = []
    end = time.monotonic() + LOOK_SECONDS
    for docker_host in _addresses():
        try:
            version, api_version, platform = _ask(docker_host, min(ANSWER_SECONDS, end - time.monotonic()))
        except ProgramFailed as failure:
            silent.append(_why_silent(docker_host, failure))
            continue
        return _judged(docker_host, version, api_version, platform)
    raise NoEngine("no container engine answers: " + "; ".join(silent), next_command=NEXT)


def _addresses() -> Iterator[str | None]:
    if chosen := os.environ.get("DOCKER_HOST"):
        yield chosen  # whoever sets it means that engine and no other
        return
    yield None
    if PRIVATE_SOCKET.exists():
        yield f"unix://{PRIVATE_SOCKET}"


def _ask(docker_host: str | None, seconds: float) -> tuple[str, str, str]:
    answer = run(
        ["docker", "version", "--format", "{{json .Server}}"],
        env=environment(docker_host, None),
        timeout=seconds,
        next_command=NEXT,
    )
    try:
        server = json.loads(answer.stdout)
        return server["Version"], server["ApiVersion"], f"{server['Os']}/{server['Arch']}"
    except (ValueError, KeyError, TypeError):
        said = " ".join(answer.stdout.split())[:200]
        raise Trouble(f"`docker version` answers as no Docker Engine does: {said or 'nothing'}") from None


def _why_silent(docker_host: str | None, failure: ProgramFailed) -> str:
    name = docker_host or "the docker CLI's context"
    if isinstance(failure, ProgramTimedOut):
        return f"{name} accepts and does not answer"
    last = failure.completed.stderr.strip().splitlines()
    return f"{name}: {last[0] if last else f'exit code {failure.completed.exit_code}'}"


def _judged(docker_host: str | None, version: str, api_version: str, platform: str) -> Engine:
    where = docker_host or "the docker CLI's context"
    if _older(version, OLDEST_ENGINE):
        raise Trouble(f"the engine is {version}, needed is {OLDEST_ENGINE} or newer: upgrade it", where=where)
    compose, docker_config = compose_plugin(docker_host)
    if compose is None:
        lacks = f"the engine {version} answers, but `docker compose` is not there"
        raise ComposeLacking(lacks, where=where, next_command=NEXT)
    if _older(compose, OLDEST_COMPOSE):
        lacks = f"Docker Compose is {compose}, needed is {OLDEST_COMPOSE} or newer"
        raise ComposeLacking(lacks, where=where, next_command=NEXT)
    ours = docker_host == f"unix://{PRIVATE_SOCKET}"
    return Engine(docker_host, ours, version, api_version, platform, compose, docker_config)


def place_compose(program: Path) -> None:
    """Make a Compose program the plugin of our private DOCKER_CONFIG.

    What else the user's own folder has (contexts, credentials, other plugins) is linked into it, not copied.
    """
    folder = docker_config_path()
    plugins = folder / "cli-plugins"
    plugins.mkdir(parents=True, exist_ok=True)
    own = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    if own.is_dir() and own.resolve() != folder.resolve():
        entries = [*own.iterdir(), *(own / "cli-plugins").glob("*")]
        for entry in entries:
            if entry.name != "cli-plugins":
                _link(folder / entry.relative_to(own), entry)
    _link(plugins / "docker-compose", program)


def _link(place: Path, to: Path) -> None:
    """Make a symbolic link, in one step, in the place of what is there."""
    draft = place.with_name(f".{place.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    draft.symlink_to(to)
    draft.replace(place)


def compose_plugin(docker_host: str | None) -> tuple[str | None, Path | None]:
    """The version of Compose, and the folder that has to be DOCKER_CONFIG for it; None where there is none.

    A Compose of the machine's own that is new enough goes before ours.
    """
    own = _compose_version(environment(docker_host, None))
    if own and not _older(own, OLDEST_COMPOSE):
        return own, None
    folder = docker_config_path()
    if (folder / "cli-plugins" / "docker-compose").exists():
        fetched = _compose_version(environment(docker_host, folder))
        if fetched:
            return fetched, folder
    return own, None


def _compose_version(env: dict[str, str]) -> str | None:
    answer = run(["docker", "compose", "version", "--short"], env=env, timeout=ANSWER_SECONDS, check=False)
    return answer.stdout.strip().lstrip("v") or None if answer.exit_code == 0 else None


def _older(version: str, oldest: Version) -> bool:
    """Whether a version is older; one that cannot be read (a build of the user's own) is taken as new enough."""
    try:
        return Version(version.split("+", maxsplit=1)[0].split("-", maxsplit=1)[0]) < oldest
    except InvalidVersion:
        return False
