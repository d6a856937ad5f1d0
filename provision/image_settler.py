"""Bringing images to an engine, one after the other: each kept, pulled or built, bases before what stands on them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from platformdirs import user_cache_path

from blueprint.trouble import Trouble
from provision.image_builder import Builder
from provision.image_catalogue import Build, Image, Kind, pinned
from provision.image_choice import Policy, Way, way_to
from provision.image_inputs import key_of
from provision.image_store import Held, Refusal
from provision.steps import step
from provision.turns import turn

Provenance: TypeAlias = Literal["pulled", "built", "stand-in", "unavailable"]
BUILDING_SECONDS = 3600.0
"""How long another run may build what this one waits for."""
_IDLE = {Way.KEEP_PULLED, Way.KEEP_BUILT, Way.UNAVAILABLE}
_refused: dict[tuple[str, str], str] = {}  # (engine, registry or reference): a refusal is final for this process


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One image as a run used it; it stands in verdicts.json and in the report.

    Attributes:
        name: of its row in the catalogue.
        reference: under which the engine has it, empty where it is unavailable.
        upstream: what is pulled where a registry answers; empty for what is always built from this tree.
        version: of what the reference holds.
        licence: SPDX.
        provenance: how it was come by.
        same_software: whether it is upstream's software, of no older version.
        proves, does_not_prove: what a verdict on it is worth; empty where it is the same software.
        seconds: how long it took this time.
        software: what it holds, in words; why there is none where it is unavailable.
    """

    name: str
    reference: str
    upstream: str
    version: str
    licence: str
    provenance: Provenance
    same_software: bool
    proves: str
    does_not_prove: str
    seconds: float
    software: str


