"""CMP-007, in motion: profiles go on and off, and services start and stop in any order that Compose may take."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from blueprint.compose import ComposeModel, Selection, Service
from blueprint.compose.service import Dependency
from blueprint.evidence import Finding, Findings
from blueprint.rules.compose_names import counted, nothing_to_judge

_LASTING = {"always", "unless-stopped"}
"""Restart policies under which a service never completes."""
_YES = {"true", "yes", "on", "1", "y", "t"}


@dataclass(frozen=True, slots=True)
class Walk:
    """Selections that one project has one after the other, from nothing to nothing.

    Attributes:
        selections: what is selected at each step.
        picks: which of the services that may start or stop next does, each time; used round and round.
    """

    selections: tuple[Selection, ...]
    picks: tuple[int, ...]

    def __str__(self) -> str:
        return " → ".join(selection.name for selection in self.selections)


def straight_walks(model: ComposeModel) -> list[Walk]:
    """Each selection, from nothing and back."""
    return [Walk((selection,), (0,)) for selection in model.selections]


def stuck_orders(model: ComposeModel, walks: Collection[Walk]) -> Findings:
    """Services that wait for ever, or are left without what they need, on some way through the selections."""
    if nothing := nothing_to_judge(model):
        return nothing
    tried: set[str] = set()
    seen: dict[Finding, str] = {}
    for walk in walks:
        way = _Way(walk.picks)
        for selection in walk.selections:
            way.switch(selection)
        way.switch(None)
        tried |= way.tried
        for finding in way.found:
            seen[finding] = min(seen.get(finding, str(walk)), str(walk), key=lambda name: (len(name), name))
    found = [Finding(f"{each.what}, on the way {walk}", each.place, each.remedy) for each, walk in seen.items()]
    observed = f"{counted(len(walks), 'walk')} through the selections, from nothing to nothing"
    return Findings.of(tried, model.outline.services, found, observed)


@dataclass
class _Way:
    """What is up on the way, and what was wrong on it."""

    picks: tuple[int, ...]
    up: dict[str, Service] = field(default_factory=dict)
    tried: set[str] = field(default_factory=set)
    found: dict[Finding, None] = field(default_factory=dict)
    _turn: int = 0

    def switch(self, selection: Selection | None) -> None:
        """Stop what is not selected any more, then start what is new, each in an order that Compose may take."""
        wanted: Mapping[str, Service] = selection.services if selection else {}
        leaving = set(self.up) - set(wanted)
        while ready := sorted(name for name in leaving if not self._holds(name, leaving)):
            name = self._pick(ready)
            leaving.discard(name)
            del self.up[name]
        for name in sorted(leaving):  # a circle, which is found when it is started
            del self.up[name]
        self.up |= {name: wanted[name] for name in self.up}
        self._find_left_alone()
        coming = set(wanted) - set(self.up)
        self.tried |= coming
        while ready := sorted(name for name in coming if not [*self._waits(wanted[name], wanted)]):
            name = self._pick(ready)
            coming.discard(name)
            self.up[name] = wanted[name]
        for name in sorted(coming):
            for needed in self._waits(wanted[name], wanted):
                what = f"{name} waits for {needed.name} ({needed.condition}) in vain"
                self.found[Finding(what, needed.place, "let the order of the start end")] = None

    def _pick(self, ready: list[str]) -> str:
        self._turn += 1
        return ready[self.picks[self._turn % len(self.picks)] % len(ready)]

    def _holds(self, name: str, leaving: set[str]) -> bool:
        """Whether something that is to stop too depends on it, and stops first."""
        return any(needed.name == name for other in leaving - {name} for needed in self.up[other].dependencies)

    def _waits(self, service: Service, wanted: Mapping[str, Service]) -> Iterator[Dependency]:
        """What a service still waits for; what is neither there nor required is not waited for."""
        for needed in service.dependencies:
            if (needed.name in wanted or needed.required) and not self._is_fit(needed):
                yield needed

    def _is_fit(self, needed: Dependency) -> bool:
        service = self.up.get(needed.name)
        if service is None:
            return False
        if needed.condition == "service_completed_successfully":
            return service.node.get("restart").text not in _LASTING
        return needed.condition != "service_healthy" or not _is_unchecked(service)

    def _find_left_alone(self) -> None:
        for service in self.up.values():
            for needed in service.dependencies:
                if needed.required and needed.name not in self.up:
                    what = f"{service.name} is left without {needed.name}, which it needs by {needed.through}"
                    self.found[Finding(what, needed.place, "put both into the same profiles")] = None


def _is_unchecked(service: Service) -> bool:
    """Whether its health check is switched off, so that it never becomes healthy."""
    check = service.node.get("healthcheck")
    kind = next((item.text for item in check.get("test").items), "")
    return kind == "NONE" or check.get("disable").text.lower() in _YES
