"""Variables are settings, secrets come by a Vault Agent, and an OPA stands beside who asks: what is sound, what not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from blueprint.charts import STACK, Charts
from blueprint.compose import read_compose
from blueprint.documents import Document
from blueprint.evidence import Findings
from blueprint.rules.chart_sidecars import absent_policies, unmanaged_secrets
from blueprint.rules.settings_in_use import unread_variables
from blueprint.settings_tree import Setting
from tests.charting import charts, component

ENTRY = "compose.yaml"
PEER = Setting("peer", ("SA01_PEER", "PEER"), False, "", 1)
NEEDED = Setting("needed", ("SA01_NEEDED",), True, "", 2)


def told(findings: Findings) -> list[str]:
    return list(dict.fromkeys(finding.what for finding in findings.found))


# variables


def variables(settings: tuple[Setting, ...], compose: str, chart: str) -> Findings:
    services = f"  gateway: {{image: a:1, environment: {compose}}}\n  kafka: {{image: k:1, environment: [X=1]}}\n"
    text = f"services:\n{services}"
    model = read_compose(lambda path: Document(path, text), ENTRY, {}, paths=[ENTRY], tracked=[ENTRY])
    made = charts("", component("gateway", 8010, more=f"env: {chart}"))
    return unread_variables(settings, model, made, frozenset(model.outline.services))


def test_variables_are_settings() -> None:
    sound = variables((PEER,), "[PEER=a, PYTHONUNBUFFERED=1]", "[{name: SA01_PEER, value: a}]")
    assert not sound.found
    assert not sound.unexamined
    assert variables((NEEDED,), "[SA01_NEEDED=a]", "[{name: SA01_NEEDED, value: a}]").found == ()


@pytest.mark.parametrize(
    ("settings", "compose", "chart", "said"),
    [
        ((PEER,), "[SA01_PEERS=a]", "[]", "service gateway is given SA01_PEERS, from which no setting is read"),
        (
            (PEER,),
            "{}",
            "[{name: SA01_PER, value: a}]",
            "Deployment gateway is given SA01_PER, from which no setting is read",
        ),
        (
            (PEER,),
            "{}",
            "[{name: PEEER, valueFrom: {secretKeyRef: {name: s, key: k}}}]",
            "Deployment gateway is given PEEER, from which no setting is read",
        ),
        ((NEEDED,), "[SA01_NEEDED=a]", "[]", "Deployment gateway is not given needed, which has no default"),
        (
            (NEEDED,),
            "[]",
            "[{name: SA01_NEEDED, value: a}]",
            "service gateway is not given needed, which has no default",
        ),
    ],
)
def test_a_variable_that_is_none(settings: tuple[Setting, ...], compose: str, chart: str, said: str) -> None:
    assert told(variables(settings, compose, chart)) == [said]


# secrets

NOTES = """\
annotations:
  hash: none
  vault.hashicorp.com/agent-inject: "true"
  vault.hashicorp.com/role: ROLE
  vault.hashicorp.com/agent-inject-secret-key: secret/data/key
  vault.hashicorp.com/agent-inject-template-key: words
"""
HOOK = """\
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: injector}
webhooks:
  - name: a.b.c
    admissionReviewVersions: [v1]
    sideEffects: None
    failurePolicy: Fail
    clientConfig: {service: {name: i, namespace: n}}
    objectSelector: {matchExpressions: [{key: app.kubernetes.io/name, operator: In, values: [gateway, memory-service]}]}
