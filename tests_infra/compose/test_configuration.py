"""The configuration, live: what the running services make of their variables."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from blueprint.evidence import Findings
from blueprint.rules.live_settings import aliases, candidates, idle_variables

if TYPE_CHECKING:
    from blueprint.compose import ComposeModel
    from blueprint.settings_tree import Setting
    from worlds.running_settings import RunningSettings


@pytest.mark.proves("CFG-001", effect="write")
def test_each_variable_changes_its_field(
    running_settings: RunningSettings,
    service_settings: tuple[Setting, ...],
    compose_model: ComposeModel,
    conclude: Callable[[Findings], None],
) -> None:
    """In each running service every variable of the settings changes its own field, and what Compose sets arrived."""
    services = running_settings.stack.services("default")
    seen = running_settings.effects(services, candidates(service_settings), aliases(service_settings))
    given = {name: frozenset(compose_model.services[name].environment) for name in services}
    conclude(idle_variables(service_settings, seen, given, services))
