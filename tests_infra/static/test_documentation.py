"""Chapter DOC: the documentation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from blueprint.evidence import Findings
from blueprint.rules import documentation

if TYPE_CHECKING:
    from worlds.subject import Subject


@pytest.mark.proves("DOC-001")
def test_the_blueprint_page_opens_with_its_front_matter(subject: Subject, conclude: Callable[[Findings], None]) -> None:
    """The blueprint page has title, slug, version, review date, audience, owner, reviewers, prerequisites, checks."""
    conclude(documentation.malformed_front_matter(subject.read(documentation.BLUEPRINT_PAGE)))
