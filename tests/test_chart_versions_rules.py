"""Versions and tags that disagree between charts, values and packages are found where they stand."""

from __future__ import annotations

import pytest

from blueprint.documents import NOT_THERE, Document
from blueprint.rules.chart_versions import disagreeing_versions

CHART = "infra/helm/soma-stack/Chart.yaml"
VALUES = "infra/helm/soma-stack/values.yaml"
PROD = "infra/helm/values-prod.yaml"
CHART_TEXT = "apiVersion: v2\nname: soma-stack\nversion: 1.2.0\nappVersion: 1.2.0\n"
VALUES_TEXT = """\
stack:
  opa: {image: openpolicyagent/opa:1.22.2}
  gateway:
    image: soma.local/gateway:1.2.0
  conversationWorker:
    image: {repository: registry.example.org:5000/soma/conversation-worker, tag: 1.2.0}
  jobs:
    - image: soma.local/memory_service:v1.2.0
    - sidecarImage: openpolicyagent/opa:1.22.2
"""
PROD_TEXT = "infra:\n  opa:\n    image: openpolicyagent/opa:1.22.2\n"
PACKAGE = "infra/helm/soma-stack-1.2.0.tgz"


def offences(
    chart: str = CHART_TEXT, values: str = VALUES_TEXT, prod: str = PROD_TEXT, packages: tuple[str, ...] = (PACKAGE,)
) -> list[str]:
    documents = [Document(VALUES, values), Document(PROD, prod)]
    findings = disagreeing_versions([Document(CHART, chart)], documents, packages, [CHART, VALUES, PROD, *packages])
    assert not findings.unexamined
    return [f"{finding.place.file}:{finding.place.line} {finding.what}" for finding in findings.found]


def test_what_agrees_is_left_in_peace() -> None:
    assert offences() == []
    assert offences(packages=()) == []
    assert offences(packages=("infra/helm/soma-stack/charts/other-9.0.0.tgz",)) == []
    assert offences(chart=CHART_TEXT.replace("appVersion: 1.2.0", 'appVersion: "v1.2.0"')) == []


@pytest.mark.parametrize(
    ("find", "put", "expected"),
    [
        (
            "gateway:1.2.0",
            "gateway:1.1.0",
            f"{VALUES}:4 the tag of soma.local/gateway is '1.1.0', the chart's appVersion",
        ),
        ("gateway:1.2.0", "gateway:latest", f"{VALUES}:4 the tag of soma.local/gateway is 'latest'"),
        ("tag: 1.2.0", "tag: 1.2.1", f"{VALUES}:6 the tag of registry.example.org:5000/soma/conversation-worker is"),
        ("tag: 1.2.0", "tag: ''", f"{VALUES}:6 the tag of registry.example.org:5000/soma/conversation-worker is ''"),
        ("memory_service:v1.2.0", "memory_service:v2", f"{VALUES}:8 the tag of soma.local/memory_service is 'v2'"),
        (
            "sidecarImage: openpolicyagent/opa:1.22.2",
            "image: openpolicyagent/opa:1.20.0",
            f"{VALUES}:9 the tag of openpol",
        ),
        ("stack:\n", "stack: [\n", f"{VALUES}:"),
    ],
)
def test_a_tag_of_its_own_is_told(find: str, put: str, expected: str) -> None:
    assert VALUES_TEXT.count(find) == 1
    found = offences(values=VALUES_TEXT.replace(find, put))
    assert found
    assert found[0].startswith(expected), found


def test_an_overlay_that_undoes_the_release_is_told() -> None:
    prod = PROD_TEXT + "stack:\n  gateway:\n    image: soma.local/gateway:1.1.0\n"
    expected = "the tag of soma.local/gateway is '1.1.0', the chart's appVersion is 1.2.0"
    assert offences(prod=prod) == [f"{PROD}:6 {expected}"]


@pytest.mark.parametrize(
    ("find", "put", "what"),
    [
        ("\nversion: 1.2.0", "\nversion: 1.2", "version is no semantic version: '1.2'"),
        ("appVersion: 1.2.0\n", "", "appVersion is no semantic version: ''"),
        ("appVersion: 1.2.0", "appVersion: latest", "appVersion is no semantic version: 'latest'"),
        ("\nversion: 1.2.0", "\nversion: 1.3.0", "packages 1.2.0; the chart's version is 1.3.0"),
        ("name: soma-stack", "name: soma", "is the package of no chart that is here"),
    ],
)
def test_a_chart_that_disagrees_is_told(find: str, put: str, what: str) -> None:
    assert CHART_TEXT.count(find) == 1
    assert any(what in each for each in offences(chart=CHART_TEXT.replace(find, put)))


def test_what_is_absent_is_told_and_hides_nothing() -> None:
    documents = [Document(VALUES, VALUES_TEXT), Document(PROD, absent=NOT_THERE)]
    findings = disagreeing_versions(
        [Document(CHART, absent=NOT_THERE)], documents, ["infra/x.tgz"], [CHART, VALUES, PROD]
    )
    assert [finding.place.file for finding in findings.found] == [CHART, PROD, "infra/x.tgz"]
