"""Chapter HLM: network policies, as the cluster enforces them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from blueprint.evidence import Findings
from blueprint.live_edges import Edges
from blueprint.rules.live_edges import edges_in_fact

if TYPE_CHECKING:
    from worlds.release_world import ReleaseWorld

Conclude = Callable[[Findings], None]


@pytest.mark.proves("HLM-017", effect="write")
def test_policies_are_enforced(soma_release: ReleaseWorld, conclude: Conclude) -> None:
    """Whom no policy names reaches nothing, needed edges are open, and forbidden ones are closed."""
    conclude(edges_in_fact(Edges.of(soma_release.edges().seen), soma_release.namespace))
