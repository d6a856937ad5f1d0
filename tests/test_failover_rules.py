"""What was drilled is what traffic managers are told, and it was drilled lately; all else is told."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from blueprint.documents import NOT_THERE, Document
from blueprint.rules.drill_records import RECORD, stale_drill
from blueprint.rules.failover import CLOUDFLARE, DRILL, FILES, ROUTE_53, disagreeing_failover

CHECK = {"Type": "HTTPS", "ResourcePath": "/health", "RequestInterval": 10, "FailureThreshold": 3}
GOOD: dict[str, Any] = {
    CLOUDFLARE: {
        "load_balancer": {"name": "soma.example", "default_pools": ["east", "west"]},
        "pools": [
            {"name": "west", "origins": [{"name": "gateway", "address": "west.soma.example"}]},
            {"name": "east", "origins": [{"name": "gateway", "address": "east.soma.example"}]},
        ],
        "monitor": {"type": "https", "path": "/health", "interval": 10, "consecutive_down": 3},
    },
    ROUTE_53: {
        "HealthChecks": [{"HealthCheckConfig": CHECK}, {"HealthCheckConfig": CHECK}],
        "ResourceRecordSets": [
            {"Failover": "SECONDARY", "ResourceRecords": [{"Value": "west.soma.example"}]},
            {"Failover": "PRIMARY", "ResourceRecords": [{"Value": "east.soma.example"}]},
        ],
    },
    DRILL: {"targets": ["east.soma.example", "west.soma.example"], "path": "/health", "interval": 10, "threshold": 3},
}


def told(texts: dict[str, str]) -> list[str]:
    documents = [Document(path, texts.get(path, ""), absent="" if path in texts else NOT_THERE) for path in FILES]
    findings = disagreeing_failover(documents)
    assert not findings.unexamined
    return [f"{finding.place}: {finding.what}" for finding in findings.found]


def texts(**changes: tuple[str, str]) -> dict[str, str]:
    """The good definitions as they would be written, with one text replaced in some of them."""
    made = {path: json.dumps(body, indent=1) for path, body in GOOD.items()}
    for name, (find, put) in changes.items():
        path = next(each for each in FILES if name in each)
        assert find in made[path]
        made[path] = made[path].replace(find, put)
    return made


def test_definitions_that_agree_are_left_in_peace() -> None:
    assert told(texts()) == []


@pytest.mark.parametrize(
    ("name", "find", "put", "expected"),
    [
        ("cloudflare", '"/health"', '"/ready"', f"{CLOUDFLARE}:1 path: says /ready, where /health was drilled"),
        ("cloudflare", '"interval": 10', '"interval": 60', f"{CLOUDFLARE}:1 interval: says 60, where 10 was drilled"),
        ("cloudflare", "consecutive_down", "retries", f"{CLOUDFLARE}:1: does not say the threshold"),
        ("cloudflare", "west.soma", "north.soma", f"{CLOUDFLARE}:1 targets: says east.soma.example, north.soma"),
        ("cloudflare", '"east",', '"west",', f"{CLOUDFLARE}:1: has no second target"),
        ("route53", "PRIMARY", "NONE", f"{ROUTE_53}:1 targets: says west.soma.example, east.soma.example"),
        ("route53", '"FailureThreshold": 3', '"FailureThreshold": 5', f"{ROUTE_53}:1 threshold: says 5, where 3"),
        ("drill", '"threshold": 3', '"threshold": 2', f"{CLOUDFLARE}:1 threshold: says 3, where 2"),
        ("drill", "{", "", f"{DRILL}:5: is not YAML"),
        ("route53", "{", "[", f"{ROUTE_53}:"),
    ],
)  # fmt: skip
def test_a_difference_is_told(name: str, find: str, put: str, expected: str) -> None:
    found = told(texts(**{name: (find, put)}))
    assert any(each.startswith(expected) for each in found), found


def test_health_checks_that_differ_agree_with_nothing() -> None:
    body = json.loads(json.dumps(GOOD[ROUTE_53]))
    body["HealthChecks"][0]["HealthCheckConfig"]["RequestInterval"] = 30
    assert told(texts() | {ROUTE_53: json.dumps(body)}) == [
        f"{ROUTE_53}:1 interval: says 30 and 10, where 10 was drilled"
    ]


def test_what_is_absent_or_empty_is_told_and_hides_nothing() -> None:
    assert [each.partition(":")[0] for each in told({})] == sorted(FILES)
    assert len(told(texts() | {DRILL: "[]", CLOUDFLARE: "{}"})) == 2


# records of drills

GREEN = '[[drill]]\ncase = "redis"\nday = 2026-01-31\nverdict = "pass"\ncommit = "0123abc"\n'
RED = GREEN.replace("2026-01-31", "2026-06-01").replace('"pass"', '"fail"')


def overdue(text: str, as_of: str, case: str = "redis") -> list[str]:
    findings = stale_drill(Document(RECORD, text), case, date.fromisoformat(as_of))
    return [f"{finding.place}: {finding.what}" for finding in findings.found]


def test_a_drill_is_good_for_a_quarter() -> None:
    assert overdue(GREEN, "2026-01-31") == []
    assert overdue(GREEN, "2026-04-29") == []
    assert overdue(GREEN, "2026-04-30") == [
        f"{RECORD}:1 redis: the newest green drill of redis is of 2026-01-31, a quarter old on 2026-04-30"
    ]
    assert overdue(GREEN + GREEN.replace("2026-01-31", "2026-03-01"), "2026-04-30") == []
    assert "in 14 days" in stale_drill(Document(RECORD, GREEN), "redis", date(2026, 4, 16)).observed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ":1 redis: no green drill of redis is recorded"),
        (RED, ":1 redis: no green drill of redis is recorded, and 1 that were not green"),
        (GREEN.replace("redis", "kafka"), ":1 redis: no green drill of redis is recorded"),
        (GREEN.replace("2026-01-31", "2027-01-31"), ":1 redis: the drill of 2027-01-31 has yet to come on 2026-02-01"),
        (GREEN.replace("2026-01-31", "'2026-01-31'"), ":1: is no drill with case, day, verdict and commit"),
        (GREEN.replace("commit", "tree"), ":1: is no drill with case, day, verdict and commit"),
        ("[[drill]\n", ":1: is not TOML"),
        ("drill = [1]\n", ":1: holds drills that are not tables"),
    ],
)
def test_what_is_no_green_drill_is_told(text: str, expected: str) -> None:
    found = overdue(text, "2026-02-01")
    assert any(each.startswith(f"{RECORD}{expected}") for each in found), found


def test_without_a_record_nothing_was_drilled() -> None:
    absent = stale_drill(Document(RECORD, absent=NOT_THERE), "failover", date(2026, 1, 1))
    assert absent.found[0].what.startswith("drills.toml is not there")
    assert overdue(GREEN + RED, "2026-02-01") == [], "a red drill behind a green one takes nothing back"
