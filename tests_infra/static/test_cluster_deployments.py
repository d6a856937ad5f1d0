"""Chapter HLM: both charts, as far as their files and what helm renders of them can prove it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from blueprint.charts import INFRA, STACK
from blueprint.evidence import Findings
from blueprint.rules.chart_commands import idle_commands
from blueprint.rules.chart_components import BUNDLE, SHARED, SWITCHED, fixed_components, missing_components
from blueprint.rules.chart_dependencies import idle_dependencies
from blueprint.rules.chart_edges import open_edges
from blueprint.rules.chart_hosts import unresolved_hosts
from blueprint.rules.chart_objects import invalid_objects
from blueprint.rules.chart_schemas import loose_schemas
from blueprint.rules.chart_sources import malformed_charts, unrenderable_charts
from blueprint.rules.chart_workloads import careless_workloads

if TYPE_CHECKING:
    from blueprint.charts import Charts
    from blueprint.documents import Document
    from blueprint.rules.links import Tree
    from blueprint.settings_tree import Setting

Conclude = Callable[[Findings], None]


@pytest.mark.proves("HLM-001")
def test_charts_are_charts(
    rendered_charts: Charts,
    chart_sources: tuple[Document, ...],
    chart_source_population: frozenset[str],
    conclude: Conclude,
) -> None:
    """Both are charts of Helm's second form, and what they depend on is listed, locked and vendored alike."""
    conclude(malformed_charts(rendered_charts, chart_sources, chart_source_population))


@pytest.mark.proves("HLM-002")
def test_charts_lint_and_render(rendered_charts: Charts, conclude: Conclude) -> None:
    """Both lint strictly and render with every values file, and with none; what they depend on renders something."""
    conclude(unrenderable_charts(rendered_charts) | idle_dependencies(rendered_charts))


@pytest.mark.proves("HLM-003")
def test_rendered_objects_are_valid(rendered_charts: Charts, conclude: Conclude) -> None:
    """Every document is one object that the cluster's Kubernetes takes whole."""
    conclude(invalid_objects(rendered_charts))


@pytest.mark.proves("HLM-004")
def test_shared_infrastructure_is_complete(rendered_charts: Charts, conclude: Conclude) -> None:
    """Each shared component has a workload and a Service."""
    conclude(missing_components(rendered_charts, INFRA, SHARED))


@pytest.mark.proves("HLM-005")
def test_bundle_is_complete(rendered_charts: Charts, conclude: Conclude) -> None:
    """Each of the five services has a workload and a Service."""
    conclude(missing_components(rendered_charts, STACK, BUNDLE))


@pytest.mark.proves("HLM-006")
def test_hosts_and_selectors_lead_somewhere(
    rendered_charts: Charts, service_settings: tuple[Setting, ...], checkout_tree: Tree, conclude: Conclude
) -> None:
    """Every host is a Service of the namespace, every selector selects, and what commands name is there."""
    conclude(unresolved_hosts(rendered_charts, service_settings) | idle_commands(rendered_charts, checkout_tree))


@pytest.mark.proves("HLM-007")
def test_workloads_are_careful(rendered_charts: Charts, conclude: Conclude) -> None:
    """Every workload is probed, bounded, harmless and pinned, and as many as its shape takes."""
    conclude(careless_workloads(rendered_charts))


@pytest.mark.proves("HLM-008")
def test_schemas_are_strict(rendered_charts: Charts, conclude: Conclude) -> None:
    """Each schema refuses what nobody reads and lets the other chart's key pass."""
    conclude(loose_schemas(rendered_charts))


@pytest.mark.proves("HLM-017")
def test_policies_open_what_is_needed_alone(rendered_charts: Charts, conclude: Conclude) -> None:
    """All is denied by default, needed edges are open, and forbidden ones are closed."""
    conclude(open_edges(rendered_charts))


@pytest.mark.proves("HLM-019")
def test_state_has_a_place_and_can_be_elsewhere(rendered_charts: Charts, conclude: Conclude) -> None:
    """What keeps state is rendered, and each of it can be switched off."""
    conclude(missing_components(rendered_charts, INFRA, SWITCHED) | fixed_components(rendered_charts))
