"""The local environment, live: brought up, spoken to, hurt, and taken down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import pytest

from blueprint.dashboards import alerts_counted, queries_counted, read_panels
from blueprint.evidence import Findings
from blueprint.rules.live_compose import (
    dishonest_health,
    left_overs,
    not_restarted,
    privileged_containers,
    unanswered_message,
    unclean_ends,
    undeclared_listeners,
    unhealthy_containers,
)
from blueprint.rules.live_kafka import strayed_records, tolerated_schemas
from blueprint.rules.live_memories import unfound_memories
from blueprint.rules.live_observability import blind_alerts, empty_panels, unheard_services, unscraped_services

if TYPE_CHECKING:
    from blueprint.documents import Document
    from worlds.memories import Memories
    from worlds.messaging import Messaging
    from worlds.observing import Observing
    from worlds.stack import ComposeStack
    from worlds.switching import Switching

Conclude = Callable[[Findings], None]

BASE = ("gateway", "ui", "conversation_worker", "memory_service", "tool_executor")
EVERYTHING = ("default", "kafka", "observability", "vectorstore")
STORES = ("pgvector", "qdrant")
NEEDS = {
    "conversation_worker": "required",
    "memory_service": "required",
    "tool_executor": "required",
    "ui": "optional",
}
"""What each component of /health is to the gateway."""
STEPS: Mapping[str, str] = {
    "planned": "conversation_worker",
    "memory_stored": "memory_service",
    "memory_recalled": "memory_service",
    "tool_called": "tool_executor",
    "answered": "conversation_worker",
}
"""The steps from a message to its answer, and the service that takes each."""
TOPICS = ("conversation.inbound", "conversation.outbound")
"""The topics that a message and its events go through where the profile kafka is on."""


@pytest.mark.proves("CMP-011", case="default")
def test_default_comes_up(compose_world: ComposeStack, conclude: Conclude) -> None:
    """`up --build --wait` ends with every container of the profile default healthy."""
    conclude(unhealthy_containers(compose_world.bring_up("default")))


@pytest.mark.proves("CMP-022")
def test_containers_are_confined(compose_stack: ComposeStack, conclude: Conclude) -> None:
    """No container has root, a writable root file system, a way to privileges, or no limits."""
    services = compose_stack.services("default")
    conclude(privileged_containers(compose_stack.inside(services), services))


@pytest.mark.proves("CMP-023")
def test_listeners_are_declared(compose_stack: ComposeStack, conclude: Conclude) -> None:
    """Every port that a container listens on is declared by its service or its image."""
    services = compose_stack.services("default")
    conclude(undeclared_listeners(compose_stack.inside(services), services))


@pytest.mark.proves("CMP-012", case="healthy")
def test_health_is_ok(compose_stack: ComposeStack, conclude: Conclude) -> None:
    """/health answers 200 and ok, and /ready 200, while everything runs."""
    conclude(dishonest_health([compose_stack.health()], NEEDS))


@pytest.mark.proves("CMP-013", effect="write")
def test_a_message_is_answered(compose_stack: ComposeStack, conclude: Conclude) -> None:
    """What was told is remembered, what is asked is worked out, and every service took its part."""
    told, session = compose_stack.exchange("Remember that the harbour gate opens at seven", "harbour gate")
    asked, _ = compose_stack.exchange(
        "What did I tell you about the harbour gate? And what is 6 * 7?", "seven", "42", session_id=session
    )
    conclude(unanswered_message([told, asked], STEPS))


@pytest.mark.parametrize("need", ["required", "optional"])
@pytest.mark.proves("CMP-012", case="{need}-stopped", effect="disrupt")
def test_health_tells_what_is_stopped(compose_stack: ComposeStack, conclude: Conclude, need: str) -> None:
    """With one dependency stopped, /health says so and /ready heeds it; with all of them back, both are well."""
    looks = [compose_stack.health()]
    for service in (name for name, kind in NEEDS.items() if kind == need):
        with compose_stack.without(service):
            looks.append(compose_stack.health(service, need))
        looks.append(compose_stack.health())
    conclude(dishonest_health(looks, NEEDS, need))


@pytest.mark.parametrize("service", BASE)
@pytest.mark.proves("CMP-019", case="{service}", effect="disrupt")
def test_a_killed_service_comes_back(compose_stack: ComposeStack, conclude: Conclude, service: str) -> None:
    """The engine restarts a service whose process was killed, and it is healthy again."""
    conclude(not_restarted(compose_stack.kill(service), service))


@pytest.mark.parametrize("selection", ["default+vectorstore"])
@pytest.mark.proves("CMP-011", case="{selection}", effect="disrupt")
def test_a_selection_comes_up(compose_world: ComposeStack, conclude: Conclude, selection: str) -> None:
    """`up --build --wait` ends with every container of the selection healthy."""
    conclude(unhealthy_containers(compose_world.bring_up(*selection.split("+"))))


@pytest.mark.parametrize("service", ["qdrant", "pgvector"])
@pytest.mark.proves("CMP-019", case="{service}", effect="disrupt")
def test_a_killed_store_comes_back(compose_world: ComposeStack, conclude: Conclude, service: str) -> None:
    """The engine restarts a store whose process was killed, and it is healthy again."""
    compose_world.ensure("default", "vectorstore")
    conclude(not_restarted(compose_world.kill(service), service))


@pytest.mark.proves("CMP-011", case="as-written", effect="disrupt")
def test_the_command_as_written(compose_world: ComposeStack, conclude: Conclude) -> None:
    """The blueprint's command, as written, brings everything up in the foreground and ends cleanly on SIGINT."""
    with compose_world.in_foreground("default", "vectorstore") as command:
        up, end = command.come_up(), command.interrupt()
    conclude(unhealthy_containers(up) | unclean_ends(end))


