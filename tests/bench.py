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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from provision.processes import run

ROOT = Path(__file__).parent.parent
NO_ENGINE = {"DOCKER_HOST": "unix:///nonexistent/soma-verify.sock"}
DEFAULT_ALONE = "COMPOSE_PROFILES=default docker"
MIB_IN_KIB = 1024


@dataclass(frozen=True, slots=True)
class Figure:
    """One row: what was measured, its budget and what it was, both in the same unit."""

    what: str
    budget: float
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


def no_engine(out: Path) -> Iterator[Figure]:
    """The live tiers where no engine answers."""
    yield Figure("no engine: live tiers report error", 10, verify(out, "--tier=compose", env=NO_ENGINE), "s")


def compose(out: Path) -> Iterator[Figure]:
    """The Compose tier, warm: images are there. The start is the slowest `up` of the default profile alone."""
    verify(out, "--tier=compose")  # brings the images, so that the second one is warm
    seconds = verify(out, "--tier=compose")
    lines = (out / "evidence.jsonl").read_text(encoding="utf-8").splitlines()
    starts = [seen["seconds"] for seen in map(json.loads, lines) if _is_start_of_default(seen)]
    yield Figure("Compose: default healthy, warm", 20, max(starts, default=float("nan")), "s")
    yield Figure("Compose tier, warm, wall time", 15 * 60, seconds, "s")


def _is_start_of_default(seen: dict[str, Any]) -> bool:
    return seen.get("target") == "compose:up" and str(seen["asked"]["command"]).startswith(DEFAULT_ALONE)


MEASURES: dict[str, Callable[[Path], Iterator[Figure]]] = {
    "static": static,
    "no-engine": no_engine,
    "compose": compose,
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
                mark = "within" if row.measured <= row.budget else "OVER"
                table.add_row(row.what, f"{row.budget:g} {row.unit}", f"{row.measured:.1f} {row.unit}", mark)
    console.print(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
