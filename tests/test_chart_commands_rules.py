"""Rules about what the commands of containers name, and about dependencies of charts that render nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from blueprint.charts import FOLDER, STACK, Charts
from blueprint.evidence import Findings
from blueprint.naming import modules_run_by
from blueprint.rules.chart_commands import idle_commands
from blueprint.rules.chart_dependencies import idle_dependencies
from blueprint.rules.links import Tree
from tests.charting import charts, component

TREE = Tree(
    frozenset({"services", "services/gateway", "services/gateway/main.py"}), lambda _: "services/gateway/main.py"
)
KAFKA = component("kafka", 9092)
TEST = """\
---
# Source: chart/templates/tests/pod.yaml
apiVersion: v1
kind: Pod
metadata: {{name: t, annotations: {{helm.sh/hook: test}}}}
spec: {{containers: [{{name: t, image: "example/t:1.0", command: {command}}}]}}
"""


def told(findings: Findings) -> list[str]:
    return [finding.what for finding in findings.found]


def running(command: str) -> Charts:
    return charts(KAFKA, component("gateway", 8010, more=f"command: {command}"))


@pytest.mark.parametrize(
    ("words", "modules"),
    [
        (["python", "-m", "services.gateway.main"], ["services.gateway.main"]),
        (["-m", "services.gateway.main"], ["services.gateway.main"]),
        (["/usr/bin/tini", "--", "python3", "-m", "a.b", "--port", "1"], ["a.b"]),
        (["sh", "-c", "set -e; exec uvicorn a.b:app --host 0.0.0.0"], ["a.b"]),
        (["python", "-m", "uvicorn", "a.b:app"], ["uvicorn", "a.b"]),
        (["gunicorn", "-k", "uvicorn.workers.UvicornWorker", "-b", "0.0.0.0:80", "a.b:make()"], ["a.b"]),
        (["redis-server", "--port", "6379"], []),
        ([], []),
    ],
)
def test_the_modules_that_a_command_runs(words: list[str], modules: list[str]) -> None:
    assert modules_run_by(words) == modules


@pytest.mark.parametrize(
    "command",
    ["[python, -m, services.gateway.main]", "[uvicorn, 'services.gateway.main:app']", "[python, -m, json.tool]"],
)
def test_a_module_that_is_there_or_of_somebody_else_is_left_in_peace(command: str) -> None:
    findings = idle_commands(running(command), TREE)
    assert not findings.found
    assert findings.examined
    assert not findings.unexamined


@pytest.mark.parametrize(
    "command", ["[python, -m, services.gateway.app]", "[sh, -c, 'uvicorn services.gateway.app:app']"]
)
def test_a_module_that_is_not_there_is_named(command: str) -> None:
    found = told(idle_commands(running(command), TREE))
    said = "Deployment gateway: there is no module services.gateway.app; the nearest is services/gateway/main.py"
    assert set(found) == {said}


@pytest.mark.parametrize(
    "command",
    [
        "[wget, 'http://kafka:9092/health']",
        "[sh, -c, 'kubectl rollout status deployment/kafka && curl https://example.org/x']",
        "[cat, services/gateway]",
    ],
)
def test_a_test_of_what_is_rendered_is_left_in_peace(command: str) -> None:
    assert not told(idle_commands(charts(KAFKA + TEST.format(command=command)), TREE))


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("[wget, 'http://gone:8010/health']", "names gone, which is no Service of the namespace"),
        ("[nc, 'kafka.soma-dev.svc:9093']", "names kafka.soma-dev.svc:9093; the Service has 9092"),
        ("[kubectl, rollout, status, deployment/gone]", "asks for deployment/gone, which is not rendered"),
    ],
)
def test_a_test_of_what_is_gone_is_told(command: str, said: str) -> None:
    assert said in told(idle_commands(charts(KAFKA + TEST.format(command=command)), TREE))


def depending(on: str, values: str, rendered: str = "") -> Charts:
    texts = {
        f"{FOLDER}/{STACK}/Chart.yaml": f"name: {STACK}\ndependencies:\n  - {{name: jobs, {on}}}\n",
        f"{FOLDER}/{STACK}/values.yaml": values,
    }
    return charts(KAFKA, component("gateway", 8010) + rendered, texts)


JOB = component("job", 1).replace("chart/templates", f"{STACK}/charts/jobs/templates")


@pytest.mark.parametrize(
    ("on", "values", "rendered"),
    [
        ("version: 1.0.0", "jobs: {}\n", ""),
        ("condition: jobs.enabled", "jobs: {enabled: false}\n", ""),
        ("condition: jobs.enabled", "jobs: {}\n", ""),
        ("condition: 'x.y,jobs.enabled'", "jobs: {enabled: true}\n", JOB),
        (
            "alias: other, condition: jobs.enabled",
            "jobs: {enabled: true}\n",
            JOB.replace("charts/jobs", "charts/other"),
        ),
    ],
)
def test_a_dependency_that_is_off_or_renders_is_left_in_peace(on: str, values: str, rendered: str) -> None:
    findings = idle_dependencies(depending(on, values, rendered))
    assert not findings.found
    assert findings.examined


def test_a_dependency_that_is_on_and_renders_nothing_is_told_where_it_is_listed() -> None:
    made = depending("condition: jobs.enabled", "jobs: {enabled: true}\n")
    found = idle_dependencies(made).found
    assert {finding.what for finding in found} == {
        "the dependency jobs is switched on by jobs.enabled, and renders nothing"
    }
    assert {(finding.place.file, finding.place.line) for finding in found} == {(f"{FOLDER}/{STACK}/Chart.yaml", 3)}
    broken = replace(made, renders=tuple(replace(each, exit_code=1, text="") for each in made.renders))
    assert not idle_dependencies(broken).found
