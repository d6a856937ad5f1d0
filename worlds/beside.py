"""A container of ours beside those of a Compose project, for as long as it is needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from blueprint.trouble import Trouble
from provision.processes import Completed
from worlds.compose import PROJECT_LABEL, ComposeProject
from worlds.compose_output import SERVICE_LABEL


@contextmanager
def beside(project: ComposeProject, name: str, *options: str, program: Sequence[str]) -> Iterator[str]:
    """A Python program in a container on the gateway's image, which is there; gives the container's name.

    It carries the project's labels, so that it goes with the project where nobody removes it.

    Raises:
        Trouble: it does not start.
    """
    container = f"{project.name}-verify-{name}"
    image = str(project.inspect("gateway")[0]["Image"])
    labels = {
        PROJECT_LABEL: project.name,
        SERVICE_LABEL: f"verify-{name}",
        "com.docker.compose.oneoff": "True",  # Compose neither lists it nor counts it as an orphan
        "com.docker.compose.container-number": "1",
    }
    marks = [word for key, value in labels.items() for word in ("--label", f"{key}={value}")]
    run = ("run", "--detach", "--init", "--name", container, "--user", "0:0", *marks, *options)
    try:
        asked(project, *run, "--entrypoint", "python", image, *program)
        yield container
    finally:
        asked(project, "rm", "--force", container)


def asked(project: ComposeProject, *words: str) -> Completed:
    """What the engine does for a project.

    Raises:
        Trouble: it did not.
    """
    done = project.execute(["docker", *words])
    if done.exit_code:
        shown = " ".join(word for word in words if "\n" not in word)
        raise Trouble(f"`docker {shown}` failed: {done.stderr.strip()[-300:]}", where=project.name)
    return done
