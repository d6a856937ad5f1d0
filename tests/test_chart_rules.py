"""Each rule about charts, on what is sound and on what is wrong: the samples are a few objects of a render."""

from __future__ import annotations

from dataclasses import replace

import pytest

from blueprint.charts import FOLDER, INFRA, NONE, STACK, Charts, Render
from blueprint.documents import Document
from blueprint.evidence import Findings
from blueprint.rules.chart_components import fixed_components, missing_components
from blueprint.rules.chart_edges import open_edges
from blueprint.rules.chart_hosts import unresolved_hosts
from blueprint.rules.chart_objects import invalid_objects
from blueprint.rules.chart_rolling import stale_pods
from blueprint.rules.chart_schemas import loose_schemas
from blueprint.rules.chart_sources import malformed_charts, unrenderable_charts
from blueprint.rules.chart_values import unread_values
from blueprint.rules.chart_workloads import careless_workloads
from tests.charting import charts, component

KAFKA = component("kafka", 9092)
GATEWAY = component("gateway", 8010, more='env: [{name: SA01_KAFKA, value: "kafka:9092"}]')
POLICIES = """\
---
# Source: chart/templates/policies.yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: deny
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
"""


def told(findings: Findings) -> list[str]:
    return [finding.what for finding in findings.found]


def is_sound(findings: Findings) -> bool:
    return not findings.found and bool(findings.examined) and not findings.unexamined


# sources


def chart_yaml(text: str) -> tuple[Charts, Document]:
    path = f"{FOLDER}/{INFRA}/Chart.yaml"
    made = charts(texts={path: text})
    return made, made.texts[path]


SOUND_CHART = "apiVersion: v2\nname: soma-infra\nversion: 1.2.3\nappVersion: 1.0.0\n"


def test_a_chart_is_a_chart() -> None:
    made, source = chart_yaml(SOUND_CHART)
    assert is_sound(malformed_charts(made, [source], [source.path]))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("v2", "v1", "apiVersion is 'v1'"),
        ("soma-infra", "Soma_Infra", "no name of a chart"),
        ("soma-infra", "soma", "in the folder soma-infra"),
        ("1.2.3", "one", "no semantic version"),
        ("appVersion: 1.0.0", "", "has no appVersion"),
        ("appVersion", "dependencies: [{name: cache, version: 1.0.0}]\nappVersion", "cache is not in Chart.lock"),
        ("name:", "name: [", ""),
    ],
)
def test_a_chart_that_is_none(old: str, new: str, said: str) -> None:
    made, source = chart_yaml(SOUND_CHART.replace(old, new, 1))
    found = told(malformed_charts(made, [source], [source.path]))
    assert found
    assert any(said in what for what in found)


def test_a_vendored_dependency_has_the_locked_version() -> None:
    listed = f"{SOUND_CHART}dependencies: [{{name: cache, version: 1.0.0}}]\n"
    folder = f"{FOLDER}/{INFRA}"
    texts = {
        f"{folder}/Chart.yaml": listed,
        f"{folder}/Chart.lock": "dependencies: [{name: cache, version: 1.0.0}]\n",
        f"{folder}/charts/cache-1.0.0.tgz": "",
    }
    made = charts(texts=texts)
    source = made.texts[f"{folder}/Chart.yaml"]
    assert is_sound(malformed_charts(made, [source], [source.path]))
    texts[f"{folder}/charts/cache-2.0.0.tgz"] = texts.pop(f"{folder}/charts/cache-1.0.0.tgz")
    found = told(malformed_charts(charts(texts=texts), [source], [source.path]))
    assert found == ["charts/ holds cache 2.0.0, Chart.lock says 1.0.0"]
    del texts[f"{folder}/charts/cache-2.0.0.tgz"]
    found = told(malformed_charts(charts(texts=texts), [source], [source.path]))
    assert found == ["the dependency cache is not in charts/"]


