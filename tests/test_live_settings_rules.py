"""Variables that change nothing, or another field, in a running service."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from blueprint.rules.live_settings import aliases, candidates, idle_variables
from blueprint.settings_tree import Setting, read_settings
from provision.processes import Completed, run
from tests.breakages import ROOT
from worlds.probes.settings import _PROBE

SETTINGS = (Setting("level", ("LEVEL",), False, "INFO", 1), Setting("port", ("A_PORT", "PORT"), False, "9301", 2))
WELL: dict[str, Any] = {
    "given": ["LEVEL"],
    "variables": {
        "LEVEL": {"changed": ["level"]},
        "A_PORT": {"changed": ["port"]},
        "PORT": {"changed": ["port"]},
    },
}


def said(seen: Any, given: frozenset[str] = frozenset()) -> str:  # noqa: ANN401 - whatever a probe saw
    """What the rule finds of one service."""
    findings = idle_variables(SETTINGS, {"gateway": seen}, {"gateway": given}, ["gateway"])
    return "\n".join(map(str, findings.found))


def test_variables_that_change_their_fields_are_well() -> None:
    findings = idle_variables(SETTINGS, {"gateway": WELL}, {"gateway": frozenset({"LEVEL"})}, ["gateway", "ui"])
    assert not findings.found
    assert findings.unexamined == {"ui"}
    assert findings.observed == "3 variables change their 2 fields in 1 running services"


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ({"changed": []}, "gateway: PORT changes nothing, not port"),
        ({"changed": ["level"]}, "gateway: PORT changes level, not port"),
        ({"changed": ["level", "port"]}, "gateway: PORT changes level, port, not port"),
        ({"changed": [], "error": "no value is taken"}, "PORT changes nothing, not port (no value is taken)"),
    ],
)
def test_a_variable_that_does_not_change_its_field(changed: dict[str, Any], wanted: str) -> None:
    assert wanted in said({**WELL, "variables": WELL["variables"] | {"PORT": changed}})


def test_a_variable_that_did_not_arrive_and_a_service_that_does_not_tell() -> None:
    assert said(WELL, frozenset({"SA01_PROFILES"})).startswith("gateway: was not given SA01_PROFILES, which is set")
    assert "cannot be asked for its settings: no module" in said({"error": "no module"})


def test_the_probe_finds_every_variable_of_the_settings_of_this_tree() -> None:
    """What runs in a container, run here: /proc/1/environ is replaced by the environment of the probe itself."""
    text = (ROOT / "common" / "config" / "settings.py").read_text(encoding="utf-8")
    settings = tuple(read_settings(text, "settings.py").settings())
    words = json.dumps(candidates(settings)), json.dumps(aliases(settings))
    here = _PROBE.replace("/proc/1/environ", "/proc/self/environ")
    done: Completed = run([sys.executable, "-c", here, *words], cwd=ROOT, timeout=120)
    told = json.loads(done.stdout)
    findings = idle_variables(settings, {"here": told}, {}, ["here"])
    assert not findings.found, "\n".join(map(str, findings.found))
    assert len(told["variables"]) >= len(settings) >= 20