@pytest.mark.proves("CMP-011", case="default+kafka", effect="disrupt")
def test_kafka_comes_up(compose_world: ComposeStack, conclude: Conclude) -> None:
    """`up --build --wait` ends with every container of the profiles default and kafka healthy."""
    conclude(unhealthy_containers(compose_world.bring_up("default", "kafka")))


@pytest.mark.proves("CMP-016", case="round-trip", effect="disrupt")
def test_a_message_travels_as_records(messaging: Messaging, conclude: Conclude) -> None:
    """A message is one record, each event of its answer another, all under the schemas registered for their topics."""
    exchange, session = messaging.stack.exchange("What is 6 * 7?", "42")
    records = messaging.records(TOPICS, session)
    conclude(unanswered_message([exchange], STEPS) | strayed_records(exchange, records, *TOPICS))


@pytest.mark.proves("CMP-016", case="incompatible-schema", effect="disrupt")
def test_an_incompatible_schema_is_refused(messaging: Messaging, conclude: Conclude) -> None:
    """A schema with a new required field is refused, one with a new optional field would not be."""
    conclude(tolerated_schemas(messaging.change_schema(f"{TOPICS[0]}-value")))


@pytest.mark.proves("CMP-016", case="worker-restart", effect="disrupt")
def test_a_message_survives_a_restart_of_the_worker(messaging: Messaging, conclude: Conclude) -> None:
    """A message posted while the worker is stopped is taken, and answered once, after it has started again."""
    exchange, session = messaging.exchange_across_restart("conversation_worker", "What is 6 * 9?", "54")
    records = messaging.records(TOPICS, session)
    conclude(unanswered_message([exchange], STEPS) | strayed_records(exchange, records, *TOPICS))


@pytest.mark.parametrize("service", ["kafka", "schema-registry"])
@pytest.mark.proves("CMP-019", case="{service}", effect="disrupt")
def test_a_killed_messenger_comes_back(messaging: Messaging, conclude: Conclude, service: str) -> None:
    """The engine restarts the broker or the registry after its process was killed, and it is healthy again."""
    conclude(not_restarted(messaging.stack.kill(service), service))


@pytest.mark.proves("CMP-011", case="default+observability", effect="disrupt")
def test_observability_comes_up(compose_world: ComposeStack, conclude: Conclude) -> None:
    """`up --build --wait` ends with every container of the profiles default and observability healthy."""
    conclude(unhealthy_containers(compose_world.bring_up("default", "observability")))


@pytest.mark.proves("CMP-011", case="all", effect="disrupt")
def test_everything_comes_up(compose_world: ComposeStack, conclude: Conclude) -> None:
    """`up --build --wait` ends with every container of all four profiles healthy."""
    conclude(unhealthy_containers(compose_world.bring_up(*EVERYTHING)))


