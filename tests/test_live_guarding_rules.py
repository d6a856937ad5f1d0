"""The rules on agents and policies beside services: quiet when all is well, a sentence a fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from blueprint.evidence import Findings
from blueprint.live import Answer
from blueprint.live_guarding import Beside, Denials, Rotation
from blueprint.rules.live_guarding import (
    differing_secrets,
    missing_containers,
    open_policy,
    stale_secret,
    uninjected_start,
)

POD = Beside("gateway", {"gateway": True, "opa": True, "vault-agent": True}, ("vault-agent-init",))
WANTED = {"gateway": ("vault-agent", "opa")}


def said(findings: Findings) -> str:
    return "\n".join(map(str, findings.found))


def quiet(findings: Findings) -> None:
    assert not findings.found, said(findings)
    assert findings.population
    assert not findings.unexamined


@pytest.mark.parametrize(
    ("pod", "sentence"),
    [
        (replace(POD, containers={"gateway": True, "opa": True}), "gateway-1: has vault-agent not"),
        (replace(POD, containers={**POD.containers, "opa": False}), "gateway-1: has opa not ready"),
        (replace(POD, before=()), "gateway-1: did not begin with vault-agent-init"),
    ],
)
def test_what_does_not_stand_beside_a_service_is_found(pod: Beside, sentence: str) -> None:
    quiet(missing_containers({"gateway-1": POD}, WANTED))
    assert sentence in said(missing_containers({"gateway-1": pod}, WANTED))
    assert missing_containers({}, WANTED).unexamined == {"gateway"}


def test_containers_are_read_from_what_was_seen() -> None:
    row = {"service": "gateway", "containers": dict(POD.containers), "before": ["vault-agent-init"]}
    assert Beside.of(row) == POD
    assert Beside.of(None) == Beside("")


@pytest.mark.parametrize(
    ("pair", "sentence"),
    [
        ({"file": "a", "vault": "b"}, "a file that does not hold what Vault has"),
        ({"file": "", "vault": "b"}, "gateway: has no file"),
        ({"file": "a", "vault": ""}, "cannot read its own secret in Vault"),
    ],
)
def test_a_file_that_differs_from_vault_is_found(pair: dict[str, str], sentence: str) -> None:
    quiet(differing_secrets({"gateway": {"file": "a", "vault": "a"}}, ["gateway"]))
    assert sentence in said(differing_secrets({"gateway": pair}, ["gateway"]))
    assert differing_secrets({}, ["gateway"]).unexamined == {"gateway"}


ROTATION = Rotation("old", "new", "new", 200)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"status": 403}, "vault: answers the rotation 403"),
        ({"file": "old"}, "has not got the rotated secret, still the one before"),
        ({"file": ""}, "has not got the rotated secret, another one"),
        ({"before": "new"}, "has not got the rotated secret"),
    ],
)
def test_a_rotation_that_does_not_arrive_is_found(change: dict[str, Any], sentence: str) -> None:
    quiet(stale_secret(ROTATION))
    assert sentence in said(stale_secret(replace(ROTATION, **change)))
    assert stale_secret(Rotation.of({})).unexamined == {"rotation"}


@pytest.mark.parametrize(
    ("seen", "sentence"),
    [
        ({"exit_code": 0, "said": ""}, "lets a pod in without its agent (failurePolicy: Fail)"),
        ({"exit_code": 1, "said": "quota exceeded"}, "refused for another reason: quota exceeded"),
    ],
)
def test_a_pod_that_starts_without_its_agent_is_found(seen: Mapping[str, Any], sentence: str) -> None:
    quiet(uninjected_start({"exit_code": 1, "said": 'failed calling webhook "vault.hashicorp.com"'}))
    assert sentence in said(uninjected_start(seen))
    assert uninjected_start({}).unexamined == {"injector"}


DENIALS = Denials(Answer(200), Answer(403), Answer(200), Answer(403))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"member": Answer(403)}, "a member: is answered 403"),
        ({"stranger": Answer(200)}, "a client without the role: is answered 200"),
        ({"stranger": Answer(401)}, "a client without the role: is answered 401"),
        ({"without_opa": Answer(200)}, "a member without opa: is answered 200"),
    ],
)
def test_a_policy_that_lets_somebody_in_is_found(change: dict[str, Any], sentence: str) -> None:
    quiet(open_policy(DENIALS))
    assert sentence in said(open_policy(replace(DENIALS, **change)))


def test_a_denial_that_was_not_tried_is_not_examined() -> None:
    seen = {"member": {"status": 200}, "stranger": {"status": 403}, "without opa": {"status": 0, "error": "refused"}}
    assert open_policy(Denials.of(seen)).unexamined == {"the process without opa", "a member without opa"}
