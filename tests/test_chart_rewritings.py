"""What means the same is judged the same: no rewriting of our own charts and values raises a false alarm."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import yaml

from blueprint.charts import CHARTS, ENVIRONMENTS, FOLDER, INFRA, STACK, Charts, Rendered, values_file
from blueprint.documents import Document
from blueprint.evidence import Findings
from blueprint.rules import chart_sidecars, plain_credentials, settings
from blueprint.rules.chart_components import BUNDLE, SHARED, SWITCHED, fixed_components, missing_components
from blueprint.rules.chart_edges import open_edges
from blueprint.rules.chart_hosts import unresolved_hosts
from blueprint.rules.chart_objects import invalid_objects
from blueprint.rules.chart_rolling import stale_pods
from blueprint.rules.chart_schemas import loose_schemas
from blueprint.rules.chart_sources import malformed_charts, unrenderable_charts
from blueprint.rules.chart_values import unread_values
from blueprint.rules.chart_workloads import careless_workloads
from blueprint.rules.settings_in_use import unread_variables
from blueprint.settings_tree import Setting, read_settings
from tests.breakages import ROOT, tree
from tests.chart_rewriting import OF_TEMPLATES, OF_YAML, VALUES, WRITTEN, Texts, as_yaml, merged, spelled_out
from tests.composing import our_model
from worlds.charts import read_charts
from worlds.recorder import Recorder
from worlds.subject import Subject

HASH = re.compile(r'"soma\.local/configHash": "[0-9a-f]{64}"')


def module() -> Document:
    return Document(settings.SETTINGS, (ROOT / settings.SETTINGS).read_text(encoding="utf-8"))


@cache
def fields() -> tuple[Setting, ...]:
    return tuple(read_settings(module().text, settings.SETTINGS).settings())


def are_charts(charts: Charts) -> Findings:
    paths = [f"{FOLDER}/{chart}/Chart.yaml" for chart in CHARTS]
    return malformed_charts(charts, [charts.document(path) for path in paths], paths)


def hide_nothing(charts: Charts) -> Findings:
    files = [charts.document(path) for path in VALUES]
    renders = plain_credentials.by_name(charts)
    return plain_credentials.plain_credentials(files, module(), renders, VALUES)


RULES: Mapping[str, Callable[[Charts], Findings]] = {
    "HLM-001": are_charts,
    "HLM-002": unrenderable_charts,
    "HLM-003": invalid_objects,
    "HLM-004": lambda charts: missing_components(charts, INFRA, SHARED),
    "HLM-005": lambda charts: missing_components(charts, STACK, BUNDLE),
    "HLM-006": lambda charts: unresolved_hosts(charts, fields()),
    "HLM-007": careless_workloads,
    "HLM-008": loose_schemas,
    "HLM-017": open_edges,
    "HLM-019": lambda charts: missing_components(charts, INFRA, SWITCHED) | fixed_components(charts),
    "CFG-002": lambda charts: unread_variables(fields(), our_model(), charts, frozenset(our_model().outline.services)),
    "CFG-003": lambda charts: unread_values(charts, map(values_file, ENVIRONMENTS)),
    "CFG-004": hide_nothing,
    "CFG-005": chart_sidecars.unmanaged_secrets,
    "CFG-006": chart_sidecars.absent_policies,
    "CFG-008": stale_pods,
}


OF_VALUES = ("HLM-001", "HLM-008", "CFG-003", "CFG-004")
"""The clauses whose rules read the files themselves, besides what helm renders of them."""


@cache
def our_files() -> Texts:
    names = [name for name in tree() if name.startswith(f"{FOLDER}/") and not name.endswith(".md")]
    return {name: (ROOT / name).read_text(encoding="utf-8") for name in names}


def rendered(folder: Path, texts: Texts) -> Charts:
    """What is read of a tree with these files below infra/helm."""
    for name, text in texts.items():
        path = folder / "subject" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
    with Recorder(folder / "evidence.jsonl") as recorder:
        recorder.note("run", run={"as_of": "2026-01-01"})
        return read_charts(Subject(folder / "subject", recorder), recorder)[0]


@pytest.fixture(scope="module")
def our_charts(tmp_path_factory: pytest.TempPathFactory) -> Charts:
    """Our own charts as they are."""
    return rendered(tmp_path_factory.mktemp("ours"), our_files())


def assert_sound(charts: Charts, *clauses: str) -> None:
    for clause in clauses or RULES:
        findings = RULES[clause](charts)
        assert not findings.found, (clause, list(map(str, findings.found[:3])))
        assert not findings.unexamined, (clause, findings.unexamined)
        assert findings.examined, clause


def test_our_own_charts_are_sound(our_charts: Charts) -> None:
    assert_sound(our_charts)


def test_there_are_twenty_rewritings() -> None:
    assert len(OF_YAML) + len(OF_TEMPLATES) + 1 >= 20


@pytest.mark.parametrize("name", OF_YAML)
def test_values_in_another_form_are_judged_alike(name: str, our_charts: Charts) -> None:
    """Helm is given the values that a file holds, so what it renders of the same values is known."""
    texts = as_yaml(name, our_files())
    assert set(texts) == set(WRITTEN)
    for path, text in texts.items():
        assert json.dumps(yaml.safe_load(text), sort_keys=True) == json.dumps(
            yaml.safe_load(our_files()[path]), sort_keys=True
        ), path
    assert_sound(replace(our_charts, texts={**our_charts.texts, **documents(texts)}), *OF_VALUES)


def documents(texts: Texts) -> Mapping[str, Document]:
    return {path: Document(path, text) for path, text in texts.items()}


def test_values_that_repeat_the_charts_own_are_judged_alike(our_charts: Charts) -> None:
    """What an environment says already holds, so that the charts render as before."""
    texts = spelled_out(our_files())
    for path, text in texts.items():
        for chart in CHARTS:
            own = yaml.safe_load(our_files()[f"{FOLDER}/{chart}/values.yaml"])
            before, after = (merged(own, yaml.safe_load(each)) for each in (our_files()[path], text))
            assert before[CHARTS[chart]] == after[CHARTS[chart]]
    assert_sound(replace(our_charts, texts={**our_charts.texts, **documents(texts)}), *OF_VALUES)


@pytest.mark.parametrize("name", OF_TEMPLATES)
def test_templates_in_another_form_are_judged_alike(name: str, our_charts: Charts, tmp_path: Path) -> None:
    texts = OF_TEMPLATES[name](our_files())
    assert any(our_files().get(path) != text for path, text in texts.items())
    charts = rendered(tmp_path, {**our_files(), **texts})
    for ours, theirs in zip(our_charts.renders, charts.renders, strict=True):
        assert same_objects(theirs.objects, ours.objects), theirs.said
    assert_sound(charts)


def same_objects(*renders: tuple[Rendered, ...]) -> bool:
    """Whether they hold the same objects, but for the hashes that follow from how templates are written."""
    one, other = (sorted(HASH.sub("", json.dumps(each.body, sort_keys=True)) for each in some) for some in renders)
    return one == other
