"""Rules about what charts render - hosts, selectors, workloads, edges, hashes - on what is sound and what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from blueprint.charts import NONE, STACK, Charts
from blueprint.evidence import Findings
from blueprint.rules.chart_edges import open_edges
from blueprint.rules.chart_hosts import hosts_in, unresolved_hosts
from blueprint.rules.chart_rolling import stale_pods
from blueprint.rules.chart_selectors import selects
from blueprint.rules.chart_workloads import careless_workloads
from blueprint.settings_tree import Setting
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


# hosts and selectors


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("http://auth:8080/realms/soma", [("auth", 8080)]),
        ("https://auth", [("auth", 443)]),
        ("postgresql://soma@postgres:5432/soma", [("postgres", 5432)]),
        (
            "kafka-0.kafka-nodes:9092,kafka-1.kafka-nodes:9092",
            [("kafka-0.kafka-nodes", 9092), ("kafka-1.kafka-nodes", 9092)],
        ),
        ("0@kafka-0.kafka-nodes:9093", [("kafka-0.kafka-nodes", 9093)]),
        ("etcd-0=http://etcd-0.etcd-nodes:2380", [("etcd-0.etcd-nodes", 2380)]),
        ("PLAINTEXT://:9092", []),
        ("PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT", []),
        ("-Xms64m -XX:+UseSerialGC", []),
        ("file:///vault/seal/key", []),
        (":8080", []),
    ],
)
def test_hosts_in_a_value(text: str, hosts: list[tuple[str, int]]) -> None:
    assert list(hosts_in(text)) == hosts


def with_variable(value: str, *, source: str = "") -> Charts:
    variable = source or f'env: [{{name: SA01_X, value: "{value}"}}]'
    return charts(KAFKA, component("gateway", 8010, more=variable))


@pytest.mark.parametrize(
    "value",
    [
        "kafka:9092",
        "http://kafka.soma-dev.svc:9092",
        "http://127.0.0.1:8010",
        "plain words",
        "https://kubernetes.default.svc",
    ],
)
def test_a_host_that_is_a_service(value: str) -> None:
    made = with_variable(value)
    dev = replace(made, renders=tuple(each for each in made.renders if each.values in {"dev", NONE}))
    assert not told(unresolved_hosts(dev, ()))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("kafka-broker:9092", "names kafka-broker, which is no Service"),
        ("kafka:9093", "names kafka:9093; the Service has 9092"),
        ("http://kafka.soma-other.svc:9092", "no Service of the namespace"),
        ("kafka-0.kafka:9092", "names kafka-0.kafka, which is no Service"),
        ("http://localhost:8181", "names port 8181, which its pod has not"),
    ],
)
def test_a_host_that_leads_nowhere(value: str, said: str) -> None:
    assert any(said in what for what in told(unresolved_hosts(with_variable(value), ())))


def test_variables_of_a_config_map_are_read_too() -> None:
    config = """\
