"""The values of staging and of prod tried out in our own cluster; within an act of the recorder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import yaml

from blueprint.charts import CHARTS, FOLDER, SIZING
from blueprint.evidence import JSON
from worlds.release import Release
from worlds.release_acts import deployed, name_of, settle, snapshot

REMOVED_SECONDS = 180


def tried(release: Release, environment: str) -> dict[str, JSON]:
    """Whether the API server admits an environment as it is, and what becomes of it when it is installed sized down.

    Its namespace is made for this and removed afterwards, whatever happens.

    Args:
        release: of the cluster; nothing of it but its images is used.
        environment: whose values are tried.

    Raises:
        Trouble: the namespace is somebody else's, or a release does not become ready.
    """
    sizing = release.root / SIZING
    plain = replace(release, environment=environment, overlays=())
    sized = replace(plain, overlays=(*release.overlays, sizing))
    plain.refuse_foreign()
    try:
        plain.claim()
        admitted = dry_run(plain)
        lines: list[JSON] = list(sized.install())
        settle(sized)
        settled = snapshot(sized)
        overlay = [".".join(path) for path in _leaves(yaml.safe_load(sizing.read_text(encoding="utf-8")))]
        seen: dict[str, JSON] = {"admitted": admitted, "overlay": list[JSON](overlay), "lines": lines}
        return {**seen, "snapshot": settled, **deployed(sized)}
    finally:
        sized.uninstall(wait=False)
        sized.cluster.kubectl("delete", "namespace", sized.namespace, "--wait=true", timeout=REMOVED_SECONDS)


def dry_run(release: Release) -> dict[str, JSON]:
    """What the API server says of every object that the charts render for an environment; nothing is made.

    Returns:
        ``rendered``: their names; ``created``: those that the server would take; ``refused``: what it says otherwise.
    """
    names: list[JSON] = []
    created: list[JSON] = []
    refused: list[JSON] = []
    for chart in CHARTS:
        text = release.helm("template", chart, f"{FOLDER}/{chart}", "-n", release.namespace, *release.values()).stdout
        names += [name_of(one) for one in yaml.safe_load_all(text) if one]
        done = release.kubectl("create", "--dry-run=server", "-o", "name", "-f", "-", given=text, check=False)
        created += [_name(line) for line in done.stdout.splitlines()]
        refused += done.stderr.strip().splitlines()
    return {"rendered": names, "created": created, "refused": refused}


def _name(line: str) -> str:
    """``deployment.apps/gateway``, as :func:`name_of` has it."""
    kind, _, name = line.partition("/")
    return f"{kind.partition('.')[0]}/{name}"


def _leaves(values: object) -> Iterator[tuple[str, ...]]:
    """The path of every value."""
    if not isinstance(values, dict):
        yield ()
        return
    for key, inner in values.items():
        yield from ((str(key), *path) for path in _leaves(inner))
