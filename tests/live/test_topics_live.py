"""Gateway and worker over a real broker and registry, which are hurt in turn."""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from common.kafka.topics import INBOUND, TOPICS, dead_letter
from provision.host import engine
from provision.images import ensure
from provision.processes import run
from provision.waiting import Deadline, until
from tests.services.running import NAMES, STOPPED, Stack, free_ports, running

IMAGES = ("kafka", "schema-registry")
ANSWERED = Deadline("every message to be answered", 60)
NOTICED = Deadline("the gateway to notice", 20)
RECOVERED = Deadline("the services to be ready again", 60)
BOUND_SECONDS = 8


@dataclass
class Messengers:
    """Two containers on the host's network, for a broker tells its clients one address."""

    env: dict[str, str]
    references: dict[str, str]
    names: dict[str, str] = field(default_factory=lambda: {n: f"soma-tests-{n}-{secrets.token_hex(4)}" for n in IMAGES})
    ports: list[int] = field(default_factory=lambda: free_ports(4))

    @property
    def servers(self) -> str:
        """Where the broker listens."""
        return f"127.0.0.1:{self.ports[0]}"

    def docker(self, *arguments: str, check: bool = True) -> str:
        """Run the engine's CLI."""
        return run(["docker", *arguments], env=self.env, check=check, timeout=60).stdout

    def create(self, name: str) -> None:
        """Start a new, empty one."""
        broker, controller, registry, management = self.ports
        variables = {
            "kafka": {
                "CLUSTER_ID": "somaagent01-local-aaaa",
                "KAFKA_NODE_ID": "1",
                "KAFKA_PROCESS_ROLES": "broker,controller",
                "KAFKA_LISTENERS": f"PLAINTEXT://{self.servers},CONTROLLER://127.0.0.1:{controller}",
                "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
                "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
                "KAFKA_CONTROLLER_QUORUM_VOTERS": f"1@127.0.0.1:{controller}",
                "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
                "KAFKA_BROKER_SESSION_TIMEOUT_MS": "3000",
                "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
                "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
            },
            "schema-registry": {
                "APICURIO_STORAGE_KIND": "kafkasql",
                "APICURIO_KAFKASQL_BOOTSTRAP_SERVERS": f"127.0.0.1:{broker}",
                "APICURIO_RULES_GLOBAL_COMPATIBILITY": "BACKWARD",
                "JAVA_OPTS_APPEND": "-Xmx256m -XX:+UseSerialGC",
                "QUARKUS_HTTP_PORT": str(registry),
                "QUARKUS_MANAGEMENT_PORT": str(management),
            },
        }[name]
        options = [part for key, value in variables.items() for part in ("--env", f"{key}={value}")]
        self.docker("run", "--detach", "--network=host", "--name", self.names[name], *options, self.references[name])

    def remove(self, name: str) -> None:
        """Remove one and what it held."""
        self.docker("rm", "--force", "--volumes", self.names[name], check=False)

    def told(self) -> dict[str, str]:
        """What services that use them are told."""
        return {
            "SA01_PROFILES": "default,kafka",
            "SA01_KAFKA_BOOTSTRAP_SERVERS": self.servers,
            "SA01_SCHEMA_REGISTRY_URL": f"http://127.0.0.1:{self.ports[2]}",
        }

    def write(self, topic: str, value: bytes) -> None:
        """Put a record of any kind into a topic."""

        async def send() -> None:
            async with AIOKafkaProducer(bootstrap_servers=self.servers) as producer:
                await producer.send_and_wait(topic, value, key=b"s")

        asyncio.run(send())

    def read(self, topic: str) -> list[Any]:
        """The records that a topic holds."""

        async def get() -> list[Any]:
            settings = {"bootstrap_servers": self.servers, "auto_offset_reset": "earliest"}
            async with AIOKafkaConsumer(topic, **settings) as reader:
                found = await reader.getmany(timeout_ms=1000)
                return [record for part in found.values() for record in part]

        return asyncio.run(get())


@pytest.fixture(scope="module")
def messengers() -> Iterator[Messengers]:
    """Broker and registry, started."""
    chosen = engine()
    references = {record.name: record.reference for record in ensure(IMAGES, chosen, overlay=None)}
    made = Messengers(chosen.env(), references)
    with ExitStack() as ended:
        for name in IMAGES:
            ended.callback(made.remove, name)
            made.create(name)
        yield made


