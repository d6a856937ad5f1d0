"""The policy that the gateway asks holds what its own tests say, and is written as opa writes it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from provision.processes import run
from provision.tools import tool
from tests.breakages import ROOT

POLICY = ROOT / "infra" / "policy"
LEAST = 6


def test_the_policy_passes_its_tests() -> None:
    answer = run([tool("opa").path, "test", "--format=json", POLICY], check=False, timeout=60)
    results = json.loads(answer.stdout)
    assert len(results) >= LEAST
    assert not [each["name"] for each in results if each.get("fail") or each.get("error")], answer.stdout


def test_the_policy_is_strict_and_formatted() -> None:
    run([tool("opa").path, "check", "--strict", POLICY], timeout=60)
    assert not run([tool("opa").path, "fmt", "--list", POLICY], timeout=60).stdout


def test_a_policy_that_allows_all_fails_its_tests(tmp_path: Path) -> None:
    (tmp_path / "soma.rego").write_text("package soma.policy\nimport rego.v1\nopen_paths := set()\nallow := true\n")
    shutil.copy(POLICY / "soma_test.rego", tmp_path)
    answer = run([tool("opa").path, "test", "--format=json", tmp_path], check=False, timeout=60)
    failed = {each["name"] for each in json.loads(answer.stdout) if each.get("fail")}
    assert "test_nothing_is_allowed_by_default" in failed
