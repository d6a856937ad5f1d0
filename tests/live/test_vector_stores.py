"""The memory service on a real PostgreSQL with pgvector and a Qdrant, which are hurt in turn."""

from __future__ import annotations

import json
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from provision.host import engine
from provision.images import ensure
from provision.processes import Running, run, start
from provision.waiting import Deadline, until
from tests.services.running import STOPPED, free_ports

READY = Deadline("the memory service to be ready", 40)
NOTICED = Deadline("the memory service to notice", 10)
CAUGHT_UP = Deadline("the store to have what it missed", 20)
IMAGES = ("pgvector", "qdrant")


@dataclass
class Stores:
    """Two containers, and how they are reached."""

    env: dict[str, str]
    references: dict[str, str]
    folder: Path
    names: dict[str, str] = field(default_factory=lambda: {n: f"soma-tests-{n}-{secrets.token_hex(4)}" for n in IMAGES})
    ports: dict[str, int] = field(default_factory=lambda: dict(zip(IMAGES, free_ports(2), strict=True)))
    password: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def docker(self, *arguments: str) -> str:
        """Run the engine's CLI."""
        return run(["docker", *arguments], env=self.env, timeout=60).stdout

    def create(self, name: str) -> None:
        """Start a new, empty store."""
        secret = self.folder / "password"
        secret.write_text(self.password)
        variables = {"POSTGRES_USER": "soma", "POSTGRES_DB": "soma", "POSTGRES_PASSWORD": self.password}
        inner = {"pgvector": 5432, "qdrant": 6333}[name]
        options = [part for key in variables if name == "pgvector" for part in ("--env", key)]
        command = ["docker", "run", "--detach", "--name", self.names[name], *options]
        command += ["--publish", f"127.0.0.1:{self.ports[name]}:{inner}", self.references[name]]
        run(command, env=self.env | variables, timeout=60)

    def remove(self, name: str) -> None:
        """Remove a store and what it held."""
        run(["docker", "rm", "--force", "--volumes", self.names[name]], env=self.env, check=False, timeout=60)

    def settings(self, folder: Path) -> dict[str, str]:
        """What a memory service that uses them is told."""
        return {
            "SA01_PROFILES": "default,vectorstore",
            "SA01_POSTGRES_DSN": f"postgresql://soma@127.0.0.1:{self.ports['pgvector']}/soma",
            "SA01_POSTGRES_PASSWORD_FILE": str(self.folder / "password"),
            "SA01_QDRANT_URL": f"http://127.0.0.1:{self.ports['qdrant']}",
            "SA01_SQLITE_PATH": str(folder / "memory.sqlite3"),
            "SA01_METRICS_PORT": "0",
        }


@dataclass
class Service:
    """A memory service in a process of its own."""

    url: str
    process: Running
    client: httpx.Client

    def health(self) -> dict[str, Any]:
        """What it says of itself; empty where it does not answer."""
        try:
            answer = self.client.get(f"{self.url}/ready")
        except httpx.HTTPError:
            return {}
        return {"code": answer.status_code, **answer.json()}

    def keep(self, text: str) -> str:
        """Keep a text and return its id."""
        answer = self.client.post(f"{self.url}/v1/memories", json={"text": text, "session_id": "s"})
        return str(answer.raise_for_status().json()["id"])

    def find(self, text: str, store: str | None = None) -> list[tuple[str, list[str]]]:
        """(text, stores) of what is found; nothing where the store is not in use."""
        answer = self.client.post(f"{self.url}/v1/memories/search", json={"text": text, "store": store, "limit": 50})
        if answer.status_code == 503:
            return []
        hits = answer.raise_for_status().json()["hits"]
        return [(hit["memory"]["text"], hit["stores"]) for hit in hits]


@contextmanager
def serving(env: dict[str, str], log: Path) -> Iterator[Service]:
    """A memory service, started."""
    [port] = free_ports(1)
    command = [sys.executable, "-m", "uvicorn", "services.memory_service.main:app", "--port", str(port)]
    with start(command, env=env, log=log) as process, httpx.Client(timeout=10, trust_env=False) as client:
        yield Service(f"http://127.0.0.1:{port}", process, client)


def wait(service: Service, holds: Callable[[dict[str, Any]], bool], deadline: Deadline) -> dict[str, Any]:
    return until(service.health, lambda seen: bool(seen) and holds(seen), deadline)


def is_ok(seen: dict[str, Any]) -> bool:
    return bool(seen["status"] == "ok")


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """Both stores, running; each test has a memory service, and a file, of its own."""
    chosen = engine()
    references = {record.name: record.reference for record in ensure(IMAGES, chosen, overlay=None)}
    made = Stores(chosen.env(), references, tmp_path_factory.mktemp("stores"))
    with ExitStack() as ended:
        for name in IMAGES:
            ended.callback(made.remove, name)
            made.create(name)
        yield made