@pytest.fixture(scope="module")
def stack(messengers: Messengers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The five services on them, ready."""
    with running(tmp_path_factory.mktemp("services"), messengers.told()) as made:
        yield made


def health(stack: Stack) -> dict[str, Any]:
    answer: dict[str, Any] = stack.client.get(stack.urls["gateway"] + "/health").json()
    return answer


def answers(stack: Stack, session: str) -> list[str]:
    """The ids of the messages that a session has an answer to, one for each answer."""
    url = f"{stack.urls['gateway']}/v1/session/{session}/events"
    text = stack.client.get(url, params={"follow": "false"}).text
    events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    return [event["message_id"] for event in events if event["event"] == "answered"]


def post(stack: Stack, session: str, number: int) -> int:
    body = {"message": f"What is {number} + 1?", "session_id": session, "message_id": f"m{number}"}
    return stack.client.post(stack.urls["gateway"] + "/v1/session/message", json=body).status_code


def kill_worker(stack: Stack) -> None:
    stack.running["conversation_worker"].signal(signal.SIGKILL)
    stack.running["conversation_worker"].wait(STOPPED)


def wait_ready(stack: Stack) -> None:
    until(stack.ready, lambda seen: set(seen.values()) == {200}, RECOVERED)


def test_the_topics_are_made_and_a_message_goes_round(stack: Stack, messengers: Messengers) -> None:
    steps = stack.ask("What is 6 times 7?")
    assert steps[-1] == ("answered", "conversation_worker")
    assert ("tool_called", "tool_executor") in steps
    command = ("kafka-topics.sh", "--bootstrap-server", messengers.servers, "--list")
    names = messengers.docker("exec", messengers.names["kafka"], *command).split()
    assert {topic.name for topic in TOPICS} <= set(names)
    assert health(stack)["components"]["kafka"] == {"status": "ok"}


def test_no_message_is_lost_or_answered_twice_when_the_worker_is_killed_amid_them(stack: Stack) -> None:
    for number in range(40):
        assert post(stack, "killed", number) == 200
        if number == 20:
            kill_worker(stack)
    stack.start("conversation_worker")
    until(lambda: answers(stack, "killed"), lambda seen: len(seen) >= 40, ANSWERED)
    assert answers(stack, "killed") == [f"m{number}" for number in range(40)]
    wait_ready(stack)


def test_a_gateway_that_is_restarted_has_its_sessions_again(stack: Stack) -> None:
    assert post(stack, "kept", 1) == 200
    until(lambda: answers(stack, "kept"), lambda seen: seen == ["m1"], ANSWERED)
    stack.running["gateway"].signal(signal.SIGTERM)
    assert stack.running["gateway"].wait(STOPPED) == 0
    stack.start("gateway")
    wait_ready(stack)
    until(lambda: answers(stack, "kept"), lambda seen: seen == ["m1"], ANSWERED)


def test_a_poisoned_record_is_laid_aside_and_the_rest_flows(stack: Stack, messengers: Messengers) -> None:
    messengers.write(INBOUND, b"poison")
    assert post(stack, "poisoned", 1) == 200
    until(lambda: answers(stack, "poisoned"), lambda seen: seen == ["m1"], ANSWERED)
    [letter] = until(lambda: messengers.read(dead_letter(INBOUND)), bool, ANSWERED)
    assert letter.value == b"poison"
    assert b"first byte" in dict(letter.headers)["soma.reason"]


@pytest.mark.parametrize("name", IMAGES)
def test_one_that_hangs_is_told_within_the_bound(stack: Stack, messengers: Messengers, name: str) -> None:
    messengers.docker("pause", messengers.names[name])
    wanted, posted = {"kafka": ("down", 503), "schema-registry": ("degraded", 200)}[name]
    try:
        seen = until(lambda: health(stack), lambda seen: bool(seen["components"][name]["status"] == "down"), NOTICED)
        assert seen["status"] == wanted
        began = time.monotonic()
        assert post(stack, f"hung-{name}", 1) == posted
        assert time.monotonic() - began < BOUND_SECONDS
    finally:
        messengers.docker("unpause", messengers.names[name])
    wait_ready(stack)
    assert post(stack, f"hung-{name}", 1) == 200
    until(lambda: answers(stack, f"hung-{name}"), lambda seen: seen == ["m1"], ANSWERED)


def test_a_broker_that_is_killed_keeps_what_it_took(stack: Stack, messengers: Messengers) -> None:
    kill_worker(stack)
    assert post(stack, "broker", 1) == 200
    messengers.docker("kill", messengers.names["kafka"])
    messengers.docker("start", messengers.names["kafka"])
    stack.start("conversation_worker")
    until(lambda: answers(stack, "broker"), lambda seen: seen == ["m1"], ANSWERED)
    wait_ready(stack)


def test_a_broker_that_comes_back_empty_gets_topics_and_schemas_again(stack: Stack, messengers: Messengers) -> None:
    for name in IMAGES:
        messengers.remove(name)
    until(lambda: health(stack), lambda seen: bool(seen["status"] == "down"), NOTICED)
    for name in IMAGES:
        messengers.create(name)
    wait_ready(stack)
    assert post(stack, "anew", 1) == 200
    until(lambda: answers(stack, "anew"), lambda seen: seen == ["m1"], ANSWERED)


def test_all_stop_cleanly_while_the_broker_hangs(stack: Stack, messengers: Messengers) -> None:
    messengers.docker("pause", messengers.names["kafka"])
    try:
        for name in NAMES:
            stack.running[name].signal(signal.SIGTERM)
            assert stack.running[name].wait(STOPPED) == 0, name
    finally:
        messengers.docker("unpause", messengers.names["kafka"])


def test_whatever_happened_every_line_is_json(stack: Stack) -> None:
    for name in ("gateway", "conversation_worker"):
        assert all(json.loads(line)["service"] == name for line in stack.running[name].output.splitlines())
