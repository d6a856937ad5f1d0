"""Each rule on what a live Compose project answered: quiet when all is well, and a sentence for each fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from blueprint.evidence import JSON, Findings
from blueprint.live import Answer, BringUp, Container, Exchange, HealthLook, Inside, Restart, Stock
from blueprint.rules import live_compose as rules
from worlds.probes import conversation, inside

UP = BringUp.of(
    {
        "profiles": "default",
        "services": ["gateway", "ui"],
        "containers": [
            {"service": "gateway", "state": "running", "health": "healthy", "exit_code": 0},
            {"service": "ui", "state": "running", "health": "healthy", "exit_code": 0},
        ],
        "exit_code": 0,
    }
)
GATEWAY, UI = UP.containers


def told(findings: Findings) -> list[str]:
    return [str(finding) for finding in findings.found]


def is_well(findings: Findings) -> bool:
    return not findings.found and bool(findings.population) and not findings.unexamined and bool(findings.observed)


def test_a_healthy_bring_up_is_quiet() -> None:
    findings = rules.unhealthy_containers(UP)
    assert is_well(findings)
    assert findings.observed == "2 of 2 containers healthy with default"


def test_a_service_that_is_left_out_is_told_of() -> None:
    findings = rules.unhealthy_containers(replace(UP, absent=("grafana",)))
    assert is_well(findings)
    assert findings.observed == "2 of 2 containers healthy with default; grafana is unavailable here and left out"


@pytest.mark.parametrize(
    ("up", "sentence"),
    [
        pytest.param(
            replace(UP, containers=(GATEWAY, replace(UI, health="unhealthy"))), "running, unhealthy", id="unhealthy"
        ),
        pytest.param(replace(UP, containers=(GATEWAY, replace(UI, health=""))), "without a health", id="unchecked"),
        pytest.param(
            replace(UP, containers=(GATEWAY, replace(UI, state="exited", exit_code=3))),
            "exited (exit code 3)",
            id="gone",
        ),
        pytest.param(replace(UP, containers=(GATEWAY,)), "ui: not there", id="missing"),
        pytest.param(
            replace(UP, containers=(*UP.containers, replace(UI, service="kafka"))), "does not select it", id="extra"
        ),
        pytest.param(replace(UP, exit_code=1, output="no such image"), "exit code 1: no such image", id="failed"),
    ],
)
def test_what_is_not_healthy_is_named(up: BringUp, sentence: str) -> None:
    findings = told(rules.unhealthy_containers(up))
    assert len(findings) == 1
    assert sentence in findings[0]


def test_nothing_at_all_is_found_missing() -> None:
    assert len(rules.unhealthy_containers(replace(UP, containers=())).found) == 2
    assert not rules.unhealthy_containers(BringUp.of(None)).population


ENDED = replace(UP, exit_code=130, containers=tuple(replace(one, state="exited", health="") for one in (GATEWAY, UI)))


def test_a_clean_end_is_quiet() -> None:
    assert is_well(rules.unclean_ends(ENDED))
    assert is_well(
        rules.unclean_ends(
            replace(ENDED, exit_code=0, containers=(replace(UI, state="exited", exit_code=143), ENDED.containers[0]))
        )
    )


@pytest.mark.parametrize(
    ("end", "sentence"),
    [
        pytest.param(replace(ENDED, exit_code=1), "up: ended with exit code 1 on SIGINT", id="command"),
        pytest.param(replace(ENDED, containers=(GATEWAY, ENDED.containers[1])), "still runs", id="runs"),
        pytest.param(
            replace(ENDED, containers=(replace(ENDED.containers[0], exit_code=137), ENDED.containers[1])),
            "gateway: ended with exit code 137 (end on SIGTERM",
            id="killed",
        ),
    ],
)
def test_an_unclean_end_is_named(end: BringUp, sentence: str) -> None:
    findings = told(rules.unclean_ends(end))
    assert len(findings) == 1
    assert sentence in findings[0]


def test_a_container_that_is_gone_after_the_end_was_not_examined() -> None:
    assert rules.unclean_ends(replace(ENDED, containers=())).unexamined == {"gateway", "ui"}


NEEDS = {"worker": "required", "ui": "optional"}


def answer(status: int, overall: str, **components: str) -> Answer:
    named: dict[str, JSON] = {name: {"status": state} for name, state in components.items()}
    return Answer(status, {"status": overall, "components": named})


WELL = HealthLook("", "", answer(200, "ok", worker="ok", ui="ok"), Answer(200))
WITHOUT_WORKER = HealthLook("worker", "required", answer(503, "down", worker="down", ui="ok"), Answer(503))
WITHOUT_UI = HealthLook("ui", "optional", answer(200, "degraded", worker="ok", ui="down"), Answer(200))


@pytest.mark.parametrize(
    ("looks", "need"), [([WELL], ""), ([WELL, WITHOUT_WORKER, WELL], "required"), ([WELL, WITHOUT_UI], "optional")]
)
def test_honest_health_is_quiet(looks: list[HealthLook], need: str) -> None:
    assert is_well(rules.dishonest_health(looks, NEEDS, need))


@pytest.mark.parametrize(
    ("look", "sentence"),
    [
        (replace(WELL, health=answer(200, "degraded", worker="ok", ui="ok")), "says 'degraded', not 'ok'"),
        (replace(WELL, health=answer(200, "ok", worker="down", ui="ok")), "says worker is not ok"),
        (replace(WELL, health=answer(500, "ok", worker="ok", ui="ok")), "it answers 500"),
        (replace(WELL, health=Answer(200, "ok")), "says None"),
        (replace(WELL, health=Answer(200, "\n<!doctype html><html>")), "a single-page app answers it, not the gateway"),
        (replace(WELL, ready=Answer(503)), "it is not ready: 503"),
        (replace(WELL, ready=Answer(0, error="refused")), "not ready: no answer (refused)"),
        (replace(WITHOUT_WORKER, health=answer(200, "ok", worker="down", ui="ok")), "worker stopped it says 'ok'"),
        (replace(WITHOUT_WORKER, health=answer(503, "down", worker="ok", ui="ok")), "does not say so of worker"),
        (replace(WITHOUT_WORKER, ready=Answer(200)), "worker stopped it is ready"),
        (replace(WITHOUT_UI, health=answer(200, "ok", worker="ok", ui="down")), "ui stopped it says 'ok', not 'degr"),
        (replace(WITHOUT_UI, health=answer(503, "degraded", worker="ok", ui="down")), "it answers 503"),
        (replace(WITHOUT_UI, ready=Answer(503)), "ui stopped it is not ready"),
    ],
)
def test_dishonest_health_is_named(look: HealthLook, sentence: str) -> None:
    findings = told(rules.dishonest_health([WELL, look], NEEDS, look.need))
    assert any(sentence in finding for finding in findings), findings


def test_a_component_that_nobody_stopped_was_not_examined_and_an_unknown_one_is_a_finding() -> None:
    assert rules.dishonest_health([WELL], NEEDS, "required").unexamined == {"worker"}
    extra = replace(WELL, health=answer(200, "ok", worker="ok", ui="ok", cache="ok"))
    assert "names cache, of which nobody says" in told(rules.dishonest_health([extra], NEEDS))[0]


STEPS = {"tool_called": "tools", "answered": "worker"}


def asked(*events: tuple[str, str], answered: str = "", wanted: tuple[str, ...] = ()) -> Exchange:
    rows: list[Mapping[str, object]] = [{"event": event, "by": by} for event, by in events]
    if answered:
        rows.append({"event": "answered", "by": "worker", "data": {"answer": answered}})
    return Exchange.of("6 * 7", wanted, {"posted": {"status": 200, "body": {}}, "events": rows})


def test_an_answered_message_is_quiet() -> None:
    findings = rules.unanswered_message([asked(("tool_called", "tools"), answered="42", wanted=("42",))], STEPS)
    assert is_well(findings)
    assert findings.observed == "tools, worker took part: 42"


@pytest.mark.parametrize(
    ("exchange", "sentence"),
    [
        (asked(("tool_called", "worker"), answered="42"), "tools: took no part: no event 'tool_called' of its; it was"),
        (asked(answered="42"), "tools: took no part"),
        (asked(("tool_called", "tools"), answered="43", wanted=("42",)), "answered '43', without '42'"),
        (asked(("tool_called", "tools"), ("failed", "gateway")), "got no answer; last came {'event': 'failed'"),
        (asked(), "got no answer; last came no event"),
        (replace(asked(), posted=Answer(503, "down")), "'6 * 7' was answered 503 down"),
    ],
)
def test_an_unanswered_message_is_named(exchange: Exchange, sentence: str) -> None:
    findings = told(rules.unanswered_message([exchange], STEPS))
    assert any(sentence in finding for finding in findings), findings


BEFORE = Stock.of({"containers": ["c"], "networks": ["n"], "volumes": ["v"], "ports": [8010]})


def test_nothing_left_is_quiet() -> None:
    findings = rules.left_overs(BEFORE, Stock(), 0)
    assert is_well(findings)
    assert findings.observed == "1 containers, 1 networks, 1 volumes and 1 ports are gone"


@pytest.mark.parametrize("kind", ["container", "network", "volume", "port"])
def test_each_kind_of_left_over_is_named(kind: str) -> None:
    after = Stock.of({f"{kind}s": ["x"]})
    assert told(rules.left_overs(BEFORE, after, 0)) == [f"{kind} x: is still there after `down -v`"]


def test_a_failed_down_is_named_and_an_empty_project_proves_nothing() -> None:
    assert told(rules.left_overs(BEFORE, Stock(), 1)) == ["down: ended with exit code 1"]
    lacking = replace(BEFORE, ports=frozenset())
    assert told(rules.left_overs(lacking, Stock(), 0)) == ["ports: the project had none before `down -v`"]


RUNS = Container("ui", "running", "healthy", restarts=0, started_at="1")
AGAIN = replace(RUNS, restarts=1, started_at="2")


def test_a_restart_is_quiet() -> None:
    assert is_well(rules.not_restarted(Restart(RUNS, AGAIN, 2.0), "ui"))


@pytest.mark.parametrize(
    ("after", "sentence"),
    [
        (replace(RUNS, state="exited", exit_code=137), "was not restarted by its policy"),
        (RUNS, "was not restarted by its policy"),
        (replace(AGAIN, health="starting"), "was restarted and is running, starting"),
        (replace(AGAIN, started_at="1"), "still runs since before the kill"),
    ],
)
def test_a_missing_restart_is_named(after: Container, sentence: str) -> None:
    findings = told(rules.not_restarted(Restart(RUNS, after), "ui"))
    assert len(findings) == 1
    assert sentence in findings[0]


def test_the_wrong_container_was_not_examined() -> None:
    assert rules.not_restarted(Restart(RUNS, AGAIN), "gateway").unexamined == {"gateway"}


CONFINED = Inside.of(
    {
        "service": "ui",
        "users": {"docker-init": 10001, "python": 10001},
        "root_options": ["ro", "relatime"],
        "no_new_privileges": True,
        "memory_limit": 1,
        "cpu_limit": 0.5,
        "pids_limit": 1,
        "listening": [8080],
        "declared": [8080],
    }
)


def test_a_confined_container_is_quiet() -> None:
    assert is_well(rules.privileged_containers([CONFINED], ["ui"]))
    assert is_well(rules.undeclared_listeners([CONFINED], ["ui"]))


@pytest.mark.parametrize(
    ("seen", "sentence"),
    [
        (replace(CONFINED, users={"python": 0}), "runs python as root"),
        (replace(CONFINED, users={}), "shows no process"),
        (replace(CONFINED, root_options=("rw",)), "writable root file system"),
        (replace(CONFINED, no_new_privileges=False), "may gain privileges"),
        (replace(CONFINED, memory_limit=0), "no memory limit"),
        (replace(CONFINED, cpu_limit=0.0), "no cpu limit"),
        (replace(CONFINED, pids_limit=0), "no process limit"),
        (replace(CONFINED, error="no shell"), "cannot be looked into: no shell"),
    ],
)
def test_each_way_out_is_named(seen: Inside, sentence: str) -> None:
    findings = told(rules.privileged_containers([seen], ["ui"]))
    assert len(findings) == 1
    assert sentence in findings[0]


def test_an_undeclared_listener_is_named_and_a_container_out_of_sight_is_not_examined() -> None:
    extra = replace(CONFINED, listening=(8080, 5678))
    assert "listens on port 5678, which nothing declares" in told(rules.undeclared_listeners([extra], ["ui"]))[0]
    assert rules.undeclared_listeners([CONFINED], ["ui", "gateway"]).unexamined == {"gateway"}
    assert rules.privileged_containers([replace(CONFINED, error="x")], ["ui"]).unexamined == {"ui"}


def test_proc_is_read_as_the_kernel_writes_it() -> None:
    statuses = "Name:\tpython\nUmask:\t0022\nUid:\t10001\t10001\t10001\t10001\nName:\tsh\nUid:\t0\t0\t0\t0\n"
    assert inside.users(statuses) == {"python": 10001, "sh": 0}
    mounts = "overlay / overlay rw,relatime 0 0\nproc /proc proc rw 0 0\noverlay / overlay ro,relatime,lowerdir=x 0 0\n"
    assert inside.root_options(mounts) == ["ro", "relatime"]
    sockets = (
        "  sl  local_address rem_address   st tx_queue rx_queue\n"
        "   0: 0B00007F:8D3B 00000000:0000 0A 00000000:00000000\n"
        "   1: 00000000:1F4A 00000000:0000 0A 00000000:00000000\n"
        "   2: 0100007F:1F4A 0100007F:9999 01 00000000:00000000\n"
        "   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000\n"
    )
    assert inside.listening(sockets) == [8010, 8080]
    assert inside.declared({"8010/tcp": {}, "53/udp": {}}) == [8010]


def test_server_sent_events_are_read_and_noise_is_passed_over() -> None:
    lines = [": ping", "id: 1", "event: x", 'data: {"event":', 'data:  "x"}', "", "data: no JSON", "", "data: [1]", ""]
    assert list(conversation.server_sent(lines)) == [{"event": "x"}]
