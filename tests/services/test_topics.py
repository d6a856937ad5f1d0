"""Worker and gateway on either side of two topics: once each, in order, and nothing lost."""

import asyncio
import logging

import pytest

from common.eventlog import AnotherMessage, EventLogs
from common.kafka.link import Link
from common.kafka.records import Asked
from common.kafka.topics import INBOUND, OUTBOUND, TOPICS, dead_letter
from common.peers import Peer, PeerFailed
from common.wire import Message
from services.conversation_worker.consuming import Consuming
from services.conversation_worker.handling import Handler
from services.conversation_worker.inbox import Inbox
from services.gateway.topics import TopicDispatcher
from tests.services.through_topics import FakeBroker, FakeRegistry, Record, linked, told
from tests.services.wiring import World

pytestmark = pytest.mark.anyio
LOGGER = logging.getLogger("soma.test")
STEPS = ["received", "planned", "memory_stored", "memory_recalled", "tool_called", "answered"]


def message(number: str = "m", text: str = "2+2", session: str = "s") -> Message:
    return Message(session_id=session, message_id=number, message=text)


class Sides:
    """A worker and a gateway on one link; `pump` carries what each has written to the other."""

    def __init__(self, link: Link, broker: FakeBroker, handler: Handler) -> None:
        self.link, self.broker, self.handler = link, broker, handler
        self.sessions = EventLogs()
        self.gateway = TopicDispatcher(link, self.sessions, LOGGER)
        self.restart_worker()

    def restart_worker(self) -> None:
        """One that remembers nothing."""
        self.worker = Consuming(self.link, Inbox(self.handler, LOGGER, lambda _: None), LOGGER)

    async def tell(self, start: int = 0) -> None:
        """The gateway reads what the worker has written."""
        for record in self.broker.of(OUTBOUND)[start:]:
            await self.gateway.read(record)

    def events(self, session: str = "s") -> list[str]:
        """What the gateway knows of a session."""
        log = self.sessions.get(session)
        return [event.event for event in log.events] if log else []


@pytest.fixture
async def sides(world: World) -> Sides:
    link, broker = await linked(FakeRegistry())
    memory, tools = (
        Peer(name, f"http://{name}", seconds=1, transport=world.wires[name])
        for name in ("memory_service", "tool_executor")
    )
    return Sides(link, broker, Handler(memory, tools))


async def test_a_message_goes_round(sides: Sides) -> None:
    await sides.gateway.send(message(), sides.sessions.open("s"))
    assert [record.key for record in sides.broker.of(INBOUND)] == [b"s"]
    await sides.worker.handle(sides.broker.of(INBOUND))
    assert await told(sides.link, sides.broker.of(OUTBOUND)) == [
        (step, 1, number) for number, step in enumerate(STEPS, 1)
    ]
    await sides.tell()
    assert sides.events() == STEPS


async def test_a_record_read_again_after_a_restart_is_told_once(sides: Sides) -> None:
    await sides.gateway.send(message(), sides.sessions.open("s"))
    for _ in range(2):
        await sides.worker.handle(sides.broker.of(INBOUND))
        sides.restart_worker()
    assert len(sides.broker.of(OUTBOUND)) == 2 * len(STEPS)
    await sides.tell()
    assert sides.events() == STEPS


async def test_a_message_posted_twice_is_one_record(sides: Sides) -> None:
    log = sides.sessions.open("s")
    await asyncio.gather(*(sides.gateway.send(message(), log) for _ in range(3)))
    assert len(sides.broker.of(INBOUND)) == 1
    with pytest.raises(AnotherMessage):
        await sides.gateway.send(message(text="another"), log)


async def test_what_the_broker_does_not_take_is_refused_and_can_be_sent_again(sides: Sides) -> None:
    log = sides.sessions.open("s")
    sides.broker.fails = True
    with pytest.raises(PeerFailed, match="takes no record"):
        await sides.gateway.send(message(), log)
    sides.broker.fails = False
    await asyncio.sleep(0)
    await sides.gateway.send(message(), log)
    assert len(sides.broker.of(INBOUND)) == 1


