"""Logs: one JSON object a line on stdout, with the id of the request it belongs to."""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime

from common.config.settings import without_passwords

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""Id of the request being answered; empty outside of one. It travels as X-Request-ID."""


class JsonLines(logging.Formatter):
    """Writes ts, level, service, message, request_id, and what `extra={"fields": {...}}` adds.

    Args:
        service: name of the service that speaks.
    """

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """One line; the password of any URL in it is replaced by stars."""
        line: dict[str, object] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "service": self._service,
            "message": record.getMessage(),
        }
        if request_id := REQUEST_ID.get():
            line["request_id"] = request_id
        fields = getattr(record, "fields", None)
        if isinstance(fields, dict):
            line |= {name: value for name, value in fields.items() if name not in line}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return without_passwords(json.dumps(line, ensure_ascii=False, default=str))


class _Stdout(logging.StreamHandler):  # type: ignore[type-arg] # the stream is looked up, never kept
    """Writes to whatever sys.stdout is at that moment."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> object:
        return sys.stdout

    @stream.setter
    def stream(self, value: object) -> None:
        """Nothing: StreamHandler sets a stream of its own when it is built."""


def speak_json(service: str, level: str) -> logging.Logger:
    """The logger of a service; the lines of its server and of its Kafka client take the same form.

    Only the loggers of the service, of uvicorn and of aiokafka are touched, so that a test which imports a
    service keeps its own logging. uvicorn's access log is off: the service writes one line a request itself,
    with its id.
    """
    handler = _Stdout()
    handler.setFormatter(JsonLines(service))
    logger, kafka, uvicorn = spoken_by(service)
    for each in (logger, kafka, uvicorn, logging.getLogger("uvicorn.error")):
        each.handlers = [handler] if each.name != "uvicorn.error" else []
        each.propagate = each.name == "uvicorn.error"
        each.setLevel(level)
    kafka.setLevel(max(kafka.level, logging.WARNING))  # it tells of every step
    access = logging.getLogger("uvicorn.access")
    access.handlers = []
    access.propagate = False
    return logger


def spoken_by(service: str) -> tuple[logging.Logger, logging.Logger, logging.Logger]:
    """The loggers whose lines are a service's: its own, its Kafka client's, its server's."""
    return logging.getLogger(f"soma.{service}"), logging.getLogger("aiokafka"), logging.getLogger("uvicorn")
