"""The Kind node image, pulled or built: ``python -m provision.node [--images auto|pull|build]``.

Remove this module and its ``node_*`` neighbours, and kind pulls its own image, where a registry answers.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack

from platformdirs import user_cache_path

from blueprint.trouble import Trouble
from provision.engine import Engine
from provision.engine import engine as engine_in_use
from provision.image_catalogue import Build, Image, Kind, Recipe, pinned
from provision.image_choice import Policy, Way, way_to
from provision.image_settler import BUILDING_SECONDS, ImageRecord
from provision.image_store import Images, Refusal
from provision.images import PREFIX_VARIABLE, say, table
from provision.node_builder import NAME, NodeBuilder
from provision.node_parts import TABLE, Node, key_of, read_node
from provision.programs import read_programs
from provision.steps import Say, step
from provision.turns import turn

__all__ = ["STAND_IN", "ensure_node", "main"]
LICENCE = "Apache-2.0"
STAND_IN = "kindnetd"
"""Name of the record that says what stands in for kindnetd; there is none for a node that was pulled."""
KEPT = 2
"""How many builds stay, this one counted: one for another checkout; each has more than a gigabyte."""


def ensure_node(
    engine: Engine, policy: str = Policy.AUTO, progress: Say = print, *, prefix: str | None = None
) -> list[ImageRecord]:
    """Have a node image on an engine.

    Args:
        engine: which engine.
        policy: ``auto`` pulls where a registry answers and builds elsewhere; ``pull``; ``build``.
        progress: is given a line for each step of long work.
        prefix: a mirror; what SOMA_REGISTRY says when None.

    Returns:
        Its record; where it was built, also that of what stands in for kindnetd on it.

    Raises:
        Trouble: it can be neither pulled nor built, or the disk is full.
    """
    mirror = os.environ.get(PREFIX_VARIABLE, "") if prefix is None else prefix
    images = Images(engine)
    return NodeSettler(read_node(), NodeBuilder(engine, images, progress), Policy(policy), mirror).settle()


class NodeSettler:
    """One call of :func:`ensure_node`."""

    def __init__(self, node: Node, builder: NodeBuilder, policy: Policy, prefix: str = "") -> None:
        self._node = node
        self._builder = builder
        self._images = builder.images
        self._policy = policy
        self._image = described(node)
        self._remote = self._image.remote(prefix)
        self._key = key_of(node, builder.images.platform)
        self._refusal: Refusal | None = None

    def settle(self) -> list[ImageRecord]:
        """Keep it, pull it or build it."""
        began = time.monotonic()
        way = self._way()
        if way in {Way.PULL, Way.PULL_ELSE_BUILD}:
            way = self._pull(way)
        if way is Way.BUILD:
            self._build()
        elif way is Way.KEEP_BUILT:
            self._images.tag(pinned(NAME, self._key), self._image.local)
        return self._records(pulled=way is Way.KEEP_PULLED, seconds=time.monotonic() - began)

    def _way(self) -> Way:
        remote, built = self._remote, pinned(NAME, self._key)
        held = self._images.look([remote, built])
        return way_to(
            self._image,
            self._policy,
            pulled=remote in held and held[remote].came_from(remote),
            built=built in held and held[built].inputs == self._key,
            refused=self._refusal is not None,
        )

    def _pull(self, way: Way) -> Way:
        say = self._builder.say
        with step(say, NAME, f"asking the registry for {self._remote}") as line:
            self._refusal = self._images.pull(self._remote, line)
        if self._refusal is None:
            if not self._images.has_digest(self._remote, self._image.digest):
                raise Trouble(f"{self._remote} is not {self._image.digest}, which is wanted", where=TABLE.name)
            return Way.KEEP_PULLED
        if way is Way.PULL:
            raise Trouble(
                f"the node image cannot be pulled: {self._refusal.said}",
                where=self._remote,
                next_command="python -m provision.node --images auto",
            )
        say(f"{NAME}: {self._remote} cannot be pulled ({self._refusal.said}); it is built instead")
        return self._way()

    def _build(self) -> None:
        with ExitStack() as held:
            lock = user_cache_path("soma-verify") / "locks" / "node.lock"
            held.enter_context(turn(lock, "building the node image", BUILDING_SECONDS, self._builder.say))
            for left in self._builder.sweep():
                self._builder.say(f"removed container {left}, which a killed build had left")
            reference = pinned(NAME, self._key)
            if self._way() is not Way.KEEP_BUILT:
                self._builder.build(self._node, self._key, reference)
            self._images.tag(reference, self._image.local)
            others = [one for one in self._images.tags(reference.rpartition(":")[0]) if one != reference]
            for old in others[KEPT - 1 :]:
                self._images.untag(old)

    def _records(self, *, pulled: bool, seconds: float) -> list[ImageRecord]:
        build = self._image.build
        if pulled or build is None:
            return [_record(self._image, self._remote, "pulled", self._image.upstream, seconds)]
        return [
            _record(self._image, self._image.local, "built", f"{build.software} ({build.kind})", seconds),
            stand_in(self._node, self._image.local),
        ]


def described(node: Node) -> Image:
    """The node image as a row of a catalogue."""
    versions = ", ".join(f"{row} {read_programs()[row].modules[0].version}" for row in node.rows)
    build = Build(f"a node of {versions}", node.version, Kind.SAME, Recipe.DOCKERFILE)
    return Image(NAME, LICENCE, "", node.upstream, node.digest, build, "", (), TABLE.name)


def stand_in(node: Node, reference: str) -> ImageRecord:
    """The record of what stands in for kindnetd on a node that was built."""
    told = node.stand_in
    return ImageRecord(
        name=STAND_IN,
        reference=reference,
        upstream="",
        version=node.version,
        licence=told["licence"],
        provenance="stand-in",
        same_software=False,
        proves=told["proves"],
        does_not_prove=told["does_not_prove"],
        seconds=0.0,
        software=f"{told['software']} ({Kind.STAND_IN})",
    )


def _record(image: Image, reference: str, provenance: str, software: str, seconds: float) -> ImageRecord:
    built = provenance == "built" and image.build is not None
    return ImageRecord(
        name=image.name,
        reference=reference,
        upstream=image.upstream,
        version=image.build.version if built and image.build else image.version,
        licence=image.licence,
        provenance="built" if built else "pulled",
        same_software=True,
        proves="",
        does_not_prove="",
        seconds=round(seconds, 2),
        software=software,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Have the node image, and print how it was come by; exit code 2 and one message where that fails."""
    parser = argparse.ArgumentParser(prog="python -m provision.node", description=__doc__)
    parser.add_argument("--images", choices=[*Policy], default=Policy.AUTO, help="where it comes from (%(default)s)")
    parser.add_argument("--registry", default=None, help=f"a mirror to pull from; else what {PREFIX_VARIABLE} says")
    chosen = parser.parse_args(arguments)
    try:
        records = ensure_node(engine_in_use(), chosen.images, say, prefix=chosen.registry)
    except Trouble as trouble:
        sys.stderr.write(f"{trouble}\n")
        return 2
    sys.stdout.write(table(records))
    return 0


if __name__ == "__main__":
    sys.exit(main())
