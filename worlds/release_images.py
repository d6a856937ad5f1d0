"""The images that the charts run on: which they are, from what helm renders, and where they are come by."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from provision.chart_overlay import write_chart_overlay
from provision.engine import Engine
from provision.image_catalogue import CATALOGUE, LOCAL, ROOT, Image, read_images
from provision.image_settler import ImageRecord
from provision.images import ensure
from provision.ownership import Progress
from provision.processes import run
from worlds.cluster import QUICK
from worlds.release import Release


def bring_charts_images(release: Release, engine: Engine, policy: str, progress: Progress) -> list[ImageRecord]:
    """Have every image of both charts on the engine and on the nodes, and tell the charts of them.

    Only this repository has a catalogue of images. Another checkout's charts are installed as they are, and the
    cluster pulls what they name.

    Returns:
        The records of what the charts name; one whose image cannot be had has no reference.
    """
    if release.root.resolve() != ROOT:
        progress("the images are those that the subject's own charts name: the cluster pulls them")
        return []
    names = catalogued(read_images(CATALOGUE, ROOT), release.named_images())
    records = [one for one in ensure(names, engine, policy, progress, overlay=None) if one.name in names]
    release.overlays = (write_chart_overlay(records), *release.overlays)
    references = [record.reference for record in records if record.reference]
    progress(f"loading {len(references)} images onto the node")
    release.digests = digests(references, engine.env())  # now: whoever builds one anew takes its name away
    release.cluster.load(references)
    return records


def digests(references: Sequence[str], env: Mapping[str, str]) -> dict[str, str]:
    """The digest of each image, as the engine knows it."""
    said = run(["docker", "image", "inspect", "--format", "{{.Id}}", *references], env=env, timeout=QUICK).stdout
    return dict(zip(references, said.split(), strict=True))


def node_images(release: Release) -> dict[str, str]:
    """The digest of each image on the node, by every name that the node has for it."""
    node = f"{release.cluster.name}-control-plane"
    told = run(["docker", "exec", node, "crictl", "images", "-o", "json"], env=release.cluster.engine, timeout=QUICK)
    listed = json.loads(told.stdout)["images"]
    return {name: one["id"] for one in listed for name in (one["id"], *one.get("repoDigests", ()))}


def catalogued(images: Mapping[str, Image], references: Iterable[str]) -> list[str]:
    """The rows of the catalogue that references name: upstream's, or what is always built from the tree."""
    named = frozenset(references)
    local = {reference.partition("/")[2].partition(":")[0] for reference in named if reference.startswith(f"{LOCAL}/")}
    return [image.name for image in images.values() if image.upstream in named or image.name in local]
