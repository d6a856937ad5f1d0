"""Reads what two topics hold of a load of messages: run on its own, in a container, by `worlds.message_drill`.

    python topic_history.py SERVERS ASKED TOLD PREFIX COUNT QUIET_SECONDS

It follows both topics from their first record on, tells how far it is in lines of JSON, and ends once COUNT messages
of sessions that begin with PREFIX are answered and nothing more has come for a while, or once nothing at all has come
for QUIET_SECONDS. Then it writes one line a session, and a last one. It imports aiokafka and nothing of ours. The
texts of the load and what answers them are known to it: message N of a session asks what N + 1 times 7 is.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import time
from collections import defaultdict
from typing import Any

HEAD_BYTES = 5
EVERY_SECONDS = 2.0
AFTERWARDS_SECONDS = 6.0
"""How long, after the last answer, a second one could still come."""
KINDS = {
    "received": "R",
    "planned": "P",
    "memory_stored": "S",
    "memory_recalled": "M",
    "tool_called": "T",
    "answered": "A",
    "failed": "F",
}


class Load:
    """What has been read."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.asked: defaultdict[str, list[str]] = defaultdict(list)
        self.told: defaultdict[str, list[str]] = defaultdict(list)
        self.answered: set[tuple[str, int]] = set()
        self.failed: set[tuple[str, int]] = set()
        self.records = 0
        self.digest = hashlib.sha256()

    def take(self, *, is_event: bool, value: bytes) -> None:
        """One record, of whichever session."""
        body = json.loads(value[HEAD_BYTES:])
        inner = body["event" if is_event else "message"]
        session = inner["session_id"]
        if not session.startswith(self.prefix):
            return
        self.records += 1
        self.digest.update(value)
        name, message = session.removeprefix(self.prefix), int(inner["message_id"])
        if not is_event:
            self.asked[name].append(f"{message}.{body['attempt']}")
            return
        kind = KINDS[inner["event"]]
        if kind == "A" and not inner["data"]["answer"].endswith(f"= {(message + 1) * 7}"):
            kind = "X"
        if kind in "AX":
            self.answered.add((name, message))
        if kind == "F":
            self.failed.add((name, message))
        self.told[name].append(f"{message}.{body['attempt']}.{body['number']}.{kind}")

    def progress(self) -> dict[str, Any]:
        """How far it is."""
        failed = sorted(self.failed - self.answered)
        return {"answered": len(self.answered), "records": self.records, "failed": failed}


def say(**fields: object) -> None:
    """One line."""
    print(json.dumps(fields), flush=True)  # noqa: T201 - the output of a program of its own


async def follow(servers: str, topics: tuple[str, str], load: Load, count: int, quiet: float) -> None:
    """Read both topics until all is answered and silent, or all is silent for long."""
    from aiokafka import AIOKafkaConsumer

    reader = AIOKafkaConsumer(
        *topics, bootstrap_servers=servers, group_id=None, auto_offset_reset="earliest", fetch_max_wait_ms=500
    )
    await reader.start()
    said = changed = time.monotonic()
    try:
        while time.monotonic() - changed < (AFTERWARDS_SECONDS if len(load.answered) >= count else quiet):
            before = load.records
            for partition, records in (await reader.getmany(timeout_ms=500)).items():
                for record in records:
                    load.take(is_event=partition.topic == topics[1], value=record.value)
            now = time.monotonic()
            changed = now if load.records > before else changed
            if now - said > EVERY_SECONDS:
                said = now
                say(**load.progress())
    finally:
        await reader.stop()


def main(*arguments: str) -> None:
    """Follow, and write what was read."""
    servers, asked, told, prefix, count, quiet = arguments
    load = Load(prefix)
    say(**load.progress())
    asyncio.run(follow(servers, (asked, told), load, int(count), float(quiet)))
    for name in sorted(load.asked.keys() | load.told.keys()):
        say(session=name, asked=" ".join(load.asked[name]), told=" ".join(load.told[name]))
    say(end=True, digest=load.digest.hexdigest(), **load.progress())


if __name__ == "__main__":
    main(*sys.argv[1:])
