"""RUN-002 and RUN-003, live: what the runbooks say to type works as it is written there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from blueprint.evidence import Finding, Findings, Place
from blueprint.live import rows, table
from blueprint.rules.live_compose import STOPPED_BY_SIGNAL
from blueprint.rules.runbooks import RUNBOOKS
from blueprint.runbook_page import Step


@dataclass(frozen=True, slots=True)
class Typed:
    """A step, and what became of it.

    Attributes:
        step: what was typed.
        exit_code: of the shell.
        output: its last lines.
        containers: what there was afterwards: service, state, exit code.
    """

    step: Step
    exit_code: int = -1
    output: str = ""
    containers: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def of(cls, step: Step, seen: object) -> Self:
        """From what the world saw."""
        row = table(seen)
        code, output = int(row.get("exit_code", -1)), str(row.get("output", ""))
        return cls(step, code, output, tuple(rows(row.get("containers"))))


def failed_steps(typed: Sequence[Typed], population: Iterable[str], ends: Iterable[str] = ()) -> Findings:
    """Commands of the runbooks that fail, and containers that did not end by themselves where they were to stop.

    Args:
        typed: the steps, in the order in which they were typed; one may have been typed more than once.
        population: every step of the sections, counted in the text of the page.
        ends: names of the steps after which everything has stopped in peace.
    """
    found = [
        _finding(each.step, f"ended with exit code {each.exit_code}: {each.output}") for each in typed if each.exit_code
    ]
    found += [finding for each in typed if each.step.name in set(ends) for finding in _unclean(each)]
    observed = f"{len(typed)} steps of the runbook typed as they are written"
    return Findings.of([each.step.name for each in typed], population, found, observed)


def _unclean(typed: Typed) -> Iterator[Finding]:
    for row in typed.containers:
        if row.get("state") == "running":
            yield _finding(typed.step, f"leaves {row.get('service')} running")
        elif row.get("exit_code") not in STOPPED_BY_SIGNAL:
            yield _finding(typed.step, f"ends {row.get('service')} with exit code {row.get('exit_code')}")


def missing_logs(typed: Typed, kind: str, lines: Mapping[str, int], running: Iterable[str]) -> Findings:
    """Services of which a command of the runbook gives no line.

    Args:
        typed: the command.
        kind: what it gives, for a reader, e.g. ``file``.
        lines: how many lines it gave of each service.
        running: the services that run.
    """
    there = sorted(running)
    found = [_finding(typed.step, f"gives no line of {name}") for name in there if not lines.get(name)]
    observed = f"{sum(lines.values())} lines in {len(lines)} {kind}s, of all {len(there)} services"
    return Findings.of([f"{kind} {name}" for name in there], [f"{kind} {name}" for name in there], found, observed)


def _finding(step: Step, what: str) -> Finding:
    return Finding(f"{step.text.strip()!r} {what}", Place(RUNBOOKS, step.line, step.section))
