"""Metrics, dashboards, alerts and logs that are not well: each offence is found, and named."""

from __future__ import annotations

import json

import pytest

from blueprint.dashboards import alerts_counted, queries_counted, read_panels
from blueprint.documents import Document
from blueprint.evidence import Findings
from blueprint.live_observability import Answers, Asked, Lines, Scrapes
from blueprint.rules.live_observability import blind_alerts, empty_panels, unheard_services, unscraped_services

METRICS = ("soma_http_requests_total", "up")
ASKED = Asked("d.json", 1, "panel 'Load' of 'gateway'", "rate(soma_http_requests_total[1m])", series=2)


def said(findings: Findings) -> str:
    """All findings, one a line."""
    return "\n".join(map(str, findings.found))


def target(service: str, health: str = "up", error: str = "") -> dict[str, str]:
    """A target of the job services."""
    return {"service": service, "job": "services", "health": health, "error": error}


def scrapes(*targets: dict[str, str], running: tuple[str, ...] = ("gateway",), **told: float) -> Scrapes:
    """What runs, what is scraped, and what is told of dependencies."""
    dependencies = tuple({"dependency": name, "value": value} for name, value in told.items())
    return Scrapes(running, targets, dependencies)


def test_what_runs_is_scraped_and_up() -> None:
    running = ("gateway", "kafka")
    findings = unscraped_services(scrapes(target("gateway"), running=running, kafka=1.0))
    assert not findings.found
    assert findings.examined == findings.population == {"gateway", "kafka"}
    assert findings.observed == "1 of 2 services scraped and up; kafka told of by those that use them"


@pytest.mark.parametrize(
    ("seen", "wanted"),
    [
        (scrapes(), "gateway: runs and is not scraped (give it a job in infra/observability/prometheus.yaml)"),
        (scrapes(target("gateway", "down", "no such host")), "gateway: is scraped by services and is down: no such"),
        (scrapes(target("gateway"), target("ui", "up")), "ui: is a target of services and has no running container"),
        (scrapes(running=("kafka",)), "kafka: has no metrics, and no service that uses it tells how it is"),
        (scrapes(running=("pgvector",), pgvector=0.0), "pgvector: is down, says a service that uses it"),
        (scrapes(running=("qdrant",), qdrant=1.0), "qdrant: runs and is not scraped"),
        (scrapes(target("gateway"), target("")), "a target without a service: is a target of services and has no"),
    ],
)
def test_what_is_not_scraped_or_not_up(seen: Scrapes, wanted: str) -> None:
    assert wanted in said(unscraped_services(seen))


def panels(
    *asked: Asked, population: tuple[str, ...] = ("d.json 1",), boards: tuple[str, ...] = ("gateway",)
) -> Findings:
    """The rule on some queries."""
    return empty_panels(Answers(asked, METRICS), population, boards, ["gateway"])


def test_a_panel_with_data_is_well() -> None:
    findings = panels(ASKED)
    assert (findings.found, findings.unexamined) == ((), frozenset())


def test_a_panel_that_returns_nothing_is_found() -> None:
    empty = Asked("d.json", 1, "panel 'Load' of 'gateway'", "up{service='gatewey'}")
    assert said(panels(empty)) == "d.json 1: panel 'Load' of 'gateway' has no data: up{service='gatewey'}"


def test_a_misspelt_metric_is_named_with_the_nearest() -> None:
    misspelt = Asked("d.json", 1, "panel 'Load' of 'gateway'", "rate(soma_http_request_total[1m])")
    told = said(panels(misspelt))
    assert "there is no metric soma_http_request_total, the nearest is soma_http_requests_total" in told


def test_a_query_that_does_not_evaluate_is_found() -> None:
    broken = Asked("d.json", 1, "panel 'Load' of 'gateway'", "rate(up", error="parse error: unclosed left parenthesis")
    assert "does not evaluate: parse error" in said(panels(broken))


def test_a_service_without_a_dashboard_and_a_query_that_was_not_asked() -> None:
    findings = panels(population=("d.json 1",), boards=())
    assert said(findings) == "gateway: has no dashboard of its name"
    assert findings.unexamined == {"d.json 1"}


ALERT = Asked("rules.yaml", 1, "alert Down", "up == 0", selectors={"up": 3})


def alerts(*asked: Asked) -> Findings:
    """The rule on some alerts."""
    return blind_alerts(Answers(asked, METRICS), ["rules.yaml 1"])


def test_an_alert_about_what_is_there_is_well() -> None:
    findings = alerts(ALERT)
    assert (findings.found, findings.unexamined) == ((), frozenset())


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        (Asked("rules.yaml", 1, "alert Down", "upp == 0", selectors={"upp": 0}), "there is no metric upp, the nearest"),
        (Asked("rules.yaml", 1, "alert Down", "up == 0", selectors={"up": 3}, health="err", error="x"), "is err: x"),
        (Asked("rules.yaml", 1, "alert Down", "1 > 2", selectors={}), "is about no metric: 1 > 2"),
    ],
)
def test_an_alert_that_can_never_fire(asked: Asked, wanted: str) -> None:
    assert wanted in said(alerts(asked))


def test_a_rule_that_is_not_loaded_is_unexamined() -> None:
    assert alerts().unexamined == {"rules.yaml 1"}


def test_logs_of_a_service_are_its_own() -> None:
    own, foreign = {"service": "gateway", "message": "x"}, {"service": "ui"}
    assert not unheard_services([Lines("gateway", (own,))], ["gateway"]).found
    assert "has lines in Loki that are of 'ui'" in said(unheard_services([Lines("gateway", (foreign,))], ["gateway"]))
    assert "has no line in Loki" in said(unheard_services([Lines("gateway", ("no JSON",))], ["gateway"]))
    nothing = unheard_services([Lines("gateway", (), "502 Bad Gateway")], ["gateway"])
    assert "has no line in Loki: 502 Bad Gateway" in said(nothing)


def board(**changes: object) -> Document:
    """A dashboard with a panel, a row that is closed over another, and a panel of text."""
    inner = {"title": "Inner", "targets": [{"expr": "b"}]}
    rows: list[object] = [
        {"title": "Outer", "targets": [{"expr": "a"}]},
        {"type": "row", "panels": [inner]},
        {"type": "text"},
    ]
    return Document("board.json", json.dumps({"title": "gateway", "panels": rows, **changes}))


def test_every_query_of_a_dashboard_is_read_and_counted_again() -> None:
    found, faults = read_panels([board()])
    assert [(panel.title, panel.expression, panel.number) for panel in found] == [("Outer", "a", 1), ("Inner", "b", 2)]
    assert not faults
    assert queries_counted([board()]) == {"board.json 1", "board.json 2"}


def test_what_is_no_dashboard_is_a_finding_with_its_place() -> None:
    for document, wanted in (
        (Document("x.json", "{\n  nonsense"), "x.json:2: is not JSON"),
        (Document("x.json", "[]"), "x.json:1: has no panels"),
        (board(panels={}), "board.json:1: has no panels"),
        (Document("x.json", absent="is not there"), "x.json: x.json is not there"),
    ):
        found, faults = read_panels([document])
        assert not found
        assert str(faults[0]).startswith(wanted)


def test_alerts_are_counted_in_the_text() -> None:
    rules = "      - alert: A\n        expr: up\n      - expr: b\n        alert: B\n      - record: c\n"
    text = f"groups:\n  - rules:\n{rules}"
    assert alerts_counted([Document("rules.yaml", text)]) == {"rules.yaml 1", "rules.yaml 2"}
