"""Chapter CFG: configuration, as it reaches pods in a cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from blueprint.evidence import Findings
from blueprint.live_cluster import Change
from blueprint.rules.live_cluster_changes import unread_configuration

if TYPE_CHECKING:
    from worlds.release_proofs import ReleaseProofs

Conclude = Callable[[Findings], None]

READERS = ("deployment/tool-executor",)
"""The workloads that read the configuration which is changed."""


@pytest.mark.proves("CFG-008", effect="write")
def test_a_change_rolls_who_uses_it(release_proofs: ReleaseProofs, conclude: Conclude) -> None:
    """The pods of the one service that reads a changed setting are replaced, and no other."""
    conclude(unread_configuration(Change.of(release_proofs.reconfigured()), READERS, release_proofs.workloads()))
