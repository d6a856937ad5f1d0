"""The images that services of the subject's Compose file run on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from provision.host import Engine
from provision.image_catalogue import CATALOGUE, ROOT, read_images
from provision.images import ensure
from provision.ownership import Progress


def bring_images(
    services: Sequence[str], root: Path, engine: Engine, policy: str, progress: Progress
) -> list[dict[str, Any]]:
    """Have the images of some services on the engine; their records.

    Only this repository has a catalogue of images. Another checkout's are pulled or built by Compose, as its own
    file says, and there is no record of them.
    """
    if root.resolve() != ROOT:
        progress("the images are those of the subject's own Compose file: Compose pulls or builds them")
        return []
    names = [service for service in services if service in read_images(CATALOGUE, ROOT)]
    return [asdict(record) for record in ensure(names, engine, policy, progress)]