@dataclass
class Settler:
    """One call of :func:`provision.images.ensure`: what the engine holds, and what is settled so far."""

    images: Mapping[str, Image]
    builder: Builder
    policy: Policy
    prefix: str
    refused: dict[tuple[str, str], str] = field(default_factory=lambda: _refused)
    lock: Path = field(default_factory=lambda: user_cache_path("soma-verify") / "locks" / "images.lock")
    _settled: dict[str, ImageRecord] = field(default_factory=dict)
    _pulled: dict[str, str] = field(default_factory=dict)  # name → id, of what came from a registry
    _built: Mapping[str, Held] = field(default_factory=dict)  # by reference
    _failed: dict[str, Trouble] = field(default_factory=dict)  # by name, so that what stands on it fails at once

    def settle(self, wanted: Sequence[Image]) -> list[ImageRecord]:
        """Bring every wanted image, and each base that this needs; one that fails keeps no other from being brought.

        Raises:
            Trouble: some can be neither pulled nor built, or the disk is full.
        """
        self._look()
        idle = all(self._is_idle(image) for image in self._with_bases(wanted))
        with nullcontext() if idle else self._building():
            for image in wanted:
                with suppress(Trouble):
                    self._settle(image)
        if self._failed:
            raise together([*self._failed.values()])
        return [self._settled[name] for name in self.images if name in self._settled]

    def _is_idle(self, image: Image) -> bool:
        """Whether nothing is to be made, pulled or fetched for it."""
        way = self._way(image)
        staged = not _tree_base(image) or self.builder.is_staged(_buildable(image))
        return staged and way in _IDLE

    def _with_bases(self, wanted: Sequence[Image]) -> Iterator[Image]:
        for image in wanted:
            yield image
            if base := _tree_base(image):
                yield self.images[base]

    def _look(self) -> None:
        """Two questions to the engine: what came from registries, and what we built of the inputs of now."""
        remote = {image.name: image.remote(self.prefix) for image in self.images.values()}
        held = self.builder.images.look(remote.values())
        self._pulled = {
            name: held[reference].id
            for name, reference in remote.items()
            if reference in held and held[reference].came_from(reference)
        }
        keys = {image.name: pinned(image.name, self._key(image)) for image in self.images.values() if image.build}
        self._built = self.builder.images.look([*keys.values(), *(image.local for image in self.images.values())])

    @contextmanager
    def _building(self) -> Iterator[None]:
        """Building is one run's at a time; what another has made meanwhile is not made again."""
        with turn(self.lock, "building images", BUILDING_SECONDS, self.builder.say):
            for left in self.builder.images.sweep():
                self.builder.say(f"removed container {left}, which a killed build had left")
            self._look()
            yield
            self.builder.images.forget_unnamed()

    def _key(self, image: Image) -> str:
        build = image.build
        return (
            key_of(build, self._identity(build.base), self.builder.images.platform, self.builder.root) if build else ""
        )

    def _identity(self, name: str) -> str:
        """Of a base: the id of the pulled one, else the key of the built one, be it there or not."""
        if not name:
            return ""
        if name in self._pulled and self.policy is not Policy.BUILD:
            return self._pulled[name]
        return self._key(self.images[name])

    def _way(self, image: Image) -> Way:
        remote = image.remote(self.prefix)
        return way_to(
            image,
            self.policy,
            pulled=image.name in self._pulled,
            built=bool(image.build) and pinned(image.name, self._key(image)) in self._built,
            refused=bool(self._refusal_of(remote)),
        )

    def _refusal_of(self, remote: str) -> str:
        where = self.builder.images.where
        return self.refused.get((where, _registry(remote)), "") or self.refused.get((where, remote), "")

    def _settle(self, image: Image) -> ImageRecord:
        if image.name in self._settled:
            return self._settled[image.name]
        if image.name in self._failed:
            raise self._failed[image.name]
        try:
            record = self._settled[image.name] = self._brought(image)
        except Trouble as trouble:
            self._failed[image.name] = trouble
            raise
        return record

    def _brought(self, image: Image) -> ImageRecord:
        began = time.monotonic()
        way = self._way(image)
        if way in {Way.PULL, Way.PULL_ELSE_BUILD, Way.PULL_ELSE_UNAVAILABLE}:
            way = self._pull(image, way)
        if way is Way.BUILD:
            self._build(image)
        elif way is Way.KEEP_BUILT:
            self._keep(image)
        return self._record(image, way, time.monotonic() - began)

    def _pull(self, image: Image, way: Way) -> Way:
        remote = image.remote(self.prefix)
        with step(self.builder.say, image.name, f"asking the registry for {remote}") as line:
            refusal = self.builder.images.pull(remote, line)
        if refusal is None:
            self._look()
            return self._checked(image)
        self._remember(remote, refusal)
        if way is Way.PULL:
            raise Trouble(
                f"{image.name} cannot be pulled: {refusal.said}",
                where=remote,
                next_command="nox -s images -- --images auto",
            )
        left = self._way(image)
        what = "it is built instead" if left is Way.BUILD else f"there is none: {image.unavailable}"
        self.builder.say(f"{image.name}: {remote} cannot be pulled ({refusal.said}); {what}")
        return left

    def _checked(self, image: Image) -> Way:
        if image.name not in self._pulled:
            raise Trouble(
                f"the engine pulled {image.name} and does not name its registry", where=image.remote(self.prefix)
            )
        if image.digest and not self.builder.images.has_digest(image.remote(self.prefix), image.digest):
            raise Trouble(f"{image.name} is not {image.digest}, which the catalogue wants", where=image.place)
        return Way.KEEP_PULLED

    def _remember(self, remote: str, refusal: Refusal) -> None:
        what = remote if refusal.registry_answered else _registry(remote)
        self.refused[self.builder.images.where, what] = refusal.said

    def _build(self, image: Image) -> None:
        build = _buildable(image)
        base = self._settle(self.images[build.base]).reference if build.base else ""
        reference = pinned(image.name, self._key(image))
        if reference not in self._built:  # its base may have come from a registry just now
            made = self.builder.build(image, build, self._key(image), (base, self._identity(build.base)))
            self.builder.images.tag(made, image.local)
            self.builder.replace(reference, made)
            self._look()

    def _keep(self, image: Image) -> None:
        """A built image that is still the one: only what Compose needs to build it again is put right."""
        build = _buildable(image)
        held = self._built[pinned(image.name, self._key(image))]
        if self._built.get(image.local) != held:
            self.builder.images.tag(held.id, image.local)
        if base := _tree_base(image):
            self._settle(self.images[base])
            self.builder.stage(image, build)

    def _record(self, image: Image, way: Way, seconds: float) -> ImageRecord:
        build = image.build
        if way is Way.UNAVAILABLE:
            what = f"unavailable: {image.unavailable or self._refusal_of(image.remote(self.prefix))}"
            return self._told(image, "", "unavailable", what, seconds)
        if way is Way.KEEP_PULLED or build is None:
            return self._told(image, image.remote(self.prefix), "pulled", image.upstream, seconds)
        provenance: Provenance = "stand-in" if build.kind is Kind.STAND_IN else "built"
        return self._told(image, image.local, provenance, f"{build.software} ({build.kind})", seconds)

    @staticmethod
    def _told(image: Image, reference: str, provenance: Provenance, software: str, seconds: float) -> ImageRecord:
        build = image.build if provenance in {"built", "stand-in"} else None
        return ImageRecord(
            name=image.name,
            reference=reference,
            upstream=image.upstream,
            version=build.version if build else image.version,
            licence=image.licence,
            provenance=provenance,
            same_software=provenance == "pulled" or (build is not None and build.kind is Kind.SAME),
            proves=build.proves if build else "",
            does_not_prove=build.does_not_prove if build else "",
            seconds=round(seconds, 2),
            software=software,
        )


def together(troubles: Sequence[Trouble]) -> Trouble:
    """Several troubles as one; what stands on a base that failed fails with its base's, which is told once."""
    different = list(dict.fromkeys(troubles))
    if len(different) == 1:
        return different[0]
    told = "\n".join(f"{trouble.where}: {trouble.what}" if trouble.where else trouble.what for trouble in different)
    return Trouble(f"{len(different)} images cannot be had:\n{told}", next_command=different[0].next_command)


def _buildable(image: Image) -> Build:
    if image.build is None:
        raise Trouble(f"{image.name} cannot be built: {image.unavailable}", where=image.place)
    return image.build


def _tree_base(image: Image) -> str:
    """The base of what Compose builds too, which it must find there; empty for every other image."""
    return image.build.base if image.build and image.build.context == "tree" else ""


def _registry(reference: str) -> str:
    """The registry of a reference, as the engine reads it; empty for the engine's own default."""
    head, slash, _ = reference.partition("/")
    return head if slash and ("." in head or ":" in head or head == "localhost") else ""
