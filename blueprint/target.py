"""An existing cluster that a run looks at instead of one of its own, and what it may do there. Rules only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from blueprint.exemptions import ENVIRONMENTS
from blueprint.trouble import Trouble

READ, WRITE, DISRUPT, DESTROY = EFFECTS = ("read", "write", "disrupt", "destroy")
"""What a proof does to its world, from the mildest to the worst."""
CONFIRMED = frozenset({DISRUPT, DESTROY})
"""What is allowed only where cluster and namespace are named again, and the namespace says that it is disposable."""
DISPOSABLE = "soma.verify/disposable"
NOT_OURS = {
    "HLM-009": "what is installed there was installed by somebody else",
    "HLM-015": "what is installed there is not ours to take away",
    "HLM-020": "nothing is installed beside what is there",
    "HLM-021 images": "nobody here knows the digests of the images that it pulled",
}
"""What cannot be told there, by clause, or by clause and case."""


@dataclass(frozen=True, slots=True)
class Target:
    """An existing cluster.

    Attributes:
        context: its name in the kubeconfig of whoever runs the suite; their current context is never taken instead.
        environment: which environment it is.
        allowed: the effects that proofs may have there; reading is always one.
    """

    context: str
    environment: str
    allowed: frozenset[str] = frozenset({READ})

    @classmethod
    def chosen(cls, context: str | None, environment: str, allow: Iterable[str], confirm: str | None) -> Self | None:
        """What was chosen on the command line; None where no existing cluster was.

        Raises:
            Trouble: a choice is missing, contradicts another, or would destroy prod.
        """
        effects = frozenset(allow)
        if not context:
            if effects or confirm:
                raise Trouble("--allow and --confirm speak of an existing cluster", next_command="--kube-context NAME")
            return None
        environments = [name for name in ENVIRONMENTS if name != "local"]
        if environment not in environments:
            known = " or ".join(f"--environment {name}" for name in environments)
            raise Trouble(f"--kube-context {context}: which environment that is has to be said", next_command=known)
        target = cls(context, environment, effects | {READ})
        if DESTROY in effects and environment == "prod":
            raise Trouble("--allow destroy: prod is never destroyed")
        if effects & CONFIRMED and confirm != target.address:
            worst = max(effects, key=EFFECTS.index)
            what = f"--allow {worst} needs the cluster and the namespace once more"
            raise Trouble(what, next_command=f"--confirm {target.address}")
        if confirm and not effects & CONFIRMED:
            raise Trouble(f"--confirm {confirm}: nothing was allowed that has to be confirmed")
        return target

    @classmethod
    def of(cls, facts: Mapping[str, Any] | None) -> Self | None:
        """As a recorded run says it; None where it says nothing."""
        return cls(facts["context"], facts["environment"], frozenset(facts["allowed"])) if facts else None

    @property
    def facts(self) -> dict[str, Any]:
        """As a run says it."""
        return {"context": self.context, "environment": self.environment, "allowed": sorted(self.allowed)}

    @property
    def namespace(self) -> str:
        """Where both releases are."""
        return f"soma-{self.environment}"

    @property
    def address(self) -> str:
        """Cluster and namespace, as they are confirmed."""
        return f"{self.context}/{self.namespace}"

    @property
    def has_to_be_disposable(self) -> bool:
        """Whether the namespace must carry the label that gives it up."""
        return bool(self.allowed & CONFIRMED)

    def withheld(self, clause: str, case: str, effect: str) -> str:
        """Why a proof does not run there; empty where it does."""
        if reason := NOT_OURS.get(clause) or NOT_OURS.get(f"{clause} {case}"):
            return f"the cluster at {self.context} exists already: {reason}"
        if effect in self.allowed:
            return ""
        return f"it has the effect {effect} on its cluster, which is not allowed at {self.context}: --allow {effect}"

    def refuse_kept(self, labels: Mapping[str, str]) -> None:
        """Refuse a namespace that nobody gave up, where something is allowed that may hurt it.

        Raises:
            Trouble: its labels do not say that it is disposable.
        """
        if self.has_to_be_disposable and labels.get(DISPOSABLE) != "true":
            raise Trouble(
                f"the namespace {self.namespace} does not say that it is disposable",
                where=self.context,
                next_command=f"kubectl --context {self.context} label namespace {self.namespace} {DISPOSABLE}=true",
            )