"""


def keeper(name: str) -> str:
    file = 'env: [{name: SA01_FILE, value: "/vault/secrets/key"}]'
    sample = component(name, 8010, more=file, spec=f"serviceAccountName: {name}\n")
    indented = NOTES.replace("ROLE", name).replace("\n", "\n      ").rstrip()
    return sample.replace("annotations: {hash: none}", indented)


KEEPERS = keeper("gateway") + keeper("memory-service")


def test_secrets_come_by_a_vault_agent() -> None:
    findings = unmanaged_secrets(charts(HOOK, KEEPERS))
    assert findings.found == ()
    assert not findings.unexamined


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('agent-inject: "true"', 'agent-inject: "false"', "gateway is given no secret by a Vault Agent"),
        ("agent-inject-secret-key", "agent-inject-secret", "gateway is given no secret by a Vault Agent"),
        ("vault.hashicorp.com/role", "vault.hashicorp.com/rôle", "says no role for the Vault Agent"),
        ("agent-inject-template-key", "agent-inject-template-kye", "has no template for key"),
        ("serviceAccountName: gateway", "serviceAccountName: default", "has no account of its own to show to Vault"),
        ("/vault/secrets/key", "/vault/secrets/kye", "SA01_FILE names /vault/secrets/kye, which no Vault Agent writes"),
        ("failurePolicy: Fail", "failurePolicy: Ignore", "starts without its secret when the injector is down"),
        ("values: [gateway, memory", "values: [memory", "no injector is asked about its pods"),
        (
            'env: [{name: SA01_FILE, value: "/vault/secrets/key"}]',
            "env: [{name: SA01_KEY, valueFrom: {secretKeyRef: {name: s, key: k}}}]",
            "takes a variable from a Secret",
        ),
        (
            'env: [{name: SA01_FILE, value: "/vault/secrets/key"}]',
            "envFrom: [{secretRef: {name: s}}]",
            "takes its variables from a Secret",
        ),
        (
            "serviceAccountName: gateway",
            "volumes: [{name: s, secret: {secretName: s}}]\n      serviceAccountName: gateway",
            "mounts a Secret",
        ),
    ],
)
def test_a_secret_that_comes_otherwise(old: str, new: str, said: str) -> None:
    assert old in HOOK + KEEPERS
    assert said in told(unmanaged_secrets(charts(HOOK.replace(old, new), KEEPERS.replace(old, new, 1))))


def test_a_release_holds_no_secret_and_no_keeper_is_missing() -> None:
    secret = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: b}\n"
    assert told(unmanaged_secrets(charts(HOOK, KEEPERS + secret))) == ["holds secrets in the release"]
    assert told(unmanaged_secrets(charts(HOOK, keeper("gateway")))) == [
        "no workload memory-service to give a secret to"
    ]


# the OPA beside who asks

POLICY = """\
---
apiVersion: v1
kind: ConfigMap
metadata: {name: policy}
data:
  soma.rego: |
    package soma.policy
    default allow := false
"""


def asking(url: str = "http://127.0.0.1:8181") -> Charts:
    sample = component("gateway", 8010, more=f'env: [{{name: SA01_OPA_URL, value: "{url}"}}]')
    sidecar = """\
        - name: opa
          image: example/opa:1.0
          readinessProbe: {httpGet: {path: /health, port: 8282}}
          volumeMounts: [{name: policy, mountPath: /policy}]
      volumes: [{name: policy, configMap: {name: policy}}]
"""
    head, service = sample.split("---\n# Source: chart/templates/gateway/service")
    return charts("", f"{head}{sidecar}---\n# Source: chart/templates/gateway/service{service}{POLICY}")


def test_an_opa_stands_beside_the_gateway() -> None:
    findings = absent_policies(asking())
    assert findings.found == ()
    assert not findings.unexamined


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "- name: opa\n          image: example/opa:1.0",
            "- name: web\n          image: example/web:1.0",
            "has no OPA beside it",
        ),
        ("http://127.0.0.1:8181", "http://opa:8181", "asks http://opa:8181, not the OPA beside it"),
        ("default allow := false", "default allow := true", "loads no package soma.policy that denies by default"),
        ("package soma.policy", "package other", "loads no package soma.policy that denies by default"),
        (
            "volumeMounts: [{name: policy,",
            "volumeMounts: [{name: other,",
            "loads no package soma.policy that denies by default",
        ),
        ("readinessProbe: {httpGet: {path: /health, port: 8282}}", "stdin: false", "is Ready before its OPA is"),
        ("name: gateway", "name: gatway", "no workload gateway to stand beside"),
    ],
)
def test_a_gateway_that_asks_nobody_beside_it(old: str, new: str, said: str) -> None:
    made = asking()
    assert old in made.render(STACK, "dev").text
    broken = tuple(replace(each, text=each.text.replace(old, new)) for each in made.renders)
    assert told(absent_policies(replace(made, renders=broken))) == [said]
