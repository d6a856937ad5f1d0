"""The runbooks, live: a shell types what stands on the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from blueprint.evidence import Findings
from blueprint.rules.live_compose import unanswered_message
from blueprint.rules.live_runbooks import failed_steps, missing_logs
from blueprint.runbook_page import read_steps, steps_counted

if TYPE_CHECKING:
    from blueprint.documents import Document
    from blueprint.live import Exchange
    from worlds.runbook import Runbook

Conclude = Callable[[Findings], None]

LOGS = "Compose: logs"
START, STOP = "Compose: start", "Compose: stop"
RESTART, EMERGENCY = "Compose: restart one service", "Compose: emergency stop"
SWITCH = "Compose: switch profiles"
WORKER = {"answered": "conversation_worker"}


@pytest.mark.proves("RUN-003", effect="disrupt")
def test_log_collection_as_written(whole_runbook: Runbook, runbook_page: Document, conclude: Conclude) -> None:
    """The commands of the page give lines of every service, as they come and in one file each, and of one session."""
    running = whole_runbook.stack.services(*whole_runbook.selection)
    follow, files, one = read_steps(runbook_page)[LOGS]
    _, session = whole_runbook.stack.exchange("What is 6 * 7?", "42")
    followed, told = whole_runbook.type_and_interrupt(follow, running)
    filed, written = whole_runbook.type_files(files)
    found = whole_runbook.type_until(one, session, SESSION_ID=session)
    steps = failed_steps([followed, filed, found], steps_counted(runbook_page, [LOGS]))
    conclude(steps | missing_logs(followed, "stream", told, running) | missing_logs(filed, "file", written, running))


@pytest.mark.proves("RUN-002", effect="disrupt")
def test_start_and_stop_as_written(runbook: Runbook, runbook_page: Document, conclude: Conclude) -> None:
    """Start, stop, restart, switch and emergency stop work as the page has them, and what was told is still known."""
    steps, stack = read_steps(runbook_page), runbook.stack
    up, look, post, read = steps[START]
    stop, go_on, down, remove = steps[STOP]
    stack.take_down("default")
    typed = [runbook.type(step) for step in (up, look, post)]
    told, session = stack.exchange("Remember that the harbour master is called Ada", "harbour master")
    typed.append(runbook.type_until(read, "answered", SESSION_ID=session))
    typed += [runbook.type(step) for step in (stop, go_on)]
    asked = [_ask(runbook, session)]
    for section in (RESTART, SWITCH, EMERGENCY):
        typed += [runbook.type(step) for step in steps[section]]
        asked.append(_ask(runbook, session))
    typed += [runbook.type(step) for step in (down, up)]
    asked.append(_ask(runbook, session))
    typed.append(runbook.type(remove))
    population = steps_counted(runbook_page, [START, STOP, RESTART, SWITCH, EMERGENCY])
    conclude(failed_steps(typed, population, [stop.name]) | unanswered_message([told, *asked], WORKER))


def _ask(runbook: Runbook, session: str) -> Exchange:
    exchange, _ = runbook.stack.exchange("What did I tell you about the harbour master?", "Ada", session_id=session)
    return exchange
