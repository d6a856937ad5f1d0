"""What the design has a budget for, measured here and now: `nox -s bench`.

Nothing is asserted: the table shows the budget beside the figure, and a figure over its budget is marked.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from provision.processes import run
from tests import foreign_tree
from tests.bench_rivals import rivals

ROOT = Path(__file__).parent.parent
NO_ENGINE = {"DOCKER_HOST": "unix:///nonexistent/soma-verify.sock"}
DEFAULT_ALONE = "COMPOSE_PROFILES=default docker"
MIB_IN_KIB = 1024
TO_GREEN = ("kind:create", "release:images", "release:install")
STEPS = 12
"""How many steps of a run are told."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One row: what was measured, its budget and what it was, both in the same unit; a share has no budget."""

    what: str
    budget: float | None
    measured: float
    unit: str


def verify(out: Path, *arguments: str, env: dict[str, str] | None = None) -> float:
    """Run a verify session, whatever its verdicts, and return its wall time in seconds."""
    pinned = ("-m", "pytest", "-c", "pyproject.toml", "--rootdir=.", "-p", "fixtures.options", f"--out={out}", "-q")
    started = time.monotonic()
    run((sys.executable, *pinned, *arguments, "tests_infra"), cwd=ROOT, env=env, check=False)
    return time.monotonic() - started


def static(out: Path) -> Iterator[Figure]:
    """The static tier, process start included; memory is the peak of the largest process."""
    seconds = verify(out, "--tier=static")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / MIB_IN_KIB
    yield Figure("static tier, all clauses, process start included", 8, seconds, "s")
    yield Figure("static tier, peak memory", 300, peak, "MiB")


def foreign(out: Path) -> Iterator[Figure]:
    """The static tier on a large foreign tree, and other programs on the same files; a ratio is ours to theirs."""
    compose = (ROOT / foreign_tree.COMPOSE).read_text(encoding="utf-8")
    tree = foreign_tree.build(out / "foreign", compose)
    ours = verify(out / "run", "--tier=static", f"--subject={tree}")
    yield Figure("static tier, foreign tree of 1,600 files", 12, ours, "s")
    together = 0.0
    for name, seconds in rivals(tree, out):
        together += seconds
        yield Figure(f"  {name} on the same files", None, seconds, "s")
        yield Figure(f"  all clauses, to {name}", None, ours / seconds, "times")
    yield Figure("  all clauses, to all of them one after another", None, ours / together, "times")


def no_engine(out: Path) -> Iterator[Figure]:
    """The live tiers where no engine answers."""
    yield Figure("no engine: live tiers report error", 10, verify(out, "--tier=compose", env=NO_ENGINE), "s")


def compose(out: Path) -> Iterator[Figure]:
    """The Compose tier, warm: images are there. The start is the slowest `up` of the default profile alone."""
    verify(out, "--tier=compose")  # brings the images, so that the second one is warm
    seconds = verify(out, "--tier=compose")
    starts = [seen["seconds"] for seen in looks(out) if _is_start_of_default(seen)]
    yield Figure("Compose: default healthy, warm", 20, max(starts, default=float("nan")), "s")
    yield Figure("Compose tier, warm, wall time", 15 * 60, seconds, "s")
    yield from shares(out, seconds)


def cluster(out: Path) -> Iterator[Figure]:
    """The cluster tier, warm: from the first step of the cluster until both charts are up; and what takes how long."""
    seconds = verify(out, "--tier=cluster")
    green = [seen["seconds"] for seen in looks(out) if seen["target"] in TO_GREEN]
    yield Figure("cluster: creation to green", 5 * 60, sum(green) if len(green) == len(TO_GREEN) else float("nan"), "s")
    yield Figure("cluster tier, warm, wall time", 15 * 60, seconds, "s")
    yield from shares(out, seconds)


def looks(out: Path) -> list[dict[str, Any]]:
    """Every look and act of a run."""
    lines = (out / "evidence.jsonl").read_text(encoding="utf-8").splitlines()
    return [seen for seen in map(json.loads, lines) if "target" in seen and "seconds" in seen]


def shares(out: Path, whole: float) -> Iterator[Figure]:
    """The steps of a run that took longest, each with its share of the whole in percent."""
    taken: dict[str, float] = defaultdict(float)
    for seen in looks(out):
        taken[str(seen["target"])] += seen["seconds"]
    for step, seconds in sorted(taken.items(), key=lambda each: -each[1])[:STEPS]:
        yield Figure(f"  {step}, {seconds:.0f} s", None, 100 * seconds / whole, "%")


def _is_start_of_default(seen: dict[str, Any]) -> bool:
    return seen.get("target") == "compose:up" and str(seen["asked"]["command"]).startswith(DEFAULT_ALONE)


def _beside(row: Figure) -> tuple[str, str, str]:
    measured = f"{row.measured:.1f} {row.unit}"
    if row.budget is None:
        return "", measured, ""
    return f"{row.budget:g} {row.unit}", measured, "within" if row.measured <= row.budget else "OVER"


MEASURES: dict[str, Callable[[Path], Iterator[Figure]]] = {
    "static": static,
    "foreign": foreign,
    "no-engine": no_engine,
    "compose": compose,
    "cluster": cluster,
}


def main(names: list[str]) -> int:
    """Measure what is named, or all, and print the table."""
    console = Console()
    if unknown := [name for name in names if name not in MEASURES]:
        console.print(f"unknown measure {', '.join(unknown)}; known: {', '.join(MEASURES)}")
        return 2
    table = Table("what", "budget", "measured", "", title=f"on {os.cpu_count()} cores")
    for name in names or MEASURES:
        with console.status(f"measuring {name}"), tempfile.TemporaryDirectory() as folder:
            for row in MEASURES[name](Path(folder)):
                table.add_row(row.what, *_beside(row))
    console.print(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
