"""Chapter CFG: the configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from blueprint.documents import Document
from blueprint.evidence import Findings
from blueprint.rules import settings, yaml_style
from blueprint.yaml_problems import YamlProblem

if TYPE_CHECKING:
    from worlds.subject import Subject


@pytest.mark.proves("CFG-001")
def test_settings_are_read_from_their_syntax_tree(subject: Subject, conclude: Callable[[Findings], None]) -> None:
    """The settings are Pydantic models, and each field is read from variables of its own."""
    conclude(settings.unreadable_settings(subject.read(settings.SETTINGS)))


@pytest.mark.proves("CFG-009")
def test_yaml_is_clean(
    yaml_files: tuple[Document, ...],
    yaml_problems: dict[str, tuple[YamlProblem, ...]],
    yaml_population: frozenset[str],
    conclude: Callable[[Findings], None],
) -> None:
    """Every YAML file of infra, .github and docs is clean under our settings."""
    conclude(yaml_style.unclean_yaml(yaml_files, yaml_problems, yaml_population))
