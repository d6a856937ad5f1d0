"""Chapter CHG: change management."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from blueprint.documents import Document
from blueprint.evidence import Findings
from blueprint.rules import change_management, chart_versions, release_packages
from blueprint.workflows import read_workflow

if TYPE_CHECKING:
    from worlds.subject import Subject


@pytest.mark.proves("CHG-001")
def test_the_changelog_knows_the_version(
    subject: Subject, required_charts: tuple[Document, ...], conclude: Callable[[Findings], None]
) -> None:
    """The changelog is in order, and its newest release is the version of the project and of both charts."""
    page, project = subject.read(change_management.CHANGELOG), subject.read(change_management.PROJECT)
    conclude(change_management.disordered_changelog(page, project, required_charts))


@pytest.mark.proves("CHG-002")
def test_infrastructure_changes_are_recorded(subject: Subject, conclude: Callable[[Findings], None]) -> None:
    """What changed under infra/ since the last release has an entry in the changelog."""
    history = subject.history(change_management.CHANGELOG)
    conclude(change_management.unrecorded_changes(history, subject.read(change_management.CHANGELOG)))


@pytest.mark.proves("CHG-003")
def test_changed_charts_have_higher_versions(
    subject: Subject,
    charts: tuple[Document, ...],
    chart_population: frozenset[str],
    conclude: Callable[[Findings], None],
) -> None:
    """A chart that changed since the last release has a higher version than it had there."""
    history = subject.history(change_management.CHANGELOG)
    conclude(change_management.unraised_chart_versions(history, charts, chart_population))


@pytest.mark.proves("CHG-004")
def test_versions_and_tags_agree(
    subject: Subject,
    charts: tuple[Document, ...],
    values_files: tuple[Document, ...],
    release_population: frozenset[str],
    conclude: Callable[[Findings], None],
) -> None:
    """Chart.yaml, the values files and the packages agree on versions and on the tags of images."""
    packages = subject.files(*chart_versions.PACKAGES)
    conclude(chart_versions.disagreeing_versions(charts, values_files, packages, release_population))


@pytest.mark.proves("CHG-005")
def test_tags_have_the_form_of_a_release(subject: Subject, conclude: Callable[[Findings], None]) -> None:
    """Every tag is v<major>.<minor>.<patch>, and a push of such a tag starts the release workflow."""
    history = subject.history(change_management.CHANGELOG)
    conclude(change_management.malformed_tags(history.tags, subject.read(change_management.RELEASE_WORKFLOW)))


@pytest.mark.proves("CHG-006")
def test_packages_can_be_built_again(
    subject: Subject,
    required_charts: tuple[Document, ...],
    packed_charts: release_packages.Packed,
    conclude: Callable[[Findings], None],
) -> None:
    """Two clones of the commit give the same packages, byte for byte, and the release workflow attaches them."""
    workflow = read_workflow(subject.read(change_management.RELEASE_WORKFLOW))
    population = [*(chart.path for chart in required_charts), workflow.path]
    conclude(release_packages.irreproducible_packages(packed_charts, required_charts, workflow, population))
