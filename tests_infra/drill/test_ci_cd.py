"""CI/CD integration: the pipeline, run here. It comes before all that holds the engine, which its stages want."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from blueprint.evidence import Findings
from blueprint.rules.ci_stages import red_steps
from blueprint.stage_plan import CASES, PlannedJob

if TYPE_CHECKING:
    from worlds.ci_stages import CiStages


@pytest.mark.parametrize("stage", CASES)
@pytest.mark.proves("CIC-006", case="{stage}", effect="read")
def test_each_stage_is_green(
    planned_stages: dict[str, tuple[PlannedJob, ...]],
    ci_stages: CiStages,
    conclude: Callable[[Findings], None],
    stage: str,
) -> None:
    """Every step of the stage ends with 0, run in a clone of HEAD by its own command, shell and environment."""
    jobs = planned_stages[stage]
    conclude(red_steps(stage, jobs, ci_stages.run(stage, jobs)))