def test_what_helm_refuses_is_told_with_its_line() -> None:
    said = 'Error: execution error at (soma-infra/templates/redis/service.yaml:7:3): no template "x"'
    made = charts()
    failed = tuple(replace(each, exit_code=1, said=said) if each.values == "prod" else each for each in made.renders)
    (first, _) = unrenderable_charts(replace(made, renders=failed)).found
    assert str(first.place) == f"{FOLDER}/soma-infra/templates/redis/service.yaml:7"
    assert "with values-prod.yaml" in first.what
    lints = {**made.lints, (STACK, NONE): (1, "==> Linting\n[ERROR] templates/: bad\n")}
    assert told(unrenderable_charts(replace(made, lints=lints))) == [
        "soma-stack does not lint with no values file: [ERROR] templates/: bad"
    ]
    assert is_sound(unrenderable_charts(made))


def test_charts_that_are_not_there_are_told_by_every_rule() -> None:
    nothing = Charts({}, (), {})
    for rule in (unrenderable_charts, invalid_objects, careless_workloads, open_edges, stale_pods, loose_schemas):
        assert any("is not there" in what for what in told(rule(nothing))), rule
    assert told(missing_components(nothing, INFRA, ["kafka"]))
    assert told(unresolved_hosts(nothing, ()))
    assert told(unread_values(nothing, ()))


# objects


def test_objects_are_valid() -> None:
    assert is_sound(invalid_objects(charts(KAFKA, GATEWAY)))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("replicas: 1", "replicas: one", "'one' is not"),
        ("readinessProbe", "readynessProbe", "'readynessProbe' was unexpected"),
        ("apiVersion: apps/v1", "apiVersion: apps/v1beta1", "knows no Deployment of apps/v1beta1"),
        ("---\n# Source: chart/templates/kafka/service.yaml\n", "", "stands twice (two objects without ---"),
        ("---\n# Source: chart/templates/kafka/service.yaml\n", "---\n# nothing\n---\n", "is empty"),
        ("kind: Service", "sort: Service", "is no object"),
        ("  name: kafka\nspec:\n  selector: {a", "  label: kafka\nspec:\n  selector: {a", "has no name"),
    ],
)
def test_an_object_that_is_not_valid(old: str, new: str, said: str) -> None:
    assert old in KAFKA
    found = told(invalid_objects(charts(KAFKA.replace(old, new, 1), GATEWAY)))
    assert any(said in what for what in found), found


# components


def test_who_names_no_host_and_uses_no_configuration_has_shown_nothing() -> None:
    lone = charts(component("kafka", 9092), component("ui", 8080))
    assert unresolved_hosts(lone, ()).unexamined == {"hosts that variables of containers name"}
    assert stale_pods(lone).unexamined == {"workloads that use a ConfigMap"}
    assert len(invalid_objects(charts()).unexamined) == len(charts().renders)


def test_a_component_is_a_workload_and_a_service() -> None:
    assert is_sound(missing_components(charts(KAFKA), INFRA, ["kafka"]))
    assert "renders no workload for redis" in told(missing_components(charts(KAFKA), INFRA, ["kafka", "redis"]))
    lone = KAFKA[: KAFKA.index("---\n# Source: chart/templates/kafka/service")]
    assert set(told(missing_components(charts(lone), INFRA, ["kafka"]))) == {"renders no Service named kafka"}
    astray = KAFKA.replace("selector: {app.kubernetes.io/name: kafka}", "selector: {app.kubernetes.io/name: kafak}")
    assert set(told(missing_components(charts(astray), INFRA, ["kafka"]))) == {"the Service kafka selects no pod of it"}


def test_what_is_missing_for_one_environment_is_found() -> None:
    made = charts({"dev": KAFKA, "staging": KAFKA, "prod": GATEWAY, NONE: KAFKA})
    (workload, service) = missing_components(made, INFRA, ["kafka"]).found
    assert "[prod]" in workload.place.key
    assert "[prod]" in service.place.key


def test_what_can_be_switched_off_is_gone_then() -> None:
    off = Render(INFRA, NONE, 0, KAFKA, "")
    assert is_sound(fixed_components(replace(charts(), off=off)))
    on = replace(off, text=component("qdrant", 6333))
    assert set(told(fixed_components(replace(charts(), off=on)))) == {"is rendered though qdrant is switched off"}
    assert told(fixed_components(charts())) == ["nothing can be switched off"]
    broken = replace(off, exit_code=1, said="Error: nil pointer")
    assert "nil pointer" in told(fixed_components(replace(charts(), off=broken)))[0]


