"""Chapter RUN: the runbooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from blueprint.evidence import Findings
from blueprint.rules import documentation, runbooks

if TYPE_CHECKING:
    from worlds.subject import Subject


@pytest.mark.proves("RUN-001")
def test_runbooks_say_what_to_type(subject: Subject, conclude: Callable[[Findings], None]) -> None:
    """The runbooks hold start and stop, log collection and scaling, with commands; the blueprint page links to them."""
    pages = subject.read(runbooks.RUNBOOKS), subject.read(documentation.BLUEPRINT_PAGE)
    conclude(runbooks.missing_runbooks(*pages))