@pytest.fixture
def service(stores: Stores, tmp_path: Path) -> Iterator[Service]:
    """A memory service that uses both, ready."""
    with serving(stores.settings(tmp_path), tmp_path / "log") as made:
        wait(made, is_ok, READY)
        yield made


def test_replicas_that_start_together_migrate_once_and_are_ready(stores: Stores, tmp_path: Path) -> None:
    with ExitStack() as ended:
        started = []
        for number in range(3):
            (folder := tmp_path / str(number)).mkdir()
            started.append(ended.enter_context(serving(stores.settings(folder), folder / "log")))
        for each in started:
            wait(each, is_ok, READY)
    rows = stores.docker(
        "exec", stores.names["pgvector"], "psql", "-U", "soma", "-h", "/var/run/postgresql", "-At", "soma", "-c",
        "SELECT number FROM migrations ORDER BY number",
    )  # fmt: skip
    assert rows.split() == ["1", "2", "3"]


def test_a_memory_is_found_by_meaning_from_each_store(service: Service) -> None:
    service.keep("the spare key is under the mat")
    service.keep("monkeys like bananas")
    for store in ("pgvector", "qdrant", "sqlite"):
        assert service.find("keys", store)[0] == ("the spare key is under the mat", [store])
    assert service.find("keys")[0] == ("the spare key is under the mat", ["pgvector", "qdrant"])


@pytest.mark.parametrize("name", IMAGES)
def test_a_store_that_hangs_makes_degraded_and_bounds_every_answer(service: Service, stores: Stores, name: str) -> None:
    stores.docker("pause", stores.names[name])
    try:
        texts = [f"kept while {name} hung {number}" for number in range(3)]
        for text in texts:
            began = time.monotonic()
            service.keep(text)
            assert time.monotonic() - began < 2
        seen = wait(service, lambda seen: bool(seen["status"] == "degraded"), NOTICED)
        assert (seen["code"], seen["components"][name]["status"]) == (200, "down")
        assert set(texts) <= {text for text, _ in service.find(f"kept while {name} hung")}
    finally:
        stores.docker("unpause", stores.names[name])
    wait(service, is_ok, CAUGHT_UP)
    assert set(texts) <= {text for text, _ in service.find(f"kept while {name} hung", name)}


@pytest.mark.parametrize("name", IMAGES)
def test_a_store_that_is_killed_gets_what_it_missed(service: Service, stores: Stores, name: str) -> None:
    service.keep(f"before {name} was killed")
    stores.docker("kill", stores.names[name])
    service.keep(f"while {name} was killed")
    wait(service, lambda seen: bool(seen["components"][name]["status"] == "down"), NOTICED)
    stores.docker("start", stores.names[name])
    wait(service, is_ok, CAUGHT_UP)
    found = {text for text, _ in service.find(f"{name} was killed", name)}
    assert {f"before {name} was killed", f"while {name} was killed"} <= found


@pytest.mark.parametrize("name", IMAGES)
def test_a_store_that_comes_back_empty_gets_all_again(service: Service, stores: Stores, name: str) -> None:
    texts = {f"held by {name} {number}" for number in range(5)}
    for text in texts:
        service.keep(text)
    stores.remove(name)
    wait(service, lambda seen: bool(seen["components"][name]["status"] == "down"), NOTICED)
    stores.create(name)
    wait(service, is_ok, READY)
    assert texts <= {text for text, _ in service.find(f"held by {name}", name)}


def test_a_wrong_password_keeps_it_from_being_ready_and_is_not_told(stores: Stores, tmp_path: Path) -> None:
    wrong = tmp_path / "password"
    wrong.write_text("wrong-and-secret")
    settings = stores.settings(tmp_path) | {"SA01_POSTGRES_PASSWORD_FILE": str(wrong)}
    with serving(settings, tmp_path / "log") as made:
        seen = wait(made, lambda seen: "pgvector" in seen["components"] and is_refused(seen), NOTICED)
        assert seen["code"] == 503
        assert seen["components"]["migrations"] == {"status": "down", "detail": "waiting for pgvector"}
        wrong.write_text(stores.password)
        wait(made, is_ok, READY)
        told = made.process.output
    assert "wrong-and-secret" not in told
    assert stores.password not in told


def is_refused(seen: dict[str, Any]) -> bool:
    return "password authentication failed" in str(seen["components"]["pgvector"])


def test_it_stops_cleanly_while_a_store_hangs(service: Service, stores: Stores) -> None:
    stores.docker("pause", stores.names["pgvector"])
    try:
        service.process.signal(signal.SIGTERM)
        assert service.process.wait(STOPPED) == 0
    finally:
        stores.docker("unpause", stores.names["pgvector"])
    assert all(json.loads(line)["service"] == "memory_service" for line in service.process.output.splitlines())
