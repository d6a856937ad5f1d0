"""Pull or build: the decision, as a table without an engine."""

from __future__ import annotations

from enum import StrEnum

from provision.image_catalogue import Image


class Policy(StrEnum):
    """What the user asked for with ``--images``."""

    AUTO = "auto"
    PULL = "pull"
    BUILD = "build"


class Way(StrEnum):
    """How an image is come by."""

    KEEP_PULLED = "keep the pulled one"
    KEEP_BUILT = "keep the built one"
    PULL = "pull, or fail"
    PULL_ELSE_BUILD = "pull, else build"
    PULL_ELSE_UNAVAILABLE = "pull, else do without"
    BUILD = "build"
    UNAVAILABLE = "do without"


def way_to(image: Image, policy: Policy, *, pulled: bool, built: bool, refused: bool) -> Way:
    """How an image is come by.

    What is always built from this tree is built under every policy: a registry would have another tree's.

    Args:
        image: the row.
        policy: what the user asked for.
        pulled: the engine holds upstream's.
        built: the engine holds one that was built of just these inputs.
        refused: its registry has given no answer, or its no, in this run already.
    """
    if not image.upstream or policy is Policy.BUILD:
        return _without_registry(image, built=built)
    if pulled:
        return Way.KEEP_PULLED
    if policy is Policy.PULL:
        return Way.PULL
    if built:
        return Way.KEEP_BUILT
    if refused:
        return _without_registry(image, built=built)
    return Way.PULL_ELSE_BUILD if image.build else Way.PULL_ELSE_UNAVAILABLE


def _without_registry(image: Image, *, built: bool) -> Way:
    if image.build is None:
        return Way.UNAVAILABLE
    return Way.KEEP_BUILT if built else Way.BUILD
