"""Runbooks that do not work, and logs that are not collected."""

from __future__ import annotations

from blueprint.documents import Document
from blueprint.rules.live_runbooks import Typed, failed_steps, missing_logs
from blueprint.rules.runbooks import RUNBOOKS
from blueprint.runbook_page import Step, read_steps, steps_counted
from tests.breakages import ROOT

PAGE = """---
title: Runbooks
---
# Runbooks

## Start and stop

### Compose: start

1. Bring it up:

    ```bash
    docker compose up
    # no heading
    ```

2. Look:

    ```bash
    docker compose ps
    ```

### Compose: stop

```bash
docker compose stop
```

```text
### Compose: start
```
"""
STOP = Step("Compose: stop", 1, "docker compose stop\n", 24)


def test_the_steps_of_a_page_are_read_and_counted_again() -> None:
    page = Document(RUNBOOKS, PAGE)
    steps = read_steps(page)
    assert {name: [step.text for step in own] for name, own in steps.items()} == {
        "Compose: start": ["docker compose up\n# no heading\n", "docker compose ps\n"],
        "Compose: stop": ["docker compose stop\n"],
    }
    assert steps_counted(page, steps) == {step.name for own in steps.values() for step in own}


def test_the_steps_of_our_own_page_are_counted_alike() -> None:
    page = Document(RUNBOOKS, (ROOT / RUNBOOKS).read_text(encoding="utf-8"))
    steps = read_steps(page)
    assert steps_counted(page, steps) == {step.name for own in steps.values() for step in own}
    assert len(steps["Compose: start"]) == len(steps["Compose: stop"]) == 4


def test_a_step_that_works_and_ends_cleanly_is_well() -> None:
    ended = Typed.of(STOP, {"exit_code": 0, "containers": [{"service": "ui", "state": "exited", "exit_code": 143}]})
    findings = failed_steps([ended], [STOP.name], [STOP.name])
    assert (findings.found, findings.unexamined) == ((), frozenset())


def test_steps_that_fail_and_containers_that_were_killed() -> None:
    failed = Typed.of(STOP, {"exit_code": 1, "output": "no such service"})
    (finding,) = failed_steps([failed], [STOP.name, "Compose: start 1"]).found
    assert str(finding) == (
        f"{RUNBOOKS}:24 Compose: stop: 'docker compose stop' ended with exit code 1: no such service"
    )
    containers = [
        {"service": "ui", "state": "exited", "exit_code": 137},
        {"service": "gateway", "state": "running", "exit_code": 0},
    ]
    ended = Typed.of(STOP, {"exit_code": 0, "containers": containers})
    told = "\n".join(map(str, failed_steps([ended], [STOP.name], [STOP.name]).found))
    assert "ends ui with exit code 137" in told
    assert "leaves gateway running" in told
    assert not failed_steps([ended], [STOP.name]).found  # nothing was to stop there
    assert failed_steps([ended], [STOP.name, "Compose: start 1"]).unexamined == {"Compose: start 1"}


def test_a_step_of_which_nothing_is_known_has_failed() -> None:
    assert failed_steps([Typed.of(STOP, None)], [STOP.name]).found


def test_a_service_whose_log_is_missing_is_named() -> None:
    typed = Typed.of(STOP, {"exit_code": 0})
    findings = missing_logs(typed, "file", {"ui": 3, "gateway": 0}, ["gateway", "ui", "kafka"])
    assert [finding.what.split(" ", 3)[-1] for finding in findings.found] == [
        "gives no line of gateway",
        "gives no line of kafka",
    ]
    assert not missing_logs(typed, "file", {"ui": 3}, ["ui"]).found
