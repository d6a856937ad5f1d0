"""CMP-009 and CMP-020: what an image is pinned by."""

from __future__ import annotations

import re

from blueprint.compose import ComposeModel, Service
from blueprint.evidence import Finding, Findings
from blueprint.rules.compose_names import nothing_to_judge, share

_MOVING = re.compile(
    r"(^|[-_.])(latest|stable|edge|nightly|main|master|dev|develop|devel|head|rolling|current|lts)([-_.]|$)",
    re.IGNORECASE,
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
PIN = "name the version after the colon"


def tag_of(image: str) -> str:
    """The tag of an image reference; empty where it has none."""
    name = image.partition("@")[0].rpartition("/")[2]
    return name.partition(":")[2]


def digest_of(image: str) -> str:
    """The digest of an image reference; empty where it has none or a malformed one."""
    digest = image.partition("@")[2]
    return digest if _DIGEST.fullmatch(digest) else ""


def unpinned_images(model: ComposeModel) -> Findings:
    """Services whose image carries no version: no tag, an empty one, or one that moves."""
    if nothing := nothing_to_judge(model):
        return nothing
    images = {name: service for name, service in model.services.items() if service.node.get("image").value is not None}
    found = [finding for service in images.values() if (finding := _unpinned(service))]
    observed = f"{share(len(images) - len(found), len(images), 'image')} with a version tag"
    return Findings.of(model.services, model.outline.services, found, observed)


def _unpinned(service: Service) -> Finding | None:
    what = moving(service.image)
    return Finding(f"image {service.image!r} {what}", service.place("image"), PIN) if what else None


def moving(image: str) -> str:
    """What lets an image change under its reference, in words that follow it; empty where a version pins it."""
    tag = tag_of(image)
    if digest_of(image):
        return ""
    if not tag:
        return "carries no tag, which means latest"
    if _MOVING.search(tag) and not re.search(r"\d+\.\d", tag):
        return f"carries {tag!r}, which moves"
    return "" if re.search(r"\d", tag) else f"carries {tag!r}, which is no version"


def undigested_images(model: ComposeModel) -> Findings:
    """Images from elsewhere that are not pinned by digest; what is built here has none before it is built."""
    if nothing := nothing_to_judge(model):
        return nothing
    foreign = [
        service
        for service in model.services.values()
        if service.node.get("image").value is not None and service.node.get("build").value is None
    ]
    found = [
        Finding(f"image {service.image!r} carries no digest", service.place("image"), "append @sha256:…")
        for service in foreign
        if not digest_of(service.image)
    ]
    built = len(model.services) - len(foreign)
    observed = f"{share(len(foreign) - len(found), len(foreign), 'image')} with a digest, {built} built here"
    return Findings.of(model.services, model.outline.services, found, observed)
