"""The settings of the running services, as proofs ask for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from blueprint.evidence import JSON
from blueprint.live import table
from worlds.probes import settings
from worlds.stack import ComposeStack


@dataclass(frozen=True, slots=True)
class RunningSettings:
    """What proofs ask the running services about their settings."""

    stack: ComposeStack

    def effects(
        self, services: Sequence[str], candidates: Mapping[str, Sequence[str]], aliases: Mapping[str, Sequence[str]]
    ) -> Mapping[str, object]:
        """Which fields change in each service when a variable does; no value leaves a container."""
        asked: JSON = {"services": list[JSON](services), "variables": list[JSON](sorted(candidates))}

        def act() -> JSON:
            inside = self.stack.project.inside
            return {service: settings.effects(inside, service, candidates, aliases) for service in services}

        return table(self.stack.recorder.look("compose:settings", asked, act).seen)