async def test_a_message_that_failed_is_sent_again_as_another_attempt(sides: Sides, world: World) -> None:
    log = sides.sessions.open("s")
    world.wires["memory_service"].cut = True
    await sides.gateway.send(message(), log)
    await sides.worker.handle(sides.broker.of(INBOUND))
    await sides.tell()
    assert sides.events()[-1] == "failed"
    world.wires["memory_service"].cut = False
    await sides.gateway.send(message(), log)
    await sides.worker.handle(sides.broker.of(INBOUND)[1:])
    await sides.tell()
    assert sides.events()[-len(STEPS) :] == STEPS
    assert sides.events().count("failed") == 1


async def test_a_poisoned_record_is_laid_aside_and_the_rest_flows(sides: Sides) -> None:
    poison = Record(INBOUND, 2, 7, b"s", b"poison", (("trace", b"1"),))
    asked = sides.link.asked.encode(Asked(message=message(), attempt=1))
    await sides.worker.handle([poison, Record(INBOUND, 2, 8, b"s", asked)])
    [letter] = sides.broker.of(dead_letter(INBOUND))
    assert (letter.key, letter.value) == (b"conversation.inbound/2/7", b"poison")
    headers = dict(letter.headers)
    assert headers["trace"] == b"1"
    assert b"first byte" in headers["soma.reason"]
    await sides.tell()
    assert sides.events() == STEPS


async def test_a_record_is_laid_aside_when_its_id_is_anothers(sides: Sides) -> None:
    encode = sides.link.asked.encode
    values = [encode(Asked(message=message(text=text), attempt=1)) for text in ("1+1", "2+2")]
    await sides.worker.handle([Record(INBOUND, 0, offset, b"s", value) for offset, value in enumerate(values)])
    assert len(sides.broker.of(dead_letter(INBOUND))) == 1
    assert len(sides.broker.of(OUTBOUND)) == len(STEPS)


async def test_the_gateway_lays_a_poisoned_event_aside(sides: Sides) -> None:
    await sides.gateway.read(Record(OUTBOUND, 0, 0, b"s", b"\x00\x00\x00\x00\x02{}"))
    [letter] = sides.broker.of(dead_letter(OUTBOUND))
    assert letter.value == b"\x00\x00\x00\x00\x02{}"


async def test_nothing_is_committed_when_the_broker_takes_no_event(sides: Sides) -> None:
    await sides.gateway.send(message(), sides.sessions.open("s"))
    sides.broker.fails = True
    with pytest.raises(PeerFailed):
        await sides.worker.handle(sides.broker.of(INBOUND))
    sides.broker.fails = False
    await sides.worker.handle(sides.broker.of(INBOUND))
    await sides.tell()
    assert sides.events() == STEPS


async def test_messages_of_a_session_keep_their_order(sides: Sides) -> None:
    for number in range(5):
        for session in ("a", "b"):
            ids = message(f"m{number}", f"{number}+1", session)
            await sides.gateway.send(ids, sides.sessions.open(session))
    await sides.worker.handle(sides.broker.of(INBOUND))
    await sides.tell()
    for session in ("a", "b"):
        log = sides.sessions.get(session)
        assert log is not None
        assert [event.message_id for event in log.events if event.event == "answered"] == [f"m{n}" for n in range(5)]


def test_every_topic_has_its_dead_letters() -> None:
    names = {topic.name for topic in TOPICS}
    carrying = {"conversation.inbound", "conversation.outbound", "tool.requests", "tool.results", "memory.wal"}
    assert names == carrying | {f"{name}.dlq" for name in carrying} | {"config.updates"}
    [updates] = [topic for topic in TOPICS if topic.name == "config.updates"]
    assert (updates.partitions, updates.config["cleanup.policy"]) == (1, "compact")
