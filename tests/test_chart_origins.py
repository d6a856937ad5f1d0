"""Where a rendered thing comes from: values, templates, the helpers that they include."""

from __future__ import annotations

from dataclasses import replace

import pytest

from blueprint.chart_origins import guard_of, traced, value_at
from blueprint.charts import FOLDER, STACK, Charts, Render
from blueprint.evidence import Finding, Place
from blueprint.rules.chart_components import missing_components
from blueprint.rules.chart_sources import unrenderable_charts
from tests.charting import charts, component

TEMPLATES = f"{FOLDER}/{STACK}/templates"
WORKLOAD = f"{TEMPLATES}/ui/deployment.yaml"
TEXTS = {
    f"{FOLDER}/{STACK}/values.yaml": "stack:\n  peers:\n    kafka: kafka:9092\n  ui:\n    secrets: true\n    size: 1\n",
    f"{FOLDER}/values-prod.yaml": "stack:\n  ui:\n    secrets: false\n",
    f"{TEMPLATES}/_pods.tpl": (
        '{{- define "soma.other" -}}\nworkingDir: /\n{{- end }}\n\n'
        '{{- define "soma.pod" -}}\nprestop: {}\n{{- include "soma.deep" . }}\n{{- end }}\n'
        '{{- define "soma.deep" }}\nreadOnly: false\n{{- end }}\n'
    ),
    WORKLOAD: '{{- if .Values.stack.ui.secrets }}\nkind: Deployment\n{{ include "soma.pod" . }}\n{{- end }}\n',
    f"{TEMPLATES}/ui/configmap.yaml": "kind: ConfigMap\ndata:\n  SA01_LOGLEVEL: INFO\n",
    f"{TEMPLATES}/ui/service.yaml": "kind: Service\n",
}


def origin(*sought: str, values: str = "dev") -> str:
    (found,) = traced(
        charts(texts=TEXTS), [Finding("is wrong", Place(WORKLOAD, 0, f"[{values}] Deployment/ui", sought))]
    )
    return str(found.place)


@pytest.mark.parametrize(
    ("sought", "place"),
    [
        (("=kafka:9092",), f"{FOLDER}/{STACK}/values.yaml:3 stack.peers.kafka for [dev] Deployment/ui"),
        (("=kafka",), f"{FOLDER}/{STACK}/values.yaml:3 stack.peers.kafka for [dev] Deployment/ui"),
        ((".secret",), f"{FOLDER}/{STACK}/values.yaml:5 stack.ui.secrets for [dev] Deployment/ui"),
        (("kind",), f"{WORKLOAD}:2 [dev] Deployment/ui"),
        (("SA01_LOGLEVEL",), f"{TEMPLATES}/ui/configmap.yaml:3 [dev] Deployment/ui"),
        (("prestop",), f"{TEMPLATES}/_pods.tpl:6 [dev] Deployment/ui"),
        (("readOnly",), f"{TEMPLATES}/_pods.tpl:10 [dev] Deployment/ui"),
        (("read", "=kafk", ".nothing", "prestop"), f"{TEMPLATES}/_pods.tpl:6 [dev] Deployment/ui"),
        (("workingDir",), f"{WORKLOAD} [dev] Deployment/ui"),
        ((), f"{WORKLOAD} [dev] Deployment/ui"),
    ],
)
def test_a_word_leads_to_where_it_was_written(sought: tuple[str, ...], place: str) -> None:
    assert origin(*sought) == place


def test_the_values_of_an_environment_go_before_those_of_the_chart() -> None:
    assert origin(".secret", values="prod") == f"{FOLDER}/values-prod.yaml:3 stack.ui.secrets for [prod] Deployment/ui"
    assert value_at(charts(texts=TEXTS), STACK, "prod", ("stack", "ui", "size")) == Place(
        f"{FOLDER}/{STACK}/values.yaml", 6, "stack.ui.size"
    )
    assert value_at(charts(texts=TEXTS), STACK, "prod", ("stack", "nothing")) is None


def test_what_keeps_a_template_back_is_its_value_or_its_condition() -> None:
    made = charts(texts=TEXTS)
    assert guard_of(made, STACK, "prod", WORKLOAD) == Place(f"{FOLDER}/values-prod.yaml", 3, "stack.ui.secrets")
    assert guard_of(made, STACK, "dev", WORKLOAD) == Place(WORKLOAD, 1)


def absent(texts: dict[str, str]) -> dict[str, str]:
    """Where what ui lacks should come from, beside a gateway that is whole."""
    gateway = component("gateway", 8010).replace("chart/templates", f"{STACK}/templates")
    found = missing_components(charts(stack=gateway, texts=texts), STACK, ["ui"]).found
    return {each.what: each.place.file for each in found if "[dev]" in each.place.key}


def test_what_is_not_rendered_is_told_at_the_file_that_should() -> None:
    assert absent(TEXTS) == {
        "renders no workload for ui": WORKLOAD,
        "renders no Service named ui": f"{TEMPLATES}/ui/service.yaml",
    }
    del (lone := dict(TEXTS))[f"{TEMPLATES}/ui/service.yaml"]
    assert absent(lone)["renders no Service named ui"] == f"{TEMPLATES}/ui/service.yaml"
    assert absent({})["renders no Service named ui"] == f"{FOLDER}/{STACK}"


def test_a_value_that_helm_complains_of_is_told_where_it_stands() -> None:
    def failing(made: Charts, said: str) -> Charts:
        broken = Render(STACK, "prod", 1, "", said)
        return replace(made, renders=(*(each for each in made.renders if each.values != "prod"), broken))

    said = "Error: execution error at (soma-stack/templates/ui/deployment.yaml:1:4): stack.ui.secrets: cannot be false"
    (found,) = unrenderable_charts(failing(charts(texts=TEXTS), said)).found
    assert str(found.place) == f"{FOLDER}/values-prod.yaml:3 stack.ui.secrets"
    (found,) = unrenderable_charts(failing(charts(texts=TEXTS), said.replace("stack.ui", "a.b"))).found
    assert (found.place.file, found.place.line) == (WORKLOAD, 1)
