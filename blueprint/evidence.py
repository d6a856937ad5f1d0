"""What a run saw, and what follows from it.

Shapes only travel one way: an ``Observation`` is given to a rule, the rule returns ``Findings``, a proof
concludes with them, and :mod:`blueprint.judgement` makes one ``Verdict`` per clause, tier and case.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self, TypeAlias

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"


@dataclass(frozen=True, slots=True)
class Observation:
    """One look at the world, as it stands on one line of evidence.jsonl.

    Attributes:
        id: unique in the run, e.g. ``o17``; citations name it.
        at: when the look began, ISO 8601 in UTC.
        proof: node id of the proof that looked, or ``session`` for a look that several proofs cite.
        target: what was looked at, e.g. ``file:infra/docker-compose.somaagent01.yaml`` or a URL.
        asked: what was asked of it, JSON.
        seen: what it answered, JSON; secrets stand as HMACs.
        seconds: how long the look took.
    """

    id: str
    at: str
    proof: str
    target: str
    asked: JSON
    seen: JSON
    seconds: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where a finding sits: a file of the subject with line and key, or the address of a live thing.

    Attributes:
        sought: for a place in what helm rendered, what to look for in the sources; see blueprint.chart_origins.
    """

    file: str = ""
    line: int = 0
    key: str = ""
    sought: tuple[str, ...] = field(default=(), compare=False, repr=False)

    def __str__(self) -> str:
        head = f"{self.file}:{self.line}" if self.line else self.file
        return " ".join(part for part in (head, self.key) if part)


@dataclass(frozen=True, slots=True)
class Finding:
    """One offence: a sentence that says what is wrong, where it sits, and how it is mended."""

    what: str
    place: Place = field(default_factory=Place)
    remedy: str = ""

    def __str__(self) -> str:
        head = f"{self.place}: {self.what}" if str(self.place) else self.what
        return f"{head} ({self.remedy})" if self.remedy else head


@dataclass(frozen=True, slots=True)
class Findings:
    """What a rule found, in what it examined, out of what there is.

    Attributes:
        examined: names of the things that the rule looked at.
        population: names of the things there are, counted by a second path.
        found: the offences, in the order of their places.
        observed: one line for a reader of the report when all is well, e.g. ``5 of 5 containers healthy``.
    """

    examined: frozenset[str]
    population: frozenset[str]
    found: tuple[Finding, ...] = ()
    observed: str = ""

    @classmethod
    def of(
        cls, examined: Iterable[str], population: Iterable[str], found: Iterable[Finding] = (), observed: str = ""
    ) -> Self:
        """Findings from any iterables, offences sorted by place."""
        ordered = sorted(found, key=lambda finding: (finding.place.file, finding.place.line, finding.place.key))
        return cls(frozenset(examined), frozenset(population), tuple(ordered), observed)

    @property
    def unexamined(self) -> frozenset[str]:
        """What is there and was not looked at."""
        return self.population - self.examined

    def __or__(self, other: Findings) -> Findings:
        """Both, as one conclusion."""
        observed = "; ".join(part for part in (self.observed, other.observed) if part)
        return Findings.of(
            self.examined | other.examined, self.population | other.population, self.found + other.found, observed
        )


class Verdict(StrEnum):
    """What became of one clause in one tier for one case; listed from worst to best."""

    ERROR = "error"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NO_PROOF = "no_proof"
    NOT_YET = "not_yet"
    NOT_VERIFIED = "not_verified"
    WAIVED = "waived"
    PASS_STAND_IN = "pass_stand_in"  # noqa: S105 - a verdict, not a password
    PASS = "pass"  # noqa: S105 - a verdict, not a password


RED = frozenset({Verdict.ERROR, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.NO_PROOF})
PROVEN = frozenset({Verdict.PASS, Verdict.PASS_STAND_IN})


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of them; a clause without any verdict has no proof."""
    order = list(Verdict)
    return min(verdicts, key=order.index, default=Verdict.NO_PROOF)
