"""What became of one proof, and what that makes of its obligation on its own."""

from __future__ import annotations

from dataclasses import dataclass

from blueprint.catalogue import Tier
from blueprint.evidence import Findings, Verdict

NOTHING_THERE = "there is nothing to examine: the population is empty"
"""Why a proof is inconclusive that looked, and found nothing that its clause speaks of."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one proof.

    Attributes:
        proof: its node id.
        part: what it proves of the obligation where several proofs share one, else empty.
        findings: what it concluded with; None where it never concluded.
        evidence: ids of the observations that it made or cited.
        stand_ins: names of the images it touched that are not the software they are named for.
        trouble: what broke, in it, before it or after it; empty where nothing did.
        ran: False for a proof that was chosen and whose turn never came.
    """

    clause: str
    tier: Tier
    case: str
    proof: str
    part: str = ""
    findings: Findings | None = None
    evidence: tuple[str, ...] = ()
    seconds: float = 0.0
    stand_ins: tuple[str, ...] = ()
    trouble: str = ""
    ran: bool = True

    def verdict(self) -> tuple[Verdict, str]:
        """The verdict on this proof alone, and its reason in a line."""
        if self.trouble:
            return Verdict.ERROR, self.trouble
        if not self.ran:
            return Verdict.NO_PROOF, "its proof did not run: the run ended before"
        if self.findings is None:
            return Verdict.INCONCLUSIVE, "its proof never concluded"
        return self._concluded(self.findings)

    def _concluded(self, findings: Findings) -> tuple[Verdict, str]:
        if findings.found:
            return Verdict.FAIL, str(findings.found[0])
        if doubt := self._doubt(findings):
            return Verdict.INCONCLUSIVE, doubt
        if self.stand_ins:
            return Verdict.PASS_STAND_IN, f"{findings.observed} (on stand-ins: {', '.join(self.stand_ins)})"
        return Verdict.PASS, findings.observed

    def _doubt(self, findings: Findings) -> str:
        if not findings.population:
            return NOTHING_THERE
        if not findings.examined:
            return f"nothing was examined of {len(findings.population)}"
        if findings.unexamined:
            names = ", ".join(sorted(findings.unexamined))
            return f"{len(findings.unexamined)} of {len(findings.population)} not examined: {names}"
        return "" if self.evidence else "its proof looked at nothing: no observation was made or cited"
