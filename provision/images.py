"""The images that a world needs, pulled or built: ``python -m provision.images [--images auto|pull|build] [NAME…]``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from blueprint.trouble import Trouble
from provision.engine import Engine
from provision.engine import engine as engine_in_use
from provision.image_builder import Builder
from provision.image_catalogue import ROOT, Image, read_images, selected
from provision.image_choice import Policy
from provision.image_overlay import OVERLAY, read_overlay, write_overlay
from provision.image_settler import ImageRecord, Settler
from provision.image_store import Images
from provision.steps import Say

__all__ = ["ImageRecord", "Policy", "ensure", "main", "settings", "table"]
PREFIX_VARIABLE = "SOMA_REGISTRY"
"""Names a mirror: a registry, with a path if need be, that keeps upstream's repositories below itself."""
_OFFLINE = {"SOMA_PIP_NO_INDEX": "1", "SOMA_BUILD_NETWORK": "none"}


def ensure(  # noqa: PLR0913 - by keyword; the last three are for tests and mirrors
    names: Iterable[str],
    engine: Engine,
    policy: str = Policy.AUTO,
    progress: Say = print,
    *,
    prefix: str | None = None,
    root: Path = ROOT,
    overlay: Path | None = OVERLAY,
) -> list[ImageRecord]:
    """Have the named images on an engine, and the Compose file use them.

    Args:
        names: of rows of the catalogue; all that Compose uses where none is named.
        engine: which engine.
        policy: ``auto`` pulls where a registry answers and builds elsewhere; ``pull``; ``build``.
        progress: is given a line for each step of long work.
        prefix: the mirror; what SOMA_REGISTRY says when None.
        root: the tree that is built.
        overlay: the generated infra/.env; None writes none.

    Returns:
        A record for each named image and each base that was needed, in the order of the catalogue.

    Raises:
        Trouble: an image can be neither pulled nor built, the disk is full, or infra/.env is the user's own.
    """
    if overlay is not None:
        read_overlay(overlay)  # a foreign file is refused before an hour of building, not after it
    mirror = os.environ.get(PREFIX_VARIABLE, "") if prefix is None else prefix
    images = read_images(root / "infra" / "images" / "catalogue.toml", root)
    wanted = selected(images, names)
    records = Settler(images, Builder(Images(engine), progress, root), Policy(policy), mirror).settle(wanted)
    if overlay is not None:
        write_overlay(settings(images, records), overlay)
    return records


def settings(images: Mapping[str, Image], records: Iterable[ImageRecord]) -> dict[str, str | None]:
    """What infra/.env says of these images; None takes a setting away."""
    changes: dict[str, str | None] = {}
    for record in records:
        image = images[record.name]
        if image.variable:
            own = record.reference not in {"", record.upstream}
            changes[image.variable] = record.reference if own else None
        for name, value in image.build.settings if image.build else ():
            changes[name] = value if record.provenance in {"built", "stand-in"} else None
        for name, value in image.absent:
            changes[name] = value if record.provenance == "unavailable" else None
        if image.build and image.build.context == "tree":
            changes |= _OFFLINE
    return changes


def main(arguments: Sequence[str] | None = None) -> int:
    """Bring the named images, and print how each was come by; exit code 2 and one message where that fails."""
    parser = argparse.ArgumentParser(prog="python -m provision.images", description=__doc__)
    parser.add_argument("--images", choices=[*Policy], default=Policy.AUTO, help="where they come from (%(default)s)")
    parser.add_argument("--registry", default=None, help=f"a mirror to pull from; else what {PREFIX_VARIABLE} says")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="rows of infra/images/catalogue.toml; all that are used"
    )
    chosen = parser.parse_args(arguments)
    try:
        records = ensure(chosen.names, engine_in_use(), chosen.images, say, prefix=chosen.registry)
    except Trouble as trouble:
        sys.stderr.write(f"{trouble}\n")
        return 2
    sys.stdout.write(table(records))
    return 0


def say(text: str) -> None:
    """Progress goes to stderr, so that the table alone can be piped."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def table(records: Iterable[ImageRecord]) -> str:
    """How each image was come by, as columns."""
    rows = [("image", "provenance", "reference", "what it is", "s")]
    rows += [
        (record.name, record.provenance, record.reference or "-", record.software, f"{record.seconds:.1f}")
        for record in records
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "".join(f"{line}\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
