"""No rule about charts breaks on objects that are not what they should be: each says so, or leaves them to HLM-003."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, TypeAlias

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from blueprint.charts import INFRA, STACK, Charts
from blueprint.rules.chart_components import BUNDLE, SHARED, missing_components
from blueprint.rules.chart_edges import open_edges
from blueprint.rules.chart_hosts import unresolved_hosts
from blueprint.rules.chart_objects import invalid_objects
from blueprint.rules.chart_rolling import stale_pods
from blueprint.rules.chart_workloads import careless_workloads
from blueprint.settings_tree import Setting
from tests.charting import charts, component

Way: TypeAlias = tuple[str | int, ...]

SETTINGS = (Setting("x", ("SA01_X",), False, "http://kafka:9092", 1),)
MORE = """\
env: [{name: SA01_X, value: "kafka:9092"}, {name: P, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
envFrom: [{configMapRef: {name: settings}}]
args: ["--listen=:8010"]
"""
SPEC = "volumes: [{name: c, configMap: {name: settings}}, {name: d, projected: {sources: [{configMap: {name: s}}]}}]\n"
REST = """\
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {SA01_Y: "http://gateway:8010"}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: gateway}
spec: {scaleTargetRef: {kind: Deployment, name: gateway}, minReplicas: 2, maxReplicas: 4}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: all}
spec:
  podSelector: {matchExpressions: [{key: a, operator: In, values: [b]}]}
  policyTypes: [Ingress, Egress]
  ingress: [{from: [{podSelector: {matchLabels: {a: b}}}], ports: [{port: 8010, protocol: TCP}]}]
  egress: [{to: [{namespaceSelector: {}}], ports: [{port: http}]}]
"""
OBJECTS: list[Any] = [
    *yaml.safe_load_all(component("gateway", 8010, more=MORE, spec=SPEC)),
    *yaml.safe_load_all(component("kafka", 9092, kind="StatefulSet")),
    *yaml.safe_load_all(REST),
]
JUNK = st.sampled_from([None, "", "x", 0, -1, 1.5, True, [], ["x"], [None], {}, {"x": None}, {"x": ["y"]}, [{"x": 1}]])


def ways(body: Any, way: Way = ()) -> Iterator[Way]:  # noqa: ANN401 - an object of any shape
    """The way to every value of an object."""
    inner = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for key, value in inner:
        yield (*way, key)
        yield from ways(value, (*way, key))


WAYS = [(number, way) for number, body in enumerate(OBJECTS) for way in ways(body)]


def judged(made: Charts) -> int:
    """How much all rules together find."""
    findings = [rule(made) for rule in (invalid_objects, careless_workloads, open_edges, stale_pods)]
    findings += [unresolved_hosts(made, SETTINGS)]
    findings += [missing_components(made, chart, names) for chart, names in ((INFRA, SHARED), (STACK, BUNDLE))]
    return sum(len(each.found) for each in findings)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.sampled_from(WAYS), JUNK)
def test_one_wrong_value_breaks_no_rule(where: tuple[int, Way], junk: object) -> None:
    objects = copy.deepcopy(OBJECTS)
    number, way = where
    inner = objects[number]
    for step in way[:-1]:
        inner = inner[step]
    inner[way[-1]] = junk
    judged(charts("", yaml.safe_dump_all(objects)))


BOMB = "  a: &a [x, x, x]\n" + "".join(f"  b{n}: &b{n} [{'*a, ' * 20}]\n" for n in range(20))
HEAD = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:"


@pytest.mark.parametrize(
    "text",
    [
        f"{HEAD} {'[' * 5000}{']' * 5000}\n",
        f"{HEAD}\n{BOMB}",
        f"{HEAD} {{a: {'x' * 1_100_000}}}\n",
        "---\n- a\n- b\n",
        "---\njust words\n",
        "---\n\t: {\n",
        "---\napiVersion: 7\nkind: [a]\n",
        "---\n? {a: b}\n: c\n",
        "---\nwhen: 2026-01-01\nkind: ConfigMap\napiVersion: v1\nmetadata: {name: 2026-01-01}\n",
    ],
    ids=["deep", "aliases", "long", "list", "words", "broken", "odd", "odd-key", "date"],
)
def test_a_document_out_of_bounds_is_told(text: str) -> None:
    assert invalid_objects(charts("", text)).found
    judged(charts("", text))
