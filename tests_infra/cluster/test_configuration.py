"""Chapter CFG: configuration, as it reaches pods in a cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from blueprint.evidence import Findings
from blueprint.live_cluster import Change
from blueprint.live_guarding import Beside, Denials, Rotation
from blueprint.rules.live_cluster_changes import unread_configuration
from blueprint.rules.live_guarding import (
    differing_secrets,
    missing_containers,
    open_policy,
    stale_secret,
    uninjected_start,
)
from blueprint.rules.live_settings import aliases, candidates, idle_variables, settings_of

if TYPE_CHECKING:
    from blueprint.settings_tree import Setting
    from worlds.component_proofs import ComponentProofs
    from worlds.release_proofs import ReleaseProofs

Conclude = Callable[[Findings], None]

READERS = ("deployment/tool-executor",)
"""The workloads that read the configuration which is changed."""
AGENTS = {"memory-service": ("vault-agent",), "gateway": ("vault-agent",)}
"""The container that brings secrets, by the service whose pods must have it."""
POLICIES = {"gateway": ("opa",)}
"""The container that decides, by the service whose pods must have it."""


@pytest.mark.proves("CFG-008", effect="write")
def test_a_change_rolls_who_uses_it(release_proofs: ReleaseProofs, conclude: Conclude) -> None:
    """The pods of the one service that reads a changed setting are replaced, and no other."""
    conclude(unread_configuration(Change.of(release_proofs.reconfigured()), READERS, release_proofs.workloads()))


@pytest.mark.proves("CFG-001", effect="write")
def test_each_variable_changes_its_field(
    release_proofs: ReleaseProofs, service_settings: tuple[Setting, ...], conclude: Conclude
) -> None:
    """In each running service every variable of the settings changes its own field, and what the charts set arrived."""
    given = settings_of(release_proofs.rendered())
    seen = release_proofs.effects(sorted(given), candidates(service_settings), aliases(service_settings))
    conclude(idle_variables(service_settings, seen, given, sorted(given)))


@pytest.mark.proves("CFG-005", part="agent", effect="write")
def test_agents_bring_what_vault_has(components: ComponentProofs, conclude: Conclude) -> None:
    """An agent stands in every pod that needs a secret, and the file it wrote holds what Vault has."""
    pods = {name: Beside.of(row) for name, row in components.sidecars().items()}
    conclude(missing_containers(pods, AGENTS) | differing_secrets(components.delivered(), AGENTS))


@pytest.mark.proves("CFG-005", part="rotation", effect="write")
def test_a_rotated_secret_arrives(components: ComponentProofs, conclude: Conclude) -> None:
    """What is changed in Vault is changed in the pod, without a restart."""
    conclude(stale_secret(Rotation.of(components.rotated())))


@pytest.mark.proves("CFG-006", effect="write")
def test_the_policy_denies(components: ComponentProofs, conclude: Conclude) -> None:
    """A policy stands in every pod of the gateway; it denies whoever lacks the role, and its absence denies all."""
    pods = {name: Beside.of(row) for name, row in components.sidecars().items()}
    conclude(missing_containers(pods, POLICIES) | open_policy(Denials.of(components.denials())))


@pytest.mark.proves("CFG-005", part="injector", effect="disrupt")
def test_without_the_injector_a_pod_does_not_start(components: ComponentProofs, conclude: Conclude) -> None:
    """A pod that says it needs a secret is not let in while nobody injects."""
    conclude(uninjected_start(components.without_injector()))
