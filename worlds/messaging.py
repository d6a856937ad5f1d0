"""The profile kafka of the Compose project as proofs see it: records, schemas, and messages while a worker is away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from blueprint.evidence import JSON
from blueprint.live import Exchange, table
from blueprint.live_kafka import Record, SchemaChanges
from provision.waiting import Deadline, until
from worlds.compose_acts import GATEWAY
from worlds.probes import kafka
from worlds.probes.conversation import follow, post
from worlds.stack import ComposeStack

AFTER_RESTART_SECONDS = 60.0
"""How long after its start a worker may take to answer what was waiting for it."""
BROKER_ANSWERS = Deadline("the records that the broker counts", 60)
"""A tool of the broker's that failed, or timed out is run again: it does not say that none is there."""
REGISTRY_ANSWERS = Deadline("an answer of the schema registry", 30)
_SERVER_ERRORS = 500


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
        counts = until(lambda: kafka.counts(inside), bool, BROKER_ANSWERS)

        def held(topic: str) -> list[dict[str, JSON]]:
            count = counts.get(topic, 0)
            return until(lambda: kafka.records(inside, topic, count), lambda got: len(got) >= count, BROKER_ANSWERS)

        found = [row for topic in topics for row in held(topic) if row["key"] == session_id]
        found += [row for topic in topics for row in held(f"{topic}.dlq")]
        subjects = {schema: self.subjects(schema) for schema in {int(str(row["schema"])) for row in found}}
        return [{**row, "subjects": subjects[int(str(row["schema"]))]} for row in found]

    def subjects(self, schema: int) -> list[JSON]:
        """The subjects under which the registry holds a schema; within an act of the recorder."""
        if schema < 0:
            return []
        answer = self._registry("GET", f"/schemas/ids/{schema}/versions").get("body")
        return [str(table(row).get("subject")) for row in answer] if isinstance(answer, list) else []

    def _registry(self, method: str, path: str, body: JSON = None) -> dict[str, JSON]:
        """What the registry answers; asked again while it has no answer, which says nothing of what it holds.

        All that is asked of it here may be asked twice.

        Raises:
            WaitedTooLong: it has none in time; names what it said instead.
        """
        inside = self.stack.project.inside
        return until(lambda: kafka.registry(inside, method, path, body), _is_answer, REGISTRY_ANSWERS)

    def _changed(self, subject: str) -> dict[str, JSON]:
        name = quote(subject, safe="")
        versions = f"/subjects/{name}/versions"
        before = self._registry("GET", versions).get("body")
        latest = self._registry("GET", f"{versions}/latest").get("body")
        optional = kafka.changed(latest, "verify_optional", required=False)
        required = kafka.changed(latest, "verify_required", required=True)
        return {
            "before": before if isinstance(before, list) else [],
            "compatible": self._registry("POST", f"/compatibility{versions}/latest", optional),
            "incompatible": self._registry("POST", versions, required),
            "after": self._registry("GET", versions).get("body"),
        }


def _is_answer(seen: dict[str, JSON]) -> bool:
    """Whether the registry said something about its schemas, rather than that it cannot just now."""
    status = seen["status"]
    return isinstance(status, int) and 0 < status < _SERVER_ERRORS and not isinstance(seen.get("body"), str)
