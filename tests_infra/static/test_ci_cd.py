"""Chapter CIC: CI/CD integration."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from blueprint.evidence import Findings
from blueprint.rules import workflow_gates, workflow_names, workflow_stages
from blueprint.rules import workflows as workflow_rules
from blueprint.workflows import Workflow

if TYPE_CHECKING:
    from worlds.subject import Subject


@pytest.mark.proves("CIC-001")
def test_workflows_run(
    subject: Subject,
    workflows: tuple[Workflow, ...],
    workflow_population: frozenset[str],
    conclude: Callable[[Findings], None],
) -> None:
    """The workflows parse and are valid, and the two of the blueprint run on the default branch and on requests."""
    conclude(workflow_rules.idle_workflows(workflows, subject.default_branch, workflow_population))


@pytest.mark.proves("CIC-002")
def test_stages_stand_in_order(
    workflows: tuple[Workflow, ...], what_workflows_run: dict[str, str], conclude: Callable[[Findings], None]
) -> None:
    """Lint, tests, Kind with both charts, smoke tests with artefacts, documentation: each waits for the one before."""
    conclude(workflow_stages.disordered_stages(workflows, what_workflows_run, workflow_rules.REQUIRED))


@pytest.mark.proves("CIC-003")
def test_no_failed_stage_passes(
    workflows: tuple[Workflow, ...], workflow_population: frozenset[str], conclude: Callable[[Findings], None]
) -> None:
    """Nothing in a workflow lets a stage pass that has failed."""
    conclude(workflow_gates.ignored_failures(workflows, workflow_population))


@pytest.mark.proves("CIC-004")
def test_what_workflows_run_is_there(
    workflows: tuple[Workflow, ...],
    surroundings: workflow_names.Surroundings,
    workflow_population: frozenset[str],
    conclude: Callable[[Findings], None],
) -> None:
    """Every command, path and session that a workflow names is there, and its run blocks are valid shell."""
    conclude(workflow_names.missing_names(workflows, surroundings, workflow_population))


@pytest.mark.proves("CIC-005")
def test_actions_are_pinned_and_permissions_least(
    workflows: tuple[Workflow, ...], workflow_population: frozenset[str], conclude: Callable[[Findings], None]
) -> None:
    """Actions are pinned by commit, and nothing may be written but by a job that says so."""
    conclude(workflow_rules.loose_trust(workflows, workflow_population))
