"""The local environment, in distress: a load of messages while a worker dies, and every fault of every service."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from blueprint.evidence import Findings
from blueprint.fault_matrix import read_matrix
from blueprint.message_history import History
from blueprint.rules.live_faults import unpredicted_answers
from blueprint.rules.message_history import (
    disordered_messages,
    idle_kills,
    lost_messages,
    missed_plants,
    repeated_answers,
)

if TYPE_CHECKING:
    from worlds.fault_world import FaultWorld
    from worlds.message_drill import MessageDrill

Conclude = Callable[[Findings], None]

MATRIX = read_matrix()
MESSAGES = 10_000
SESSIONS = 200
KILLS = (2_000, 5_000)
"""Numbers of answers after which the worker is killed."""
RULES = {"none-lost": lost_messages, "none-twice": repeated_answers, "in-order": disordered_messages}
"""What must hold of the history, by case, and the rule that finds where it does not."""


@pytest.mark.parametrize("case", RULES)
@pytest.mark.proves("CMP-025", case="{case}", effect="disrupt")
def test_no_message_suffers(message_drill: MessageDrill, conclude: Conclude, case: str) -> None:
    """10,000 messages through the broker, the worker killed twice meanwhile, leave a history without fault."""
    seen = message_drill.history(SESSIONS, MESSAGES, KILLS)
    conclude(RULES[case](History.of(seen)) | idle_kills(seen, len(KILLS)))


@pytest.mark.proves("CMP-025", case="checker", effect="disrupt")
def test_the_checker_sees(message_drill: MessageDrill, conclude: Conclude) -> None:
    """One loss, one duplicate and one reorder, planted into that very history, are each found, and nothing else."""
    conclude(missed_plants(History.of(message_drill.history(SESSIONS, MESSAGES, KILLS))))


@pytest.mark.parametrize("cell", MATRIX.cells)
@pytest.mark.proves("CMP-026", case="{cell}", effect="disrupt")
def test_the_gateway_is_honest_and_quick(fault_world: FaultWorld, conclude: Conclude, cell: str) -> None:
    """Under the fault the gateway says what the matrix predicts, within its bounds, and all is well once it is over."""
    seen = fault_world.under(MATRIX.cells[cell], MATRIX.bounds)
    conclude(unpredicted_answers(MATRIX.cells[cell], MATRIX.bounds, seen))