# values


TEMPLATE = (
    "{{ .Values.infra.kafka.replicas }} {{- toYaml .Values.infra.kafka.resources }} {{ .Values.global.environment }}"
)
STACK_TEMPLATE = '{{ include "d" (list . "gateway" .Values.stack.gateway) }} {{ (index . 2).image }}'
VALUES = """\
global: {environment: dev}
infra:
  kafka: {replicas: 3, resources: {limits: {cpu: 1}}}
stack:
  gateway: {image: 'a:1'}
"""


def valued(values: str, kafka: str = KAFKA.replace("replicas: 1", "replicas: 3")) -> Findings:
    texts = {f"{FOLDER}/values-{each}.yaml": values for each in ("dev", "staging", "prod")}
    texts |= {f"{FOLDER}/{INFRA}/templates/a.yaml": TEMPLATE, f"{FOLDER}/{STACK}/templates/a.yaml": STACK_TEMPLATE}
    return unread_values(charts(kafka, GATEWAY, texts), [])


def test_values_are_read() -> None:
    assert is_sound(valued(VALUES))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("replicas: 3,", "replica: 3,", "no template reads it"),
        ("image:", "imagge:", "no template reads it"),
        ("environment:", "env:", "no template reads it"),
        ("stack:", "stak:", "neither chart reads stak"),
        ("gateway:", "gatway:", "no template reads it"),
        ("infra:", "infra: [", ""),
    ],
)
def test_values_that_nobody_reads(old: str, new: str, said: str) -> None:
    found = told(valued(VALUES.replace(old, new)))
    assert found
    assert any(said in what for what in found), found


def test_a_value_that_another_shadows() -> None:
    found = set(told(valued(VALUES, KAFKA)))
    assert found == {
        "asks for 3 replicas, and Deployment kafka is rendered with 1 by infra/helm/chart/templates/kafka/workload.yaml"
    }


# schemas


SCHEMA = """{
  "type": "object", "additionalProperties": false,
  "properties": {
    "global": {"type": "object", "additionalProperties": false, "properties": {"environment": {"enum": ["dev"]}}},
    "OWN": {"type": "object", "additionalProperties": false, "properties": {
      "kafka": {"type": "object", "additionalProperties": false, "properties": {"replicas": {"type": "integer"}}}}},
    "OTHER": {"type": "object"}
  }
}"""


def schemed(infra: str) -> Findings:
    texts = {}
    for chart, own, other, schema in ((INFRA, "infra", "stack", infra), (STACK, "stack", "infra", SCHEMA)):
        texts[f"{FOLDER}/{chart}/values.yaml"] = f"global: {{environment: dev}}\n{own}: {{kafka: {{replicas: 1}}}}\n"
        texts[f"{FOLDER}/{chart}/values.schema.json"] = schema.replace("OWN", own).replace("OTHER", other)
    return loose_schemas(charts(texts=texts))


def test_a_strict_schema() -> None:
    assert is_sound(schemed(SCHEMA))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            '"object", "additionalProperties": false,\n  "properties"',
            '"object",\n  "properties"',
            "unknown key at the top",
        ),
        ('"global": {"type": "object", "additionalProperties": false', '"global": {"type": "object"', "under global"),
        (
            '"kafka": {"type": "object", "additionalProperties": false',
            '"kafka": {"type": "object"',
            "under infra.kafka",
        ),
        ('{"type": "integer"}', "{}", "takes anything for infra.kafka.replicas"),
        ('{"type": "integer"}', '{"type": "string"}', "the chart's own values do not meet it"),
        (
            '"OTHER": {"type": "object"}',
            '"OTHER": {"type": "object", "additionalProperties": false}',
            "refuses the key stack",
        ),
        ("{", "[", "cannot be read"),
        ('"type": "integer"', '"type": "number-like"', "cannot be read"),
    ],
)
def test_a_loose_schema(old: str, new: str, said: str) -> None:
    assert old in SCHEMA
    found = told(schemed(SCHEMA.replace(old, new, 1)))
    assert any(said in what for what in found), found
