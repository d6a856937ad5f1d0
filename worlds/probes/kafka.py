"""A broker and a schema registry, asked from inside: what a broker tells its clients holds only there."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Any

from blueprint.evidence import JSON
from provision.processes import Completed

BROKER = "127.0.0.1:9092"
API = "/apis/ccompat/v7"
_END_OF_RECORD = b"\x1e\x1f\x1e\x1f"
"""JSON holds none of these, and the id of a schema in a frame not all four."""
_END_OF_KEY = b"\x1f"
_HEAD_BYTES = 5
_READ = f"""set -o pipefail
kafka-console-consumer.sh --bootstrap-server {BROKER} --topic "$1" --from-beginning --max-messages "$2" \
  --timeout-ms 20000 --formatter-property print.key=true --formatter-property key.separator=$'\\x1f' \
  --formatter-property line.separator=$'\\x1e\\x1f\\x1e\\x1f' | base64 -w0
"""
_ASK = """exec 3<>/dev/tcp/127.0.0.1/8081
printf '%s' "$1" >&3
cat <&3
"""

_CARRY = f"""set -o pipefail
kafka-topics.sh --bootstrap-server {BROKER} --create --topic "$1" --partitions 1 >&2 || exit
trap 'kafka-topics.sh --bootstrap-server {BROKER} --delete --topic "$1" >&2' EXIT
printf '%s\\n' "$2" | kafka-console-producer.sh --bootstrap-server {BROKER} --topic "$1" >&2
kafka-console-consumer.sh --bootstrap-server {BROKER} --topic "$1" --from-beginning --max-messages 1 --timeout-ms 30000
"""

Inside = Callable[[str, Sequence[str]], Completed]
"""Runs a program in the container of a service."""


def counts(inside: Inside) -> dict[str, int]:
    """How many records each topic has got."""
    done = inside("kafka", ["kafka-get-offsets.sh", "--bootstrap-server", BROKER])
    found: dict[str, int] = {}
    for line in done.stdout.splitlines():
        topic, partition, offset = [*line.rsplit(":", 2), "", ""][:3]
        if partition.isdigit() and offset.isdigit():
            found[topic] = found.get(topic, 0) + int(offset)
    return found


def carry(inside: Inside, topic: str, value: str) -> dict[str, JSON]:
    """Carry a record through a topic that is made for it and deleted again.

    Returns:
        ``sent``, ``got``, and the exit code of what was run; ``error`` with its last words where that is not 0.
    """
    done = inside("kafka", ["bash", "-c", _CARRY, "carry", topic, value])
    seen: dict[str, JSON] = {"sent": value, "got": done.stdout.strip(), "exit_code": done.exit_code}
    return {**seen, "error": _last_words(done)} if done.exit_code else seen


def group(inside: Inside, name: str) -> dict[str, JSON]:
    """The ``state`` of a consumer group and how many ``members`` it has; ``error`` where there is no such group."""
    told = ["--bootstrap-server", BROKER, "--describe", "--state", "--group", name]
    done = inside("kafka", ["kafka-consumer-groups.sh", *told])
    for line in done.stdout.splitlines():
        words = line.split()
        if words[:1] == [name] and words[-1].isdigit():
            return {"state": words[-2], "members": int(words[-1])}
    return {"state": "", "members": 0, "error": _last_words(done)}


def _last_words(done: Completed) -> str:
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip() and not line.startswith("\t")]
    return next((line for line in lines if "Error" in line or "Exception" in line), " / ".join(lines[-2:]))[:300]


def records(inside: Inside, topic: str, count: int) -> list[dict[str, JSON]]:
    """The first `count` records of a topic, each with its key, the id of its schema, and its body."""
    if not count:
        return []
    done = inside("kafka", ["bash", "-c", _READ, "read", topic, str(count)])
    try:
        raw = base64.b64decode(done.stdout.strip(), validate=True)
    except binascii.Error:
        return []
    return [_record(topic, part) for part in raw.split(_END_OF_RECORD)[:-1]]


def _record(topic: str, part: bytes) -> dict[str, JSON]:
    key, _, value = part.partition(_END_OF_KEY)
    is_framed = len(value) > _HEAD_BYTES and value[0] == 0
    body = value[_HEAD_BYTES:] if is_framed else value
    return {
        "topic": topic,
        "key": key.decode(errors="replace"),
        "schema": int.from_bytes(value[1:_HEAD_BYTES], "big") if is_framed else -1,
        "body": _parsed(body.decode(errors="replace")),
    }


def registry(inside: Inside, method: str, path: str, body: JSON = None) -> dict[str, JSON]:
    """Ask the registry once; the answer in the shape of the HTTP probe."""
    text = "" if body is None else json.dumps(body)
    head = f"{method} {API}{path} HTTP/1.0\r\nHost: localhost\r\nAccept: application/json\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(text.encode())}\r\n\r\n"
    done = inside("schema-registry", ["bash", "-ec", _ASK, "ask", head + text])
    status, _, rest = done.stdout.partition("\n")
    words = status.split()
    if done.exit_code or len(words) < 2 or not words[1].isdigit():  # noqa: PLR2004 - "HTTP/1.0 200 OK"
        return {"status": 0, "error": (done.stderr or done.stdout).strip()[:300]}
    _, _, answer = rest.replace("\r\n", "\n").partition("\n\n")
    return {"status": int(words[1]), "body": _parsed(answer)}


def changed(latest: Any, name: str, *, required: bool) -> JSON:  # noqa: ANN401 - whatever JSON the registry answered
    """The body that registers a schema with one more field."""
    schema = json.loads(str(latest.get("schema", "{}"))) if isinstance(latest, dict) else {}
    schema.setdefault("properties", {})[name] = {"type": "string"}
    if required:
        schema.setdefault("required", []).append(name)
    return {"schemaType": "JSON", "schema": json.dumps(schema, sort_keys=True)}


def _parsed(text: str) -> JSON:
    try:
        document: JSON = json.loads(text)
    except ValueError:
        return text[:500]
    return document
