"""The rules on components and on the smoke test, and what probes make of answers: a sentence a fault."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from collections.abc import Mapping
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from blueprint.evidence import JSON, Findings
from blueprint.live import Answer
from blueprint.live_components import Admission, Boards, Decision, Flags, Query, SmokeRun, Target
from blueprint.rules.live_components import (
    admitted_strangers,
    blank_dashboards,
    blind_targets,
    closed_vaults,
    deaf_flags,
    forgotten_value,
    lost_record,
    wrong_decisions,
)
from blueprint.rules.live_smoke import blind_smoke, red_smoke
from provision.processes import Completed
from worlds.component_proofs import verdicts
from worlds.probes import conversation, grafana, kafka, oidc, prometheus

ISSUER = "http://auth:8080/realms/soma"
SHOWN = ("with the token", "without a token", "changed")
POSTED = {"with the token": Answer(200), "without a token": Answer(401), "changed": Answer(401)}
ADMISSION = Admission(ISSUER, Answer(200), ISSUER, ("gateway",), ("conversation",), POSTED)


def said(findings: Findings) -> str:
    return "\n".join(map(str, findings.found))


def quiet(findings: Findings) -> str:
    assert not findings.found, said(findings)
    assert findings.population
    assert not findings.unexamined
    return findings.observed


def judged(seen: Admission) -> Findings:
    return admitted_strangers(seen, SHOWN, "gateway", "conversation")


def test_a_gateway_that_knows_whom_to_let_in_is_quiet() -> None:
    assert quiet(judged(ADMISSION)) == "the token is taken, and 2 other ways in are closed"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param({"granted": Answer(401, "no")}, "issues no token: 401 no", id="no-token"),
        pytest.param({"granted": Answer(error="refused")}, "issues no token: no answer", id="no-answer"),
        pytest.param({"token_issuer": "http://127.0.0.1:1/realms/soma"}, "in the token 'http://127", id="two-names"),
        pytest.param({"issuer": "", "token_issuer": ""}, "calls itself ''", id="nameless"),
        pytest.param({"audience": ("account",)}, "a token for ('account',)", id="for-another"),
        pytest.param({"roles": ()}, "with the roles ()", id="without-role"),
        pytest.param({"answers": POSTED | {"with the token": Answer(401)}}, "answered 401 None, not 200", id="refused"),
        pytest.param({"answers": POSTED | {"changed": Answer(200)}}, "changed, a message is answered 200", id="forged"),
        pytest.param({"answers": POSTED | {"without a token": Answer(403)}}, "answered 403 None, not 401", id="403"),
    ],
)
def test_whoever_is_let_in_wrongly_is_found(change: dict[str, Any], sentence: str) -> None:
    assert sentence in said(judged(replace(ADMISSION, **change)))


def test_a_way_in_that_was_not_tried_is_not_examined() -> None:
    answers = {**POSTED, "changed": Answer(error="refused")}
    assert judged(replace(ADMISSION, answers=answers)).unexamined == {"changed"}
    assert judged(Admission.of({})).unexamined == set(SHOWN)


def test_an_admission_is_read_from_what_was_seen() -> None:
    claims = {"iss": ISSUER, "aud": "gateway", "realm_access": {"roles": ["conversation"]}}
    posted = {name: {"status": answer.status} for name, answer in POSTED.items()}
    seen = {"issuer": ISSUER, "granted": {"status": 200}, "claims": claims, "posted": posted}
    assert Admission.of(seen) == ADMISSION


WANTED = {"member": True, "nobody": False}


@pytest.mark.parametrize(
    ("decisions", "sentence"),
    [
        ({"member": Decision(200, True), "nobody": Decision(200, True)}, "nobody is answered True, not False"),
        ({"member": Decision(200, False), "nobody": Decision(200, False)}, "member is answered False, not True"),
        ({"member": Decision(200, None), "nobody": Decision(200, None)}, "nobody is answered None, not False"),
        ({"member": Decision(200, 1), "nobody": Decision(200, False)}, "member is answered 1, not True"),
    ],
)
def test_a_decision_that_is_wrong_is_found(decisions: Mapping[str, Decision], sentence: str) -> None:
    assert sentence in said(wrong_decisions(decisions, WANTED))


def test_a_policy_that_decides_well_is_quiet_and_one_that_does_not_answer_is_not_examined() -> None:
    right = {"member": Decision(200, True), "nobody": Decision(200, False)}
    assert quiet(wrong_decisions(right, WANTED)) == "1 requests denied, 1 allowed"
    assert wrong_decisions({**right, "nobody": Decision.of({"status": 0})}, WANTED).unexamined == {"nobody"}


def test_a_record_that_came_round_is_quiet_and_one_that_did_not_is_found() -> None:
    quiet(lost_record({"sent": "a", "got": "a", "exit_code": 0}))
    assert "was given 'a', and gave back ''" in said(lost_record({"sent": "a", "got": "", "exit_code": 0}))
    assert "cannot be asked: down" in said(lost_record({"sent": "a", "got": "a", "exit_code": 1, "error": "down"}))
    assert lost_record({}).unexamined == {"record"}


VALUE: dict[str, Any] = {"put": "a", "pong": True, "got": "a", "left": None, "append_only": True}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"got": None}, "was given 'a', and gave back None"),
        ({"left": "a"}, "still has 'a' after its deletion"),
        ({"append_only": False}, "keeps no append-only file (--appendonly yes)"),
        ({"error": "refused"}, "cannot be asked: refused"),
    ],
)
def test_a_value_that_redis_does_not_keep_is_found(change: dict[str, Any], sentence: str) -> None:
    quiet(forgotten_value(VALUE))
    assert sentence in said(forgotten_value(VALUE | change))


def test_targets_that_are_down_or_missing_are_found() -> None:
    up, down = Target("a", "x", "up"), Target("b", "x", "down", "refused")
    assert quiet(blind_targets([up], ["a"])) == "1 of 1 targets up"
    assert "b: is down: refused" in said(blind_targets([up, down], ["a", "b"]))
    missing = blind_targets([up], ["a", "c"])
    assert "c: says that it is to be scraped, and is not" in said(missing)
    assert missing.unexamined == {"c"}
    assert blind_targets([], ["a"]).unexamined == {"a"}


BOARDS = Boards(("soma-ui",), {"ui: up": Query(200, 3), "ui: x": Query(200)}, is_there=True, database="ok")
WHOLE = replace(BOARDS, dashboards=("soma-ui",))


@pytest.mark.parametrize(
    ("seen", "sentence"),
    [
        (BOARDS, "grafana: has no dashboard soma-ui"),
        (replace(WHOLE, database="failing"), "grafana: is not well: failing"),
        (replace(WHOLE, queries={"ui: up{": Query(400, error="parse error")}), "ui: up{: is refused: parse error"),
        (replace(WHOLE, queries={"ui: x": Query(200, unknown=("x",))}), "ui: x: asks for x, which nobody has"),
    ],
)
def test_a_dashboard_that_stays_blank_is_found(seen: Boards, sentence: str) -> None:
    assert quiet(blank_dashboards(WHOLE)) == "1 of 2 queries of 1 dashboards show something"
    assert sentence in said(blank_dashboards(seen))


def test_grafana_that_is_not_there_is_not_examined_and_its_queries_are() -> None:
    assert blank_dashboards(replace(WHOLE, is_there=False)).unexamined == {"grafana"}
    assert "parse" in said(blank_dashboards(Boards.of({"queries": {"a": {"status": 400, "error": "parse"}}})))


OPEN = {"initialized": True, "sealed": False, "standby": False, "version": "2.7.2"}


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"vault-0": OPEN | {"sealed": True}}, "vault-0: is sealed"),
        ({"vault-0": {"initialized": False, "sealed": True}}, "vault-0: is not initialised"),
        ({"vault-0": {"status": 0, "error": "refused"}}, "vault-0: does not answer: refused"),
        ({"vault-0": OPEN | {"standby": True}}, "vault: has 0 leaders"),
        ({"vault-0": OPEN, "vault-1": OPEN}, "vault: has 2 leaders"),
    ],
)
def test_a_vault_that_is_closed_is_found(members: Mapping[str, Any], sentence: str) -> None:
    assert quiet(closed_vaults({"vault-0": OPEN}, ["vault-0"])) == "1 open, of version 2.7.2"
    assert sentence in said(closed_vaults(members, members))
    assert closed_vaults({}, ["vault-0"]).unexamined == {"vault-0"}


FLAGS = Flags(("a", "b", "c"), "a", (("put", "b"), ("put", "c"), ("delete", "")), (3, 4, 5))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"got": ""}, "gave back '', not ('a',)"),
        ({"told": (("put", "b"), ("delete", ""))}, "told (('put', 'b'), ('delete', ''))"),
        ({"told": (("put", "c"), ("put", "b"), ("delete", ""))}, "told (('put', 'c')"),
        ({"revisions": (3, 5, 4)}, "at the revisions (3, 5, 4)"),
        ({"left": "c"}, "still has 'c'"),
        ({"error": "refused"}, "cannot be asked: refused"),
    ],
)
def test_a_change_that_a_watch_misses_is_found(change: dict[str, Any], sentence: str) -> None:
    assert quiet(deaf_flags(FLAGS)) == "got what was put, and was told of 3 changes in order"
    assert sentence in said(deaf_flags(replace(FLAGS, **change)))


def test_flags_that_were_not_tried_are_not_examined() -> None:
    assert deaf_flags(Flags.of({})).unexamined == {"put", "get", "watch", "delete"}


CHECKS = ("health", "redis")
GREEN = SmokeRun("", 0, dict.fromkeys(CHECKS, "ok"), ("ok       health     200", "all ok"))
RED = SmokeRun("redis", 1, {"health": "ok", "redis": "FAILED"}, ("FAILED   redis      refused",))


def test_a_smoke_test_that_is_green_is_quiet() -> None:
    quiet(red_smoke(GREEN, CHECKS))
    quiet(blind_smoke([RED], {"redis": ("redis",)}, GREEN))


@pytest.mark.parametrize(
    ("run", "sentence"),
    [
        (replace(GREEN, exit_code=1), "ends with exit code 1: ok       health     200 / all ok"),
        (RED, "redis is FAILED: FAILED   redis      refused"),
        (replace(GREEN, checks={"health": "left out", "redis": "ok"}), "health is left out"),
    ],
)
def test_a_smoke_test_that_is_red_where_all_is_well_is_found(run: SmokeRun, sentence: str) -> None:
    assert sentence in said(red_smoke(run, CHECKS))


def test_a_check_that_was_not_made_is_not_examined() -> None:
    assert red_smoke(replace(GREEN, checks={"health": "ok"}), CHECKS).unexamined == {"redis"}
    assert blind_smoke([], {"redis": ("redis",)}, GREEN).unexamined == {"redis"}


@pytest.mark.parametrize(
    ("run", "after", "sentence"),
    [
        (replace(RED, checks=GREEN.checks), GREEN, "without redis, redis is ok"),
        (replace(RED, exit_code=0), GREEN, "without redis, it ends with exit code 0"),
        (replace(RED, said=("Traceback (most recent call last):",)), GREEN, "it ends in a traceback"),
        (RED, replace(GREEN, exit_code=1), "with all of it back, it ends with exit code 1"),
    ],
)
def test_a_smoke_test_that_sees_nothing_is_found(run: SmokeRun, after: SmokeRun, sentence: str) -> None:
    assert sentence in said(blind_smoke([run], {"redis": ("redis",)}, after))


def test_verdicts_are_read_from_the_lines() -> None:
    lines = ["looking at kubectl", "ok       health     200, ok", "FAILED   redis      refused", "left out topics  no"]
    assert verdicts([*lines, f"{'':20}next: kubectl", "1 failed"]) == {
        "health": "ok",
        "redis": "FAILED",
        "topics": "left out",
    }


def test_what_is_forged_of_a_token_is_another_token() -> None:
    parts = [{"alg": "RS256", "kid": "1"}, {"sub": "a", "aud": "gateway"}]
    coded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    token = f"{'.'.join(coded)}.AAAA"
    forged = oidc.forgeries(token)
    assert len({token, *forged.values()}) == 4
    assert oidc.claims(token)["sub"] == "a"
    assert oidc.claims(forged["changed"])["sub"] == "somebody else"
    assert forged["unsigned"].endswith(".")
    assert forged["signed otherwise"].rpartition(".")[2] == "BAAA"
    assert oidc.claims("nonsense") == oidc.claims("a.b") == {}


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("up", ["up"]),
        ('up{service="a_b"}', ["up"]),
        ("sum by (a_b) (rate(soma_x_total[1m]))", ["soma_x_total"]),
        ('count by (alertname) (ALERTS{alertstate="firing"}) or vector(0)', ["ALERTS"]),
        ('histogram_quantile(0.9, sum by (le) (rate(x_bucket{a="b"}[5m])))', ["x_bucket"]),
        ("a_b / c_d > 3", ["a_b", "c_d"]),
    ],
)
def test_names_are_read_from_queries(expression: str, wanted: list[str]) -> None:
    assert prometheus.names(expression) == wanted


def test_queries_are_read_from_panels_in_rows_and_of_prometheus_alone() -> None:
    inner = {"targets": [{"expr": "b"}, {"expr": ""}], "datasource": {"type": "prometheus"}}
    loki = {"targets": [{"expr": "{a}"}], "datasource": {"type": "loki"}}
    assert list(grafana.expressions({"panels": [{"targets": [{"expr": "a"}]}, {"panels": [inner]}, loki]})) == [
        "a",
        "b",
    ]


STATE = """
GROUP               COORDINATOR (ID)  ASSIGNMENT-STRATEGY  STATE   #MEMBERS
conversation-worker kafka:9092  (1)   range                Stable  2
"""


def test_a_group_is_read_from_what_the_tool_prints() -> None:
    def prints(text: str, code: int = 0) -> kafka.Inside:
        return lambda _, argv: Completed(tuple(argv), code, text, "", 0.0)

    assert kafka.group(prints(STATE), "conversation-worker") == {"state": "Stable", "members": 2}
    none = kafka.group(prints("\nError: GroupIdNotFoundException: Group x not found.\n\tat a\n"), "x")
    assert none == {"state": "", "members": 0, "error": "Error: GroupIdNotFoundException: Group x not found."}
    failed = kafka.carry(prints("", 1), "topic", "value")
    assert (failed["got"], failed["exit_code"], failed["error"]) == ("", 1, "")


class Pinging(BaseHTTPRequestHandler):
    """A stream of events on which nothing but comments comes."""

    def do_GET(self) -> None:
        """Comments until nobody listens."""
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(b": ping\n\n")

    def log_message(self, *_: object) -> None:
        """Nothing: a test's output is its own."""


def test_a_stream_that_only_pings_is_followed_no_longer_than_was_said() -> None:
    posted: dict[str, JSON] = {"posted": {"status": 200, "body": {"session_id": "s", "message_id": "m"}}}
    with ThreadingHTTPServer(("127.0.0.1", 0), Pinging) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            seen = conversation.follow(f"http://127.0.0.1:{server.server_port}", posted, 0.3)
        finally:
            server.shutdown()
            thread.join()
    assert (seen["events"], seen["error"]) == ([], "no last event within 0.3 s")
