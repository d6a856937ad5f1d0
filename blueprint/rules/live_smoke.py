"""HLM-012: what can be wrong with the smoke test; from observations alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from blueprint.evidence import Finding, Findings, Place
from blueprint.live_components import SmokeRun

WELL = "ok"
RED = "FAILED"


def red_smoke(run: SmokeRun, wanted: Collection[str]) -> Findings:
    """Checks that fail, or are not made, on a deployment that is well.

    Args:
        run: of the command.
        wanted: names of the checks that there have to be.
    """
    found = [
        _finding(f"{name} is {verdict}: {_line(run, name)}") for name, verdict in run.checks.items() if verdict != WELL
    ]
    if run.exit_code != 0:
        found.append(_finding(f"ends with exit code {run.exit_code}: {' / '.join(run.said[-3:])}"))
    return Findings.of(run.checks, wanted, found, f"{len(run.checks)} checks are ok, and the exit code is 0")


def blind_smoke(runs: Iterable[SmokeRun], wanted: Mapping[str, Collection[str]], after: SmokeRun) -> Findings:
    """Breakages that the smoke test does not tell, or tells by a traceback, or still tells when all is back.

    Args:
        runs: one for each breakage.
        wanted: for each breakage, the checks that must be red; the population.
        after: the run once everything was back.
    """
    found, examined = [], []
    for run in runs:
        blind = [name for name in wanted.get(run.broken, ()) if run.checks.get(name) != RED]
        found += [_finding(f"without {run.broken}, {name} is {run.checks.get(name, 'not made')}") for name in blind]
        if run.exit_code != 1:
            found.append(_finding(f"without {run.broken}, it ends with exit code {run.exit_code}"))
        if any(line.startswith("Traceback") for line in run.said):
            found.append(_finding(f"without {run.broken}, it ends in a traceback"))
        if run.checks:
            examined.append(run.broken)
    if after.exit_code != 0:
        found.append(_finding(f"with all of it back, it ends with exit code {after.exit_code}: {after.said[-1:]}"))
    return Findings.of(examined, wanted, found, f"red without {', '.join(wanted)}, and green again after")


def _line(run: SmokeRun, name: str) -> str:
    return next((line for line in run.said if f" {name} " in line), "not told")


def _finding(what: str) -> Finding:
    return Finding(what, Place(key="scripts/smoke_test.py"))
