"""The images of one engine: looked at, pulled, built, tagged. Knows no catalogue and no policy."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from blueprint.trouble import Trouble
from provision.disk import data_root, disk_full_told, is_full
from provision.engine import Engine
from provision.ownership import PREFIX
from provision.processes import run, start
from provision.steps import Say
from provision.waiting import Deadline, WaitedTooLong, until

INPUTS = "soma.verify/inputs"
"""Label of every image that we build: the key of what it is made of."""
LOOKING = 30.0
"""Seconds that one question to the engine may take."""
REGISTRY_ANSWERS = Deadline("the registry's first answer", 20)
"""A pull prints its first line once the registry has told the manifest; a dead address costs this long, once a run."""
IMAGE_PULLED = Deadline("the image to be pulled", 1800)
_REFUSED = ("manifest unknown", "not found", "pull access denied", "repository does not exist", "unauthorized")
_NO_ENGINE = ("cannot connect to the docker daemon", "is the docker daemon running")


@dataclass(frozen=True, slots=True)
class Held:
    """An image that an engine holds.

    Attributes:
        id: of its content.
        inputs: the key of what it was made of, empty where we did not build it.
        digests: ``repository@sha256:…`` for each registry that it came from or went to.
    """

    id: str
    inputs: str = ""
    digests: tuple[str, ...] = ()

    def came_from(self, reference: str) -> bool:
        """Whether a registry gave it under this reference's repository."""
        repository = reference.rpartition(":")[0]
        short = repository.removeprefix("docker.io/").removeprefix("library/")  # as the engine tells its own default
        return any(digest.partition("@")[0] in {repository, short} for digest in self.digests)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a pull brought nothing: what the engine said, and whether any registry answered at all."""

    said: str
    registry_answered: bool


class Images:
    """The images of one engine."""

    def __init__(self, engine: Engine) -> None:
        self._env = engine.env()
        self.where = engine.address
        self.platform = engine.platform

    def look(self, references: Iterable[str]) -> Mapping[str, Held]:
        """Those of the references that the engine holds, in one question.

        Raises:
            Trouble: the engine does not answer.
        """
        wanted = [reference for reference in dict.fromkeys(references) if reference]
        if not wanted:
            return {}
        answer = run(["docker", "image", "inspect", *wanted], env=self._env, check=False, timeout=LOOKING)
        if answer.exit_code and "no such image" not in answer.stderr.lower():
            raise Trouble(f"the engine does not tell its images: {answer.stderr.strip()}", where=self.where)
        return self._held(json.loads(answer.stdout or "[]"), wanted)

    @staticmethod
    def _held(rows: Sequence[dict[str, object]], wanted: Iterable[str]) -> Mapping[str, Held]:
        found: dict[str, Held] = {}
        for row in rows:
            config = row.get("Config")
            labels = (config.get("Labels") if isinstance(config, dict) else None) or {}
            tags, digests = row.get("RepoTags"), row.get("RepoDigests")
            held = Held(str(row["Id"]), labels.get(INPUTS, ""), tuple(digests) if isinstance(digests, list) else ())
            for tag in tags if isinstance(tags, list) else ():
                found[str(tag)] = held
        return {reference: found[reference] for reference in wanted if reference in found}

    def has_digest(self, reference: str, digest: str) -> bool:
        """Whether a pulled image is the one of a digest."""
        held = self.look([reference]).get(reference)
        return held is not None and any(one.endswith(f"@{digest}") for one in held.digests)

    def pull(self, reference: str, line: Say) -> Refusal | None:
        """Pull an image; None where it came.

        Raises:
            Trouble: the engine is gone, its disk is full, or the pull stopped half way.
        """
        with start(["docker", "pull", reference], env=self._env) as pulling:

            def ended_or_answered() -> bool:
                return pulling.poll() is not None or bool(pulling.output.strip())

            try:
                until(ended_or_answered, bool, REGISTRY_ANSWERS)
            except WaitedTooLong:
                return Refusal(f"no answer in {REGISTRY_ANSWERS.seconds:g} s", registry_answered=False)
            until(
                lambda: pulling.poll() is not None,
                bool,
                IMAGE_PULLED,
                every=0.5,
                on_wait=lambda _: line((pulling.output.strip().splitlines() or [""])[-1]),
            )
            return None if pulling.poll() == 0 else self._refusal(reference, pulling.output)

    def _refusal(self, reference: str, output: str) -> Refusal:
        said = (output.strip().splitlines() or ["no output"])[-1]
        lowered = output.lower()
        if any(sign in lowered for sign in _NO_ENGINE):
            raise Trouble(f"the engine went away: {said}", where=self.where)
        if is_full(output):
            with disk_full_told(f"pulling {reference}", *data_root(self._env)):
                raise OSError(28, said)
        return Refusal(said, registry_answered=any(sign in lowered for sign in _REFUSED))

    def build(  # noqa: PLR0913 - by keyword, each as docker build has it
        self, context: Path, dockerfile: Path, *, arguments: Mapping[str, str], inputs: str, name: str, line: Say
    ) -> str:
        """Build from a Dockerfile without network; returns the id of an image that has no tag yet.

        Raises:
            Trouble: the build failed, or the disk is full.
        """
        given = [part for key, value in arguments.items() for part in ("--build-arg", f"{key}={value}")]
        with tempfile.TemporaryDirectory(prefix="soma-verify-") as folder:
            told = Path(folder) / "id"
            argv: list[str | Path] = [
                "docker",
                "build",
                "--network=none",
                "--force-rm",
                "--iidfile",
                told,
                "--file",
                dockerfile,
            ]
            with disk_full_told(f"building {name}", *data_root(self._env)):
                run([*argv, *given, "--label", f"{INPUTS}={inputs}", context], env=self._classic(), on_line=line)
            return told.read_text(encoding="ascii").strip()

    def _classic(self) -> dict[str, str | None]:
        """The classic builder: BuildKit's cache is not shared with a Compose that has no buildx."""
        return {**self._env, "DOCKER_BUILDKIT": "0"}

    def load_root(self, tar: Path, inputs: str, name: str) -> str:
        """Import a root file system; returns the id of an image that has no tag yet."""
        changes = [f"LABEL {INPUTS}={inputs}", 'CMD ["bash"]', "ENV LANG=C.UTF-8"]
        given = [part for change in changes for part in ("--change", change)]
        with disk_full_told(f"importing {name}", *data_root(self._env)):
            return run(["docker", "import", *given, tar], env=self._env).stdout.strip()

    def read(self, image: str, paths: Iterable[str], folder: Path) -> None:
        """Copy paths of an image into a folder, without running anything of it."""
        with self._container(image, "true") as container:
            for path in paths:
                run(["docker", "cp", f"{container}:{path}", folder], env=self._env, timeout=120)

    def layer(  # noqa: PLR0913 - by keyword, each is one thing that a layer needs
        self, image: str, *, files: Path, into: str, command: str, inputs: str, line: Say
    ) -> str:
        """Add one layer: what a command makes of files that stand in a volume and so stay out of the layer.

        Args:
            image: what it is laid over.
            files: folder with the files.
            into: where the command finds them.
            command: for ``sh -c``, without network.
            inputs: the key of what the new image is made of.
            line: is given the command's output.

        Returns:
            The id of an image that has no tag yet.
        """
        mount = ("--network", "none", "--mount", f"type=volume,destination={into}")
        with (
            disk_full_told(f"installing packages over {image}", *data_root(self._env)),
            self._container(image, "sh", "-ec", command, options=mount) as container,
        ):
            run(["docker", "cp", f"{files}/.", f"{container}:{into}"], env=self._env)
            run(["docker", "start", "--attach", container], env=self._env, on_line=line)
            changes = ("--change", 'CMD ["bash"]', "--change", f"LABEL {INPUTS}={inputs}")
            return run(["docker", "commit", *changes, container], env=self._env).stdout.strip()

    @contextmanager
    def _container(self, image: str, *command: str, options: Sequence[str] = ()) -> Iterator[str]:
        """A container that is gone afterwards. It has a name and no label: what is made of it would inherit labels."""
        name = f"{_workbench()}{os.getpid()}-{secrets.token_hex(4)}"
        run(["docker", "create", "--name", name, *options, image, *command], env=self._env, timeout=60)
        try:
            yield name
        finally:
            run(["docker", "rm", "--force", "--volumes", name], env=self._env, check=False, timeout=60)

    def sweep(self) -> list[str]:
        """Remove the containers that a killed build of this user left; call it only while nobody else builds."""
        argv = ["docker", "container", "ls", "--all", "--filter", f"name=^/?{_workbench()}", "--format", "{{.Names}}"]
        left = run(argv, env=self._env, timeout=LOOKING).stdout.split()
        for name in left:
            run(["docker", "rm", "--force", "--volumes", name], env=self._env, check=False, timeout=60)
        return left

    def tag(self, image: str, *references: str) -> None:
        """Let references name an image."""
        for reference in references:
            run(["docker", "tag", image, reference], env=self._env, timeout=LOOKING)

    def tags(self, repository: str) -> list[str]:
        """Every reference of a repository, the youngest image first."""
        argv = ["docker", "image", "ls", repository, "--format", "{{.Repository}}:{{.Tag}}"]
        return run(argv, env=self._env, timeout=LOOKING).stdout.split()

    def untag(self, reference: str) -> None:
        """Take a reference away; an image that a container uses keeps its last one."""
        run(["docker", "image", "rm", "--no-prune", reference], env=self._env, check=False, timeout=120)

    def forget_unnamed(self) -> None:
        """Remove what was built of our bases, lost its name and is a day old; younger, it may be a running build's."""
        filters = ("--filter", f"label={INPUTS}", "--filter", "until=24h")
        run(["docker", "image", "prune", "--force", *filters], env=self._env, check=False, timeout=300)


def _workbench() -> str:
    """How the names of the containers begin that this user's builds work in."""
    return f"{PREFIX}build-{os.getuid()}-"
