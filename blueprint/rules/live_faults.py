"""What can be wrong with what the gateway says under a fault, with how fast it says it, and with what follows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from blueprint.evidence import Finding, Findings, Place
from blueprint.fault_matrix import STATUSES, Bounds, Cell
from blueprint.live import table
from blueprint.live_faults import Timed, Told, UnderFault

OK = 200
POPULATION = ("before", "fault", "/health", "/ready", "POST /v1/session/message", "after")


def unpredicted_answers(cell: Cell, bounds: Bounds, seen: UnderFault) -> Findings:
    """Answers other than predicted or later than bounded, a fault that was none, and one that left something behind."""
    found = [
        *_not_well("before", seen.before),
        *_no_fault(cell, seen),
        *_dishonest(cell, seen),
        *_late(bounds, seen),
        *_mistaken_post(cell, bounds, seen.posted),
        *_not_well("after", seen.after),
        *(_finding("after", f"{name} is not healthy again") for name in seen.unhealthy),
    ]
    slowest = max(_seconds(seen), default=0.0)
    observed = f"{cell.service} {cell.fault} ({seen.in_force}): /health {seen.settled.health.status}, "
    observed += f"slowest of {len(_seconds(seen))} answers {slowest:.1f} s, a message {seen.posted.answer.status} "
    observed += f"after {seen.posted.seconds:.1f} s, healthy again"
    return Findings.of(_examined(seen), POPULATION, found, observed)


def troubled(told: Timed) -> Mapping[str, str]:
    """The components that a health body does not call ok, and how they are."""
    named = table(table(told.answer.body).get("components"))
    states = {name: str(table(component).get("status", "")) for name, component in named.items()}
    return {name: status for name, status in states.items() if status != "ok"}


def as_predicted(cell: Cell, told: Told) -> bool:
    """Whether both answers are what the cell predicts."""
    return not [*_wrong(cell, told)]


def _examined(seen: UnderFault) -> Iterator[str]:
    parts = {
        "before": seen.before.health.answer.status,
        "fault": seen.in_force,
        "/health": seen.samples,
        "/ready": seen.samples,
        "POST /v1/session/message": seen.posted.answer.status or seen.posted.answer.error,
        "after": seen.after.health.answer.status,
    }
    yield from (name for name, there in parts.items() if there)


def _no_fault(cell: Cell, seen: UnderFault) -> Iterator[Finding]:
    if not seen.in_force:
        yield _finding("fault", f"nothing shows that {cell.service} was {cell.fault}")


def _not_well(when: str, told: Told) -> Iterator[Finding]:
    if (told.health.status, told.health.answer.status, told.ready.answer.status) != ("ok", OK, OK):
        yield _finding(when, f"/health says {told.health.answer}, /ready {told.ready.answer.status}")


def _dishonest(cell: Cell, seen: UnderFault) -> Iterator[Finding]:
    yield from _wrong(cell, seen.settled)
    for told in seen.samples:  # a look may fail on a loaded machine, none may succeed that should not
        better = STATUSES.index(_known(told.health.status)) < STATUSES.index(cell.status)
        if better or (told.ready.answer.status == OK and not cell.ready):
            yield _finding("/health", f"flatters: {told.health.answer}, /ready {told.ready.answer.status}")


def _wrong(cell: Cell, told: Told) -> Iterator[Finding]:
    said = told.health
    if said.status != cell.status or (said.answer.status == OK) != cell.ready:
        yield _finding("/health", f"says {said.status!r}, not {cell.status!r} ({cell.why}): {said.answer}")
    named = troubled(said)
    for name in sorted((set(named) | set(cell.troubled)) - cell.either):
        is_now, wanted = named.get(name, "ok"), cell.troubled.get(name, "ok")
        if is_now != wanted:
            yield _finding("/health", f"says {is_now!r} of {name}, not {wanted!r} ({cell.why}): {said.answer}")
    if (told.ready.answer.status == OK) != cell.ready:
        yield _finding("/ready", f"is {told.ready.answer}, and should {'' if cell.ready else 'not '}be ready")


def _late(bounds: Bounds, seen: UnderFault) -> Iterator[Finding]:
    for told in (seen.settled, *seen.samples):
        for path, timed in (("/health", told.health), ("/ready", told.ready)):
            if timed.seconds > bounds.health or not timed.answer.status:
                yield _finding(path, f"answered {timed.answer} after {timed.seconds:.1f} s; bound {bounds.health:g} s")


def _mistaken_post(cell: Cell, bounds: Bounds, posted: Timed) -> Iterator[Finding]:
    where = "POST /v1/session/message"
    if posted.answer.status != cell.post:
        yield _finding(where, f"was answered {posted.answer}, not {cell.post} ({cell.why})")
    if posted.seconds > bounds.post:
        yield _finding(where, f"was answered after {posted.seconds:.1f} s; bound {bounds.post:g} s")


def _seconds(seen: UnderFault) -> list[float]:
    return [timed.seconds for told in (seen.settled, *seen.samples) for timed in (told.health, told.ready)]


def _known(status: str) -> str:
    return status if status in STATUSES else STATUSES[-1]


def _finding(key: str, what: str) -> Finding:
    return Finding(what, Place(key=key))
