"""Chapter HLM: each component of soma-infra does its job, and the smoke test tells whether all of them do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import pytest

from blueprint.evidence import JSON, Findings
from blueprint.live import rows
from blueprint.live_components import Admission, Boards, Decision, Flags, SmokeRun, Target
from blueprint.rules.live_components import (
    admitted_strangers,
    blank_dashboards,
    blind_targets,
    closed_vaults,
    deaf_flags,
    forgotten_value,
    lost_record,
    wrong_decisions,
)
from blueprint.rules.live_smoke import blind_smoke, red_smoke

if TYPE_CHECKING:
    from worlds.component_proofs import ComponentProofs

Conclude = Callable[[Findings], None]

SHOWN = ("with the token", "without a token", "changed", "unsigned", "signed otherwise")
"""What a message is posted with: a token, none, and three that were forged of it."""
RULE = "soma/policy/allow"
MESSAGE: Mapping[str, JSON] = {"method": "POST", "path": ["v1", "session", "message"]}
EVENTS: Mapping[str, JSON] = {"method": "GET", "path": ["v1", "session", "s1", "events"]}
MEMBER: JSON = {"aud": "gateway", "realm_access": {"roles": ["conversation"]}}
REQUESTS: Mapping[str, tuple[dict[str, JSON], bool]] = {
    "a message of a member": ({**MESSAGE, "claims": MEMBER}, True),
    "events for a member": ({**EVENTS, "claims": MEMBER}, True),
    "a look at the process": ({"method": "GET", "path": ["health"]}, True),
    "nothing": ({}, False),
    "a message of nobody": ({**MESSAGE}, False),
    "events for nobody": ({**EVENTS}, False),
    "a message of an operator": (
        {**MESSAGE, "claims": {"aud": "gateway", "realm_access": {"roles": ["operator"]}}},
        False,
    ),
    "a message with another's token": (
        {**MESSAGE, "claims": {"aud": "account", "realm_access": {"roles": ["conversation"]}}},
        False,
    ),
    "a path that no rule names": ({"method": "GET", "path": ["v1", "sessions"], "claims": MEMBER}, False),
    "a method that no rule names": ({**EVENTS, "method": "DELETE", "claims": MEMBER}, False),
}
"""Requests by name, as the gateway asks about them, and whether the policy is to allow each."""
CHECKS = ("pods", "health", "topics", "group", "redis", "token", "refusal", "message")
"""The checks of the smoke test."""
BREAKAGES = {
    "deployment/conversation-worker": ("health", "message"),
    "statefulset/redis": ("redis",),
}
"""What is taken away, and the checks that must tell it."""


@pytest.mark.proves("HLM-016", case="opa")
def test_opa_denies(components: ComponentProofs, conclude: Conclude) -> None:
    """The policy denies what no rule allows, and allows what one does."""
    seen = components.policy(RULE, {name: asked for name, (asked, _) in REQUESTS.items()})
    decisions = {name: Decision.of(one) for name, one in seen.items()}
    conclude(wrong_decisions(decisions, {name: allowed for name, (_, allowed) in REQUESTS.items()}))


@pytest.mark.proves("HLM-016", case="prometheus")
def test_prometheus_has_its_targets_up(components: ComponentProofs, conclude: Conclude) -> None:
    """Every pod that says so is scraped, and answers."""
    seen = components.metrics()
    conclude(blind_targets([Target.of(row) for row in rows(seen.get("targets"))], map(str, seen.get("pods", ()))))


@pytest.mark.proves("HLM-016", case="grafana")
def test_dashboards_show_what_there_is(components: ComponentProofs, conclude: Conclude) -> None:
    """Grafana is well and has its dashboards, each of whose queries Prometheus answers with what somebody has."""
    conclude(blank_dashboards(Boards.of(components.dashboards())))


@pytest.mark.proves("HLM-016", case="vault")
def test_vault_is_unsealed(components: ComponentProofs, conclude: Conclude) -> None:
    """Every member of Vault is initialised and open, and one leads."""
    conclude(closed_vaults(components.vaults(), components.pods("vault")))


@pytest.mark.proves("HLM-016", case="auth", effect="write")
def test_auth_issues_tokens_that_hold(components: ComponentProofs, conclude: Conclude) -> None:
    """The gateway takes the token that auth issues, and neither none nor a forged one."""
    conclude(admitted_strangers(Admission.of(components.auth()), SHOWN, "gateway", "conversation"))


@pytest.mark.proves("HLM-016", case="kafka", effect="write")
def test_kafka_carries_a_record_round(components: ComponentProofs, conclude: Conclude) -> None:
    """What is put into a topic comes out of it."""
    conclude(lost_record(components.broker()))


@pytest.mark.proves("HLM-016", case="redis", effect="write")
def test_redis_sets_and_gets(components: ComponentProofs, conclude: Conclude) -> None:
    """What is set is got, is gone once it is deleted, and would outlive a kill."""
    conclude(forgotten_value(components.cache()))


@pytest.mark.proves("HLM-016", case="etcd", effect="write")
def test_etcd_puts_gets_and_watches(components: ComponentProofs, conclude: Conclude) -> None:
    """What is put is got, and a watch is told of every change in order."""
    conclude(deaf_flags(Flags.of(components.flags())))


@pytest.mark.proves("HLM-012", case="healthy", effect="write")
def test_smoke_test_is_green(components: ComponentProofs, conclude: Conclude) -> None:
    """The blueprint's line ends well where everything is."""
    conclude(red_smoke(SmokeRun.of(components.smoke()), CHECKS))


@pytest.mark.proves("HLM-012", case="broken", effect="disrupt")
def test_smoke_test_is_red_when_something_is_broken(components: ComponentProofs, conclude: Conclude) -> None:
    """The blueprint's line ends badly and names what is broken, and ends well once that is back."""
    runs = [SmokeRun.of(components.smoke_without(workload), workload) for workload in BREAKAGES]
    conclude(blind_smoke(runs, BREAKAGES, SmokeRun.of(components.smoke())))