---
# Source: chart/templates/c.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {SA01_X: 'nobody:9092'}
"""
    made = with_variable("", source="envFrom: [{configMapRef: {name: settings}}]")
    renders = tuple(replace(each, text=each.text + config) if each.chart == STACK else each for each in made.renders)
    assert any("names nobody" in what for what in told(unresolved_hosts(replace(made, renders=renders), ())))


def test_a_default_in_force_is_a_host_too() -> None:
    settings = (Setting("x", ("SA01_X",), False, "", 1), Setting("y", ("SA01_Y",), False, "http://old-name:1234", 2))
    found = unresolved_hosts(with_variable("kafka:9092"), settings).found
    assert {finding.what for finding in found} == {"names old-name, which is no Service of the namespace"}
    assert "the default of y" in found[0].place.key
    both = with_variable("", source='env: [{name: SA01_X, value: "kafka:9092"}, {name: SA01_Y, value: "kafka:9092"}]')
    assert not told(unresolved_hosts(both, settings))


@pytest.mark.parametrize(
    ("selector", "taken"),
    [
        ({}, True),
        (None, True),
        ({"matchLabels": {"a": "1"}}, True),
        ({"matchLabels": {"a": "2"}}, False),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "2"]}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, False),
        ({"matchExpressions": [{"key": "b", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "b", "operator": "DoesNotExist"}]}, True),
    ],
)
def test_selectors(selector: Mapping[str, Any] | None, taken: bool) -> None:
    assert selects(selector, {"a": "1"}) is taken


SCALER = """\
---
# Source: chart/templates/hpa.yaml
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: gateway}
spec: {scaleTargetRef: {kind: Deployment, name: gateway}, minReplicas: 2, maxReplicas: 4}
"""


def test_a_selector_selects_something() -> None:
    assert is_sound(unresolved_hosts(charts(KAFKA, GATEWAY + SCALER), ()))
    assert "scales Deployment/gateway, which is not rendered" in told(unresolved_hosts(charts(KAFKA + SCALER), ()))
    budget = """\
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: b}
spec: {selector: {matchLabels: {app: gone}}}
"""
    assert set(told(unresolved_hosts(charts(KAFKA + budget), ()))) == {"selects nothing: app=gone"}


# workloads


def test_a_careful_workload() -> None:
    assert is_sound(careless_workloads(charts(KAFKA, GATEWAY)))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("readinessProbe: {httpGet: {path: /ready, port: 9092}}", "stdin: false", "has no readinessProbe"),
        (
            "{httpGet: {path: /live, port: 9092}}",
            "{exec: {command: [sh, -c, 'true']}}",
            "livenessProbe that cannot fail",
        ),
        ("{httpGet: {path: /live, port: 9092}}", "{exec: {command: [/bin/true]}}", "livenessProbe that cannot fail"),
        ("limits: {cpu: 1m, memory: 1Mi}", "limits: {cpu: 1m}", "limits no memory"),
        ("requests: {cpu: 1m, memory: 1Mi}", "requests: {}", "requests no cpu"),
        ("runAsUser: 1000", "runAsUser: 0", "may run as root"),
        ("runAsNonRoot: true, ", "", "may run as root"),
        ("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "may write to its root file system"),
        ("allowPrivilegeEscalation: false, ", "", "may gain privileges"),
        ("allowPrivilegeEscalation: false, ", "privileged: true, ", "is privileged"),
        ("example/kafka:1.0", "example/kafka:latest", "which moves"),
        ("example/kafka:1.0", "example/kafka", "carries no tag"),
        ("      containers:", "      hostNetwork: true\n      containers:", "shares network with its node"),
        (
            "replicas: 1",
            "replicas: 2\n  volumeClaimTemplates: [{metadata: {name: data}}]",
            "has 2 replicas, and none is told of the others",
        ),
    ],
)
def test_a_careless_workload(old: str, new: str, said: str) -> None:
    sample = component("kafka", 9092, kind="StatefulSet" if "volumeClaim" in new else "Deployment")
    assert old in sample
    found = told(careless_workloads(charts(sample.replace(old, new, 1))))
    assert any(said in what for what in found), found


MOUNTED = "volumeMounts: [{name: data, mountPath: /data}]"


def test_members_that_know_each_other_may_be_many() -> None:
    more = "replicas: 3\n  volumeClaimTemplates: [{metadata: {name: data}}]"
    peers = f'args: ["--peers=kafka-0.nodes,kafka-1.nodes,kafka-2.nodes"]\n{MOUNTED}'
    sample = component("kafka", 9092, kind="StatefulSet", more=peers).replace("replicas: 1", more)
    assert is_sound(careless_workloads(charts(sample)))


def test_a_scaler_makes_many_too() -> None:
    shared = "volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]\n"
    made = charts("", component("gateway", 8010, more=MOUNTED, spec=shared) + SCALER)
    assert set(told(careless_workloads(made))) == {"has 4 replicas, and they would share a volume"}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (MOUNTED, set()),
        ("", {"no container mounts the volume data"}),
        (f"{MOUNTED}\nargs: [--listen-client-urls, 'http://127.0.0.1:9092']", {"listens at port 9092 on the loopback"}),
        (
            f"{MOUNTED}\nenv: [{{name: LISTENERS, value: 'a://localhost:9092'}}]",
            {"listens at port 9092 on the loopback"},
        ),
        (f"{MOUNTED}\nargs: ['--listen=http://0.0.0.0:9092,http://127.0.0.1:9092']", set()),
        (f"{MOUNTED}\nargs: ['--listen-metrics=http://127.0.0.1:9100']", set()),
    ],
)
def test_what_a_workload_has_can_be_used(more: str, said: set[str]) -> None:
    sample = component("kafka", 9092, more=more, spec="volumes: [{name: data, emptyDir: {}}]\n")
    found = told(careless_workloads(charts(sample)))
    assert {what.removesuffix(" address alone") for what in found} == said


# edges


def edge(name: str, spec: str) -> str:
    return f"---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {name}}}\nspec: {spec}\n"


UI = component("ui", 8080)


def of(name: str) -> str:
    return f"{{matchLabels: {{app.kubernetes.io/name: {name}}}}}"


def rule(side: str, name: str) -> str:
    return f"[{{{side}: [{{podSelector: {of(name)}}}], ports: [{{port: 8010}}]}}]"


TO = f"{{podSelector: {of('ui')}, policyTypes: [Egress], egress: {rule('to', 'gateway')}}}"
FROM = f"{{podSelector: {of('gateway')}, ingress: {rule('from', 'ui')}}}"
LONE_GATEWAY = component("gateway", 8010)


def test_a_needed_edge_takes_both_halves() -> None:
    both = LONE_GATEWAY + UI + POLICIES + edge("to", TO) + edge("from", FROM)
    assert is_sound(open_edges(charts("", both)))
    for half in (edge("to", TO), edge("from", FROM), edge("to", TO) + edge("from", FROM.replace("8010", "8011"))):
        assert set(told(open_edges(charts("", LONE_GATEWAY + UI + POLICIES + half)))) == {"the needed edge is closed"}


def test_what_no_policy_denies_is_open() -> None:
    found = told(open_edges(charts("", UI)))
    assert set(found) == {f"no policy denies {each} of its pods by default" for each in ("ingress", "egress")}


def test_a_forbidden_edge_is_closed() -> None:
    postgres = component("postgres", 5432)
    assert is_sound(open_edges(charts(postgres, UI + POLICIES)))
    everybody = edge("all", "{podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}]}")
    assert "the forbidden edge is open" in told(open_edges(charts(postgres, UI + POLICIES + everybody)))
    elsewhere = edge(
        "all",
        "{podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{from: [{namespaceSelector: {}}]}], egress: [{}]}",
    )
    assert is_sound(open_edges(charts(postgres, UI + POLICIES + elsewhere)))


# rolling


def configured(data: str, annotation: str) -> str:
    config = f"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings}}\ndata: {{key: '{data}'}}\n"
    mount = "volumes: [{name: c, configMap: {name: settings}}]\n"
    return component("gateway", 8010, spec=mount).replace("hash: none", f"hash: {annotation}") + config


def test_a_hash_rolls_those_who_read_it() -> None:
    sound = {
        "dev": configured("a", "a"),
        "staging": configured("b", "b"),
        "prod": configured("c", "c"),
        NONE: configured("a", "a"),
    }
    assert is_sound(stale_pods(charts("", sound, nudged={STACK: configured("d", "d")})))
    stale = {**sound, "prod": configured("c", "a")}
    (found,) = told(stale_pods(charts("", stale)))
    assert "keeps its template though a ConfigMap that it uses changed" in found
    (found,) = told(stale_pods(charts("", sound, nudged={STACK: configured("d", "a")})))
    assert "keeps its template" in found


def test_a_hash_rolls_nobody_else() -> None:
    sound = configured("a", "a")
    other = component("ui", 8080)
    nudged = configured("b", "b") + other.replace("hash: none", "hash: all")
    (found,) = told(stale_pods(charts("", sound + other, nudged={STACK: nudged})))
    assert "rolls though nothing that it uses has changed" in found
    (found,) = told(stale_pods(charts("", sound, nudged={STACK: sound})))
    assert "no workload" in found
