"""Chapter CFG: the configuration."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from blueprint.documents import Document
from blueprint.evidence import Findings
from blueprint.rules import yaml_style
from blueprint.yaml_problems import YamlProblem


@pytest.mark.proves("CFG-009")
def test_yaml_is_clean(
    yaml_files: tuple[Document, ...],
    yaml_problems: dict[str, tuple[YamlProblem, ...]],
    yaml_population: frozenset[str],
    conclude: Callable[[Findings], None],
) -> None:
    """Every YAML file of infra, .github and docs is clean under our settings."""
    conclude(yaml_style.unclean_yaml(yaml_files, yaml_problems, yaml_population))
