"""Credentials in plain text are found in values, renders, settings and workflows, and never repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from blueprint.charts import Charts, Render
from blueprint.documents import NOT_THERE, Document
from blueprint.rules.plain_credentials import ENVIRONMENTS, RENDERS, by_name, plain_credentials
from blueprint.rules.settings import SETTINGS
from blueprint.workflows import CI

SAMPLES = Path(__file__).parent / "samples"
VALUES = (SAMPLES / "yaml" / "values-good.yaml").read_text(encoding="utf-8")
SETTINGS_TEXT = (SAMPLES / "settings" / "good.py").read_text(encoding="utf-8")
WORKFLOW = (SAMPLES / "workflows" / "good.yml").read_text(encoding="utf-8")
DEV = ENVIRONMENTS[0]
HIDDEN = "hunter2-hunter2"


def offences(
    values: str = VALUES, settings: str = SETTINGS_TEXT, workflow: str = WORKFLOW, render: str = ""
) -> list[str]:
    files = [Document(DEV, values), Document(CI, workflow)]
    rendered = {"soma-stack with dev": render} if render else {}
    findings = plain_credentials(files, Document(SETTINGS, settings), rendered, [DEV, CI, SETTINGS, *rendered])
    assert not findings.unexamined
    assert HIDDEN not in "\n".join(map(str, findings.found))
    return [f"{finding.place.file}:{finding.place.line} {finding.what}" for finding in findings.found]


def test_references_to_credentials_are_left_in_peace() -> None:
    workflow = WORKFLOW + "    env:\n      GH_TOKEN: ${{ github.token }}\n      API_KEY: ${{ secrets.API_KEY }}\n"
    render = "kind: Secret\nmetadata: {name: x}\n---\nkind: Pod\nspec: {serviceAccountToken: true}\n"
    assert offences(workflow=workflow, render=render) == []


@pytest.mark.parametrize(
    ("find", "put", "expected"),
    [
        (
            "tokenTtlSeconds: 3600",
            f"adminPassword: {HIDDEN}",
            f"{DEV}:10 adminPassword holds a literal of 15 characters",
        ),
        ("soma@postgres", f"soma:{HIDDEN}@postgres", f"{DEV}:7 SA01_POSTGRES_DSN holds a URL with a password in it"),
        ("existingSecret: gateway-tls", f"token: {HIDDEN}", f"{DEV}:9 token holds a literal of 15 characters"),
        ("role: gateway", "key: |\n        -----BEGIN RSA PRIVATE KEY-----", f"{DEV}:12 key holds a private key"),
        ("role: gateway", f"args: [server, --requirepass, {HIDDEN}]", f"{DEV}:12 requirepass holds a literal"),
        ("SA01_POSTGRES_DSN", "SA01_POSTGRES_PASSWORD", ""),
        (
            '"postgresql://soma@postgres:5432/soma"}',
            f"x}}\n      - {{name: DB_PASSWORD, value: {HIDDEN}}}",
            f"{DEV}:8 DB_PASSWORD",
        ),
        ("role: gateway", f"script: PGPASSWORD={HIDDEN} psql", f"{DEV}:12 script holds a literal"),
    ],
)
def test_a_credential_in_values_is_told(find: str, put: str, expected: str) -> None:
    assert VALUES.count(find) == 1
    found = offences(VALUES.replace(find, put))
    assert len(found) == bool(expected)
    assert "".join(found).startswith(expected)


def test_a_credential_in_a_workflow_is_told() -> None:
    assert offences(workflow=WORKFLOW.replace("set -eu", f"export DB_PASSWORD={HIDDEN}"))
    assert offences(workflow=WORKFLOW + f"    env:\n      VAULT_TOKEN: {HIDDEN}\n")


def test_a_credential_as_a_default_is_told() -> None:
    found = offences(settings=SETTINGS_TEXT.replace('plain: str = "text"', f'api_key: str = "{HIDDEN}"'))
    assert found == [f"{SETTINGS}:20 api_key holds a literal of 15 characters as a default"]


@pytest.mark.parametrize("data", ["stringData: {password: hunter2-hunter2}", "data: {anything: aHVudGVyMi1odW50ZXIy}"])
def test_a_rendered_secret_with_its_content_is_told(data: str) -> None:
    assert len(offences(render=f"kind: Secret\n{data}\n")) == 1


def test_a_credential_in_a_render_is_told_by_its_template() -> None:
    render = f"---\n# Source: soma-stack/templates/ui.yaml\nkind: Pod\nspec:\n  args: [--password={HIDDEN}]\n"
    files = [Document(DEV, VALUES)]
    findings = plain_credentials(files, Document(SETTINGS, SETTINGS_TEXT), {"soma-stack with dev": render}, [])
    assert [str(finding.place) for finding in findings.found] == [
        "infra/helm/soma-stack/templates/ui.yaml [soma-stack with dev] spec.args[0]"
    ]


def test_the_name_of_a_cluster_is_no_credential() -> None:
    arguments = "kind: Pod\nspec:\n  args: [--initial-cluster-token=soma-etcd]\n"
    assert offences(render=arguments) == []
    assert offences(render=arguments.replace("initial-cluster-", "")) != []
    assert offences(VALUES.replace("role: gateway", "ETCD_INITIAL_CLUSTER_TOKEN: soma-etcd")) == []


def test_a_render_that_failed_is_not_examined() -> None:
    renders = (Render("soma-stack", "dev", 1, "", "broken"), Render("soma-stack", "prod", 0, "kind: Pod", ""))
    assert by_name(Charts({}, renders, {})) == {RENDERS[-1]: "kind: Pod"}


def test_what_is_absent_or_broken_is_told_and_hides_nothing() -> None:
    absent = Document(DEV, absent=NOT_THERE)
    leak = Document(ENVIRONMENTS[1], f"password: {HIDDEN}\n")
    findings = plain_credentials([absent, leak], Document(SETTINGS, "x ="), {}, [*ENVIRONMENTS, SETTINGS])
    assert [finding.place.file for finding in findings.found] == [SETTINGS, *ENVIRONMENTS[:2]]
    assert findings.unexamined == {ENVIRONMENTS[2]}
    assert offences(values="a: [\n")
