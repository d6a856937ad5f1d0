"""Chapter CFG: the configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from blueprint.documents import Document
from blueprint.evidence import Findings
from blueprint.rules import (
    chart_rolling,
    chart_sidecars,
    chart_values,
    plain_credentials,
    settings,
    settings_in_use,
    yaml_style,
)
from blueprint.yaml_problems import YamlProblem

if TYPE_CHECKING:
    from blueprint.charts import Charts
    from blueprint.compose import ComposeModel
    from blueprint.settings_tree import Setting
    from worlds.subject import Subject


@pytest.mark.proves("CFG-001")
def test_settings_are_read_from_their_syntax_tree(subject: Subject, conclude: Callable[[Findings], None]) -> None:
    """The settings are Pydantic models, and each field is read from variables of its own."""
    conclude(settings.unreadable_settings(subject.read(settings.SETTINGS)))


@pytest.mark.proves("CFG-004")
def test_no_credential_is_in_plain_text(
    subject: Subject,
    credential_files: tuple[Document, ...],
    rendered_charts: Charts,
    credential_population: frozenset[str],
    conclude: Callable[[Findings], None],
) -> None:
    """No credential stands in plain text in values files, renders, defaults of settings, or workflows."""
    module = subject.read(settings.SETTINGS)
    renders = plain_credentials.by_name(rendered_charts)
    conclude(plain_credentials.plain_credentials(credential_files, module, renders, credential_population))


@pytest.mark.proves("CFG-002")
def test_variables_are_settings(
    service_settings: tuple[Setting, ...],
    compose_model: ComposeModel,
    rendered_charts: Charts,
    conclude: Callable[[Findings], None],
) -> None:
    """Every variable of the five services is read by a field, and every field without a default is set."""
    population = frozenset(compose_model.outline.services)
    conclude(settings_in_use.unread_variables(service_settings, compose_model, rendered_charts, population))


@pytest.mark.proves("CFG-003")
def test_values_are_read(
    rendered_charts: Charts, values_population: frozenset[str], conclude: Callable[[Findings], None]
) -> None:
    """The values file of each environment is there, feeds both charts, and holds nothing that is not read."""
    conclude(chart_values.unread_values(rendered_charts, values_population))


@pytest.mark.proves("CFG-005")
def test_secrets_come_by_a_vault_agent(rendered_charts: Charts, conclude: Callable[[Findings], None]) -> None:
    """Who needs a secret has it written by a Vault Agent, and does not start without."""
    conclude(chart_sidecars.unmanaged_secrets(rendered_charts))


@pytest.mark.proves("CFG-006")
def test_an_opa_stands_beside_who_asks(rendered_charts: Charts, conclude: Callable[[Findings], None]) -> None:
    """The gateway asks an OPA in its own pod, which denies what no rule allows."""
    conclude(chart_sidecars.absent_policies(rendered_charts))


@pytest.mark.proves("CFG-008")
def test_configuration_rolls_those_who_use_it(rendered_charts: Charts, conclude: Callable[[Findings], None]) -> None:
    """A pod template changes when the ConfigMaps that it uses do, and with no other setting."""
    conclude(chart_rolling.stale_pods(rendered_charts))


@pytest.mark.proves("CFG-009")
def test_yaml_is_clean(
    yaml_files: tuple[Document, ...],
    yaml_problems: dict[str, tuple[YamlProblem, ...]],
    yaml_population: frozenset[str],
    conclude: Callable[[Findings], None],
) -> None:
    """Every YAML file of infra, .github and docs is clean under our settings."""
    conclude(yaml_style.unclean_yaml(yaml_files, yaml_problems, yaml_population))
