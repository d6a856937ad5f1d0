"""Where what is installed differs from what the tree renders; from observations alone."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from blueprint.evidence import Finding, Findings
from blueprint.rules.live_cluster import finding

OWNERS = frozenset(
    {"helm", "Helm", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-apiserver", "vault-k8s"}
)
"""Who may set fields of an installed object: helm, the cluster itself, and the injector, of its own webhook."""
EXACT = frozenset({"data", "matchLabels", "selector"})
"""Mappings that hold what was rendered and nothing else."""
_QUANTITY = re.compile(r"^(\d+(?:\.\d+)?)(m|k|[KMGT]i?)?$")
_SIZES = ("", "k", "M", "G", "T")
_FACTORS = {
    "m": Decimal("0.001"),
    "K": Decimal(1000),
    **{sign: Decimal(1000) ** power for power, sign in enumerate(_SIZES)},
    **{f"{sign.upper()}i": Decimal(1024) ** power for power, sign in enumerate(_SIZES) if sign},
}


def drifted_manifest(rendered: Mapping[str, Any], stored: Mapping[str, Any]) -> Findings:
    """Objects of a release's manifest that differ from the render of the tree, in one or only in the other."""
    found = [
        finding(name, "is in the release and the tree does not render it") for name in sorted({*stored} - {*rendered})
    ]
    found += [
        finding(name, "is rendered by the tree and not in the release") for name in sorted({*rendered} - {*stored})
    ]
    found += [
        finding(name, difference)
        for name in sorted({*stored} & {*rendered})
        for difference in differences(rendered[name], stored[name])
    ]
    return Findings.of(stored, rendered, found, f"{len(stored)} objects as the tree renders them")


def drifted_objects(
    rendered: Mapping[str, Any], live: Mapping[str, Any], owners: Mapping[str, Sequence[str]]
) -> Findings:
    """Live objects without, or with another value of, what the tree renders, and fields that somebody else set.

    Args:
        rendered: by name; the population.
        live: the objects of these names.
        owners: of each live object, who set fields of it that are no status.
    """
    found = [finding(name, "is not there") for name in sorted({*rendered} - {*live})]
    for name in sorted({*rendered} & {*live}):
        found += [finding(name, difference) for difference in differences(rendered[name], live[name])]
        strangers = sorted(set(owners.get(name, ())) - OWNERS)
        found += [
            finding(name, f"{who} set fields of it by hand", "bring it into the chart, or undo it") for who in strangers
        ]
    return Findings.of(
        {*live, *rendered} & {*rendered}, rendered, found, f"{len(live)} live objects as the tree renders them"
    )


def drifted_images(
    running: Sequence[Mapping[str, Any]], wanted: Mapping[str, str], containers: Collection[str]
) -> Findings:
    """Containers that run on another image than the one that their reference names here.

    Args:
        running: of each container, its name, its reference and the digest that runs.
        wanted: digest of each reference, as whoever has the images knows it.
        containers: all that the charts render; the population.
    """
    found: list[Finding] = []
    for one in running:
        digest = wanted.get(str(one.get("image")), "")
        if not digest:
            found.append(finding(str(one.get("name")), f"runs {one.get('image')}, of which nobody knows the digest"))
        elif digest not in str(one.get("digest")):
            found.append(
                finding(str(one.get("name")), f"runs {one.get('digest')} as {one.get('image')}, which is {digest}")
            )
    examined = {str(one.get("name")) for one in running}
    return Findings.of(examined, containers, found, f"{len(running)} containers run the images that are meant")


def differences(wanted: object, seen: object, path: str = "") -> Iterator[str]:
    """Where an object is not what was wanted; what it has besides is another's, or the API server's default."""
    if isinstance(wanted, Mapping):
        yield from _of_mappings(wanted, seen if isinstance(seen, Mapping) else {}, path)
    elif isinstance(wanted, list):
        held = seen if isinstance(seen, list) else []
        if len(wanted) != len(held):
            yield f"{path or '/'} has {len(held)} entries, and {len(wanted)} are rendered"
        else:
            for number, (one, other) in enumerate(zip(wanted, held, strict=True)):
                yield from differences(one, other, f"{path}/{number}")
    elif not _same(wanted, seen):
        yield f"{path} is {seen!r}, and {wanted!r} is rendered"


def _of_mappings(wanted: Mapping[str, Any], seen: Mapping[str, Any], path: str) -> Iterator[str]:
    for key, value in wanted.items():
        yield from differences(value, seen.get(key), f"{path}/{key}")
    if path.rpartition("/")[2] in EXACT:
        yield from (f"{path}/{key} is not rendered" for key in sorted({*seen} - {*wanted}))


def _same(wanted: object, seen: object) -> bool:
    if wanted == seen or (not wanted and not seen and not isinstance(wanted, bool)):
        return True
    amounts = _amount(wanted), _amount(seen)
    return None not in amounts and amounts[0] == amounts[1]


def _amount(value: object) -> Decimal | None:
    found = None if isinstance(value, bool) else _QUANTITY.match(str(value))
    return Decimal(found[1]) * _FACTORS[found[2] or ""] if found else None
