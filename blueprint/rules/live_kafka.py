"""What can be wrong with messages that travel through a broker, and with its registry; from observations alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from blueprint.evidence import Finding, Findings, Place
from blueprint.live import Exchange, table
from blueprint.live_kafka import Record, SchemaChanges

OK = 200
CONFLICT = 409
DEAD = ".dlq"


def strayed_records(exchange: Exchange, seen: Iterable[Record], asked: str, told: str) -> Findings:
    """A message that was not one record, events that were not told once each, and records without their schema.

    Args:
        exchange: the message and the events that the gateway told.
        seen: the records of its session, and every dead letter.
        asked: the topic that the message must have gone through.
        told: the topic that the events must have come through.
    """
    records = list(seen)
    by_topic = {topic: [record for record in records if record.topic == topic] for topic in (asked, told)}
    found = [finding for topic, own in by_topic.items() for finding in _unregistered(topic, own)]
    if len(by_topic[asked]) != 1:
        found.append(_finding(asked, f"holds {len(by_topic[asked])} records of one message"))
    travelled = [record.event for record in by_topic[told]]
    arrived = [str(event.get("event")) for event in exchange.events]
    if travelled != arrived:
        found.append(_finding(told, f"carried {_list(travelled)}, and the gateway told {_list(arrived)}"))
    dead = [record for record in records if record.topic.endswith(DEAD)]
    found += [_finding(record.topic, f"holds a dead letter: {str(record.body)[:200]}") for record in dead]
    examined = [topic for topic, own in by_topic.items() if own]
    schemas = sorted({record.schema for own in by_topic.values() for record in own})
    observed = f"one record of {asked} and {len(travelled)} of {told}, under schemas {', '.join(map(str, schemas))}"
    return Findings.of(examined, (asked, told), found, observed)


def _unregistered(topic: str, records: Sequence[Record]) -> Iterator[Finding]:
    for record in records:
        if record.schema < 0:
            yield _finding(topic, f"holds a record without the id of a schema: {str(record.body)[:200]}")
        elif f"{topic}-value" not in record.subjects:
            whose = f"one of {', '.join(record.subjects)}" if record.subjects else "registered by nobody"
            yield _finding(topic, f"holds a record under schema {record.schema}, which is {whose}")


def tolerated_schemas(changes: SchemaChanges) -> Findings:
    """A registry that takes a change which breaks readers, or refuses one that does not."""
    subject, found = changes.subject, []
    if not changes.before:
        found.append(_finding(subject, "has no registered schema"))
    if changes.compatible.status != OK or table(changes.compatible.body).get("is_compatible") is not True:
        found.append(_finding(subject, f"may not get an optional field: {changes.compatible}"))
    if changes.incompatible.status != CONFLICT:
        found.append(_finding(subject, f"got a new required field: {changes.incompatible}", "compatibility BACKWARD"))
    if changes.after != changes.before:
        found.append(_finding(subject, f"had versions {changes.before} and has {changes.after} after the refusal"))
    answers = {"compatible change": changes.compatible, "incompatible change": changes.incompatible}
    examined = [name for name, answer in answers.items() if answer.status]
    return Findings.of(examined, answers, found, f"{subject}: a new required field was answered {CONFLICT}")


def _list(names: Sequence[str]) -> str:
    return ", ".join(names) or "nothing"


def _finding(key: str, what: str, remedy: str = "") -> Finding:
    return Finding(what, Place(key=key), remedy)
