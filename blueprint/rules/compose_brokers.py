"""CMP-007, for Kafka: a topic of the broker's own cannot have more copies than the selection has brokers."""

from __future__ import annotations

from collections.abc import Iterator

from blueprint.compose import Selection, Service
from blueprint.evidence import Finding
from blueprint.rules.compose_names import counted

_COPIES = {
    "OFFSETS_TOPIC_REPLICATION_FACTOR": 3,
    "TRANSACTION_STATE_LOG_REPLICATION_FACTOR": 3,
    "TRANSACTION_STATE_LOG_MIN_ISR": 2,
    "DEFAULT_REPLICATION_FACTOR": 1,
}
"""Settings of a broker and what it takes without them (Apache Kafka's broker configuration)."""
_OF_A_BROKER = frozenset({"LISTENERS", "ADVERTISED_LISTENERS", "PROCESS_ROLES", "NODE_ID", "BROKER_ID"})


def _settings(service: Service) -> dict[str, str]:
    return {
        name.removeprefix("KAFKA_").removeprefix("CFG_"): node.text
        for name, node in service.environment.items()
        if name.startswith("KAFKA_")
    }


def is_broker(service: Service) -> bool:
    """Whether a service is a Kafka broker that is told what to be by its environment."""
    return "kafka" in service.image and len(_OF_A_BROKER & _settings(service).keys()) > 1


def absent_brokers(selection: Selection, service: Service) -> Iterator[Finding]:
    """Copies that a broker of the selection asks for and that no further broker is there to keep."""
    if not is_broker(service):
        return
    settings = _settings(service)
    brokers = sum(is_broker(other) for other in selection.services.values())
    for name, default in _COPIES.items():
        wanted = settings.get(name, str(default))
        if wanted.isdigit() and int(wanted) > brokers:
            unset = "" if name in settings else ", its default,"
            what = f"{service.name} wants {wanted}{unset} for {name}, and there is {counted(brokers, 'broker')}"
            variable = next((f"{p}{name}" for p in ("KAFKA_CFG_", "KAFKA_") if f"{p}{name}" in service.environment), "")
            where = service.place("environment", variable) if variable else service.place("environment")
            yield Finding(what, where, f"set KAFKA_{name} to at most {brokers}")
