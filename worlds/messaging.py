"""The profile kafka of the Compose project as proofs see it: records, schemas, and messages while a worker is away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from blueprint.evidence import JSON
from blueprint.live import Exchange, table
from blueprint.live_kafka import Record, SchemaChanges
from worlds.compose_acts import GATEWAY
from worlds.probes import kafka
from worlds.probes.conversation import follow, post
from worlds.stack import ComposeStack

AFTER_RESTART_SECONDS = 60.0
"""How long after its start a worker may take to answer what was waiting for it."""


@dataclass(frozen=True, slots=True)
class Messaging:
    """What proofs do with messages that travel through the broker of a stack, and what they see of them."""

    stack: ComposeStack

    def records(self, topics: Sequence[str], session_id: str) -> tuple[Record, ...]:
        """The records that some topics hold of a session, and everything in their dead letters."""
        asked: JSON = {"topics": list[JSON](topics), "session_id": session_id}
        seen = self.stack.recorder.look("kafka:records", asked, lambda: self._records(topics, session_id))
        return tuple(Record.of(row) for row in seen.seen) if isinstance(seen.seen, list) else ()

    def change_schema(self, subject: str) -> SchemaChanges:
        """Ask for an optional field and try to register a required one."""
        asked: JSON = {"subject": subject}
        seen = self.stack.recorder.do("schema-registry:change", asked, lambda: self._changed(subject))
        return SchemaChanges.of(subject, seen.seen)

    def exchange_across_restart(self, service: str, text: str, *wanted: str) -> tuple[Exchange, str]:
        """Post a message while a service is stopped, start it, and follow the events; and the id of the session."""
        recorder = self.stack.recorder
        asked: JSON = {"message": text, "stopped": service}
        with self.stack.without(service):
            posted = recorder.do(f"{GATEWAY}/v1/session/message", asked, lambda: post(GATEWAY, text)).seen
        seen = recorder.do(
            f"{GATEWAY}/v1/session/events", asked, lambda: follow(GATEWAY, table(posted), AFTER_RESTART_SECONDS)
        ).seen
        return Exchange.of(text, wanted, seen), str(table(seen).get("session_id", ""))

    def _records(self, topics: Sequence[str], session_id: str) -> list[JSON]:
        inside = self.stack.project.inside
        counts = kafka.counts(inside)
        dead = [f"{topic}.dlq" for topic in topics]
        found = [row for topic in topics for row in kafka.records(inside, topic, counts.get(topic, 0))]
        found = [row for row in found if row["key"] == session_id]
        found += [row for topic in dead for row in kafka.records(inside, topic, counts.get(topic, 0))]
        subjects = {schema: self._subjects(schema) for schema in {int(str(row["schema"])) for row in found}}
        return [{**row, "subjects": subjects[int(str(row["schema"]))]} for row in found]

    def _subjects(self, schema: int) -> list[JSON]:
        if schema < 0:
            return []
        answer = kafka.registry(self.stack.project.inside, "GET", f"/schemas/ids/{schema}/versions").get("body")
        return [str(table(row).get("subject")) for row in answer] if isinstance(answer, list) else []

    def _changed(self, subject: str) -> dict[str, JSON]:
        name, inside = quote(subject, safe=""), self.stack.project.inside
        versions = f"/subjects/{name}/versions"
        before = kafka.registry(inside, "GET", versions).get("body")
        latest = kafka.registry(inside, "GET", f"{versions}/latest").get("body")
        optional = kafka.changed(latest, "verify_optional", required=False)
        required = kafka.changed(latest, "verify_required", required=True)
        return {
            "before": before if isinstance(before, list) else [],
            "compatible": kafka.registry(inside, "POST", f"/compatibility{versions}/latest", optional),
            "incompatible": kafka.registry(inside, "POST", versions, required),
            "after": kafka.registry(inside, "GET", versions).get("body"),
        }
