"""Values files in other dialects are found, used, and told as drift; what is absent stays absent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from blueprint.charts import CHARTS, ENVIRONMENTS, FOLDER, INFRA, STACK, Charts, values_file
from blueprint.documents import Document
from blueprint.rules.chart_hosts import unresolved_hosts
from blueprint.rules.chart_sources import unrenderable_charts
from blueprint.rules.chart_values import unread_values
from blueprint.values_files import chart_of_key, drifted_values, values_paths
from tests import foreign_tree
from tests.charting import charts, component
from worlds.charts import read_charts
from worlds.recorder import Recorder
from worlds.subject import Subject

CHART = f"{FOLDER}/{INFRA}/Chart.yaml"
EXACT = {values_file(environment) for environment in ENVIRONMENTS}
TEMPLATES = {
    f"{FOLDER}/{INFRA}/templates/a.yaml": "{{ .Values.infra.kafka.port }}{{ .Values.zone }}",
    f"{FOLDER}/{STACK}/templates/a.yaml": "{{ .Values.stack.gateway.port }}",
}
FED = "infra: {kafka: {port: 1}}\nstack: {gateway: {port: 1}}\n"


@pytest.mark.parametrize(
    ("path", "environment", "chart", "difference"),
    [
        ("values.dev.yaml", "dev", "", "is named values.dev.yaml"),
        ("values_dev.yml", "dev", "", "is named values_dev.yml"),
        ("dev-values.yaml", "dev", "", "is named dev-values.yaml"),
        ("valuesProd.yaml", "prod", "", "is named valuesProd.yaml, says Prod for prod"),
        ("values/dev.yaml", "dev", "", "it lies in infra/helm/values, is named dev.yaml"),
        ("environments/dev/values.yaml", "dev", "", "it lies in infra/helm/environments/dev, is named values.yaml"),
        ("values-production.yaml", "prod", "", "is named values-production.yaml, says production for prod"),
        ("values-stage.yaml", "staging", "", "is named values-stage.yaml, says stage for staging"),
        (
            "soma-infra/values-development.yaml",
            "dev",
            INFRA,
            (
                "it lies in infra/helm/soma-infra, is named values-development.yaml, says development for dev, "
                "is for soma-infra alone"
            ),
        ),
        ("values-soma_stack-dev.yaml", "dev", STACK, "is named values-soma_stack-dev.yaml, is for soma-stack alone"),
    ],
)
def test_a_values_file_in_another_dialect_is_found(path: str, environment: str, chart: str, difference: str) -> None:
    found = drifted_values([CHART, f"{FOLDER}/{path}"])
    assert {run[1] for run in found} == {environment}
    assert {run[0] for run in found} == ({chart} if chart else set(CHARTS))
    assert {(each.path, each.difference) for each in found.values()} == {(f"{FOLDER}/{path}", difference)}


@pytest.mark.parametrize(
    "path",
    [
        f"{FOLDER}/values-kind-sizing.yaml",
        f"{FOLDER}/values.yaml",
        f"{FOLDER}/{INFRA}/values.yaml",
        f"{FOLDER}/{INFRA}/templates/values-dev.yaml",
        f"{FOLDER}/{INFRA}/charts/soma-stack/values-dev.yaml",
        f"{FOLDER}/monitoring/values-dev.yaml",
        f"{FOLDER}/values-dev-prod.yaml",
        f"{FOLDER}/values-dev.json",
        "values-dev.yaml",
        "config/values.dev.yaml",
    ],
)
def test_what_is_no_values_file_of_an_environment_stays_out(path: str) -> None:
    assert not drifted_values([CHART, path])


def test_the_file_of_the_blueprint_goes_before_all_others() -> None:
    others = [f"{FOLDER}/values.{environment}.yaml" for environment in ENVIRONMENTS]
    assert not drifted_values([*EXACT, *others])
    assert {run[1] for run in drifted_values([*(EXACT - {values_file("prod")}), *others])} == {"prod"}
    shared, own = f"{FOLDER}/values.dev.yaml", f"{FOLDER}/{INFRA}/values-dev.yaml"
    assert {each.path for each in drifted_values([own, shared]).values()} == {shared}
    assert values_paths([own, shared]) == (shared, values_file("staging"), values_file("prod"))


def test_around_charts_that_are_elsewhere_they_are_found_too() -> None:
    found = drifted_values(["deploy/charts/soma-infra/Chart.yaml", "deploy/charts/soma-infra/values-dev.yaml"])
    assert [(run, each.path) for run, each in found.items()] == [
        ((INFRA, "dev"), "deploy/charts/soma-infra/values-dev.yaml")
    ]
    assert not drifted_values(["soma/Chart.yaml.bak", "deploy/charts/values-dev.yaml"])


@pytest.mark.parametrize("key", ["infra", "soma-infra", "somaInfra", "soma_infra", "Infra"])
def test_a_root_of_the_values_in_any_spelling(key: str) -> None:
    assert chart_of_key(key) == INFRA
    assert not chart_of_key("global")


def reading(files: Mapping[str, str]) -> Charts:
    made = charts(component("kafka", 9092), component("gateway", 8010), {**TEMPLATES, **files})
    drifted = drifted_values(made.texts)
    nearest = {path: Document(path, absent="is not there", nearest="infra/near.yaml") for path in EXACT - set(files)}
    return replace(made, texts={**nearest, **made.texts}, drifted=drifted)


def told(files: Mapping[str, str]) -> list[str]:
    return [str(each) for each in unread_values(reading(files), ()).found]


def with_dev(path: str, text: str) -> dict[str, str]:
    return {**dict.fromkeys(EXACT - {values_file("dev")}, FED), path: text}


def test_drift_is_told_with_what_where_and_how_and_hides_nothing() -> None:
    path = f"{FOLDER}/values.dev.yaml"
    assert told(with_dev(path, FED + "other: 1\n")) == [
        (
            f"{path}:1: stands for {values_file('dev')}, which is not there: is named values.dev.yaml "
            f"(git mv {path} {values_file('dev')})"
        ),
        f"{path}:3 other: neither chart reads other (put it under infra, stack or global)",
    ]


def test_a_file_for_one_chart_is_held_against_that_chart() -> None:
    path = f"{FOLDER}/{INFRA}/values-dev.yaml"
    found = told(with_dev(path, "infra: {kafka: {port: 1, gone: 1}}\n"))
    assert [each for each in found if each.startswith(path) and "no template reads it" in each]
    assert [each for each in found if "nothing of it is given to soma-stack" in each]
    assert not [each for each in found if "feeds nothing" in each]


@pytest.mark.parametrize("key", ["soma-infra", "somaInfra", "soma_infra"])
def test_a_root_in_another_spelling_is_told_once_and_read_on(key: str) -> None:
    text = f"{key}: {{kafka: {{port: 1, gone: 2}}}}\nstack: {{gateway: {{port: 1}}}}\n"
    found = told(with_dev(values_file("dev"), text))
    place = f"{values_file('dev')}:1"
    assert found == [
        f"{place} {key}: stands under {key}, which the blueprint spells infra (rename it to infra)",
        f"{place} {key}.kafka.gone: no template reads it (rename it to what a template reads, or remove it)",
    ]


def test_keys_without_a_root_are_told_where_a_chart_reads_them() -> None:
    found = told(with_dev(values_file("dev"), FED + "zone: a\nnowhere: b\n"))
    assert [each.partition(" (")[0] for each in found] == [
        f"{values_file('dev')}:3 zone: stands at the root, where soma-infra reads it; the blueprint has it under infra",
        f"{values_file('dev')}:4 nowhere: neither chart reads nowhere",
    ]


def test_absent_stays_absent_and_names_the_nearest() -> None:
    found = told(dict.fromkeys(EXACT - {values_file("dev")}, FED))
    assert [each.partition(" (")[0] for each in found] == [
        f"{values_file('dev')}: values-dev.yaml is not there; the nearest is infra/near.yaml"
    ]


def test_a_foreign_tree_is_rendered_with_its_own_files(tmp_path: Path) -> None:
    """One misspelt name does not hide what else is wrong with the charts."""
    root = foreign_tree.build(tmp_path / "subject", "services: {}\n")
    with Recorder(tmp_path / "evidence.jsonl") as recorder:
        made, _ = read_charts(Subject(root, recorder), recorder)
    paths = set(foreign_tree.VALUES.values())
    assert {each.path for each in made.drifted.values()} == paths
    assert all(render.exit_code == 0 for render in made.renders), [render.said for render in made.renders]
    replicas = {each.body["spec"]["replicas"] for each in made.installed("prod") if each.kind == "Deployment"}
    assert replicas == {2}
    for findings in (unread_values(made, ()), unrenderable_charts(made)):
        named = {each.place.file for each in findings.found if "stands for infra/helm/values-" in each.what}
        assert named == paths
        assert not findings.unexamined
    assert not [name for name in unresolved_hosts(made, ()).unexamined if "[" in name]
    told_at_root = [each for each in unread_values(made, ()).found if "stands at the root" in each.what]
    assert {each.place.key for each in told_at_root} == {"replicas"}