@pytest.mark.parametrize("store", STORES)
@pytest.mark.proves("CMP-014", case="{store}", effect="disrupt")
def test_a_memory_is_found_by_its_meaning(memories: Memories, conclude: Conclude, store: str) -> None:
    """A memory that was written is found in the store for other words, and what means something else is not."""
    session = f"verify-{store}"
    kept = memories.keep(
        session, "The harbour gates open at seven in the morning", "Seven apples lie in the green basket"
    )
    recalls = [memories.recall(store, session, "When is the opening of the gate at the harbor?", "harbour gates")]
    recalls.append(memories.recall(store, session, "Is there an apple in some baskets?", "green basket"))
    conclude(unfound_memories(kept, recalls, [store]))


@pytest.mark.proves("CMP-015", case="targets", effect="disrupt")
def test_every_service_is_scraped(observing: Observing, conclude: Conclude) -> None:
    """Every running service is a target of Prometheus and up, and nothing else is a target."""
    conclude(unscraped_services(observing.scrapes()))


@pytest.mark.proves("CMP-015", case="dashboards", effect="disrupt")
def test_every_panel_has_data(observing: Observing, dashboards: tuple[Document, ...], conclude: Conclude) -> None:
    """Each service has a dashboard, and the query of every panel evaluates and returns data."""
    panels, faults = read_panels(dashboards)
    found = empty_panels(
        observing.drawn(panels), queries_counted(dashboards), {panel.dashboard for panel in panels}, BASE
    )
    conclude(found | Findings.of((), (), faults))


@pytest.mark.proves("CMP-015", case="alerts", effect="disrupt")
def test_every_alert_can_fire(observing: Observing, alert_rules: Document, conclude: Conclude) -> None:
    """Every alert rule of the file is loaded and evaluates, and there is data for all that it is about."""
    conclude(blind_alerts(observing.alerts(), alerts_counted([alert_rules])))


@pytest.mark.proves("CMP-015", case="logs", effect="disrupt")
def test_logs_are_in_loki(observing: Observing, conclude: Conclude) -> None:
    """Lines of each of the five services are found in Loki under its name."""
    conclude(unheard_services(observing.logs(BASE), BASE))


@pytest.mark.parametrize("service", ["prometheus", "grafana", "loki"])
@pytest.mark.proves("CMP-019", case="{service}", effect="disrupt")
def test_a_killed_observer_comes_back(whole_stack: ComposeStack, conclude: Conclude, service: str) -> None:
    """The engine restarts what observes after its process was killed, and it is healthy again."""
    conclude(not_restarted(whole_stack.kill(service), service))


@pytest.mark.proves("CMP-024", effect="disrupt")
def test_switching_profiles_loses_nothing(switching: Switching, memories: Memories, conclude: Conclude) -> None:
    """What was taken before a switch is answered after it, and what was kept under any selection is found under all."""
    stack = switching.stack
    first, session = stack.exchange("Remember that the lighthouse lamp is green", "lighthouse lamp")
    switching.post_without("conversation_worker", "What is 6 * 9?")
    less = switching.to("default", "observability")
    second, _ = stack.exchange("Remember that the pilot boat is blue", "pilot boat", session_id=session)
    asked, _ = stack.exchange("What did I tell you about the lighthouse lamp?", "green", session_id=session)
    more = switching.to(*EVERYTHING)
    answered = switching.answered("54")
    again, _ = stack.exchange("What did I tell you about the pilot boat?", "blue", session_id=session)
    recalls = memories.recalls(STORES, session, "Which boats have pilots?", "pilot boat")
    found = unanswered_message([first, second, asked, answered, again], STEPS) | unfound_memories((), recalls, STORES)
    conclude(unhealthy_containers(less) | unhealthy_containers(more) | found)


@pytest.mark.proves("CMP-018", effect="destroy")
def test_down_leaves_nothing(compose_stack: ComposeStack, conclude: Conclude) -> None:
    """`down -v` leaves no container, network, volume or listening port; a second one finds nothing to do."""
    before, after, exit_code = compose_stack.take_down("default")
    _, again, second = compose_stack.take_down("default")
    conclude(left_overs(before, after, exit_code) | left_overs(before, again, second))
