"""The five services as five uvicorn processes on loopback, as their containers run them."""

import json
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType

import httpx

from provision.processes import Running, start
from provision.waiting import Deadline, until

NAMES = ("memory_service", "tool_executor", "conversation_worker", "gateway", "ui")
SETTING = {
    "memory_service": "SA01_MEMORY_URL",
    "tool_executor": "SA01_TOOL_URL",
    "conversation_worker": "SA01_WORKER_URL",
    "gateway": "SA01_GATEWAY_URL",
    "ui": "SA01_UI_URL",
}
ALL_UP = Deadline("all five services to be ready", 40)
STOPPED = Deadline("a service to stop after SIGTERM", 5)


class Stack:
    """Five processes, their addresses, and a client; `told` is what they are told besides."""

    def __init__(self, folder: Path, client: httpx.Client, told: Mapping[str, str]) -> None:
        ports = dict(zip(NAMES, free_ports(len(NAMES)), strict=True))
        self.urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        self.client = client
        self.running: dict[str, Running] = {}
        self._folder = folder
        self._ports = ports
        self._told = told

    def start(self, name: str) -> Running:
        """Start one as its image does."""
        env = {SETTING[each]: url for each, url in self.urls.items()}
        env |= {"SA01_SQLITE_PATH": str(self._folder / "memory.sqlite3"), "SA01_METRICS_PORT": "0", **self._told}
        command = [sys.executable, "-m", "uvicorn", f"services.{name}.main:app"]
        command += ["--host", "127.0.0.1", "--port", str(self._ports[name])]
        self.running[name] = start(command, env=env, log=self._folder / f"{name}.log")
        return self.running[name]

    def ready(self) -> dict[str, object]:
        """What each says at /ready, or its status code or error."""
        return {name: self.status(name, "/ready") for name in NAMES}

    def status(self, name: str, path: str) -> object:
        """Status code of a path, or why there is none."""
        try:
            return self.client.get(self.urls[name] + path).status_code
        except httpx.HTTPError as error:
            return type(error).__name__

    def ask(self, text: str) -> list[tuple[str, str]]:
        """Post a message to the gateway and stream its events up to the last, as (event, by)."""
        url = self.urls["gateway"]
        taken = self.client.post(f"{url}/v1/session/message", json={"message": text}).raise_for_status().json()
        seen = []
        with self.client.stream("GET", url + taken["events"]) as stream:
            for line in stream.iter_lines():
                if line.startswith("data: "):
                    event = json.loads(line[6:])
                    seen.append((event["event"], event["by"]))
                    if event["event"] in {"answered", "failed"}:
                        break
        return seen


def free_ports(count: int) -> list[int]:
    """Ports that are free now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def running(folder: Path, told: Mapping[str, str] = MappingProxyType({})) -> Iterator[Stack]:
    """All five, ready; their logs and memories are in the folder."""
    with ExitStack() as ended, httpx.Client(timeout=10, trust_env=False) as client:
        made = Stack(folder, client, told)
        for name in NAMES:
            ended.enter_context(made.start(name))
        until(made.ready, lambda seen: set(seen.values()) == {200}, ALL_UP)
        yield made
