"""Logs pushed to Loki: beside stdout, never in its place, and never in the way of a request."""

from __future__ import annotations

import json
import logging
import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx
from prometheus_client import CollectorRegistry, Counter

from common.logs import JsonLines, spoken_by
from common.peers import CONNECT_SECONDS

PATH = "/loki/api/v1/push"
WAITING = 2000
"""Lines that may wait; one more is dropped and counted, so that a Loki that is away takes no more than this."""
LINE_CHARACTERS = 8192
"""A longer line is cut: it stands whole on stdout."""
AT_ONCE = 500
PAUSE_SECONDS = 1.0
"""Between two pushes, so that lines travel together, and before one that failed is tried again."""
PUSH_SECONDS = 3.0
CLOSE_SECONDS = 2.0
"""How long what still waits may take once the service stops."""
_TOO_MANY = 429
_SERVER = 500


class Waiting(logging.Handler):
    """Lines that wait to be pushed.

    Args:
        service: name of the service that speaks.
        dropped: counts lines that will not be pushed, by reason.
    """

    def __init__(self, service: str, dropped: Counter) -> None:
        super().__init__()
        self.setFormatter(JsonLines(service))
        self._dropped = dropped
        self._lines: queue.Queue[tuple[int, str]] = queue.Queue(WAITING)

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line where there is room. Returns at once, whatever Loki does."""
        try:
            self._lines.put_nowait((int(record.created * 1e9), self.format(record)[:LINE_CHARACTERS]))
        except queue.Full:
            self._dropped.labels("full").inc()
        except Exception:  # noqa: BLE001 - as every logging handler: a line that cannot be formatted breaks nobody
            self.handleError(record)

    def take(self) -> list[tuple[int, str]]:
        """Those that wait, as many as go at once, in the order in which they came."""
        taken: list[tuple[int, str]] = []
        while len(taken) < AT_ONCE:
            try:
                taken.append(self._lines.get_nowait())
            except queue.Empty:
                break
        return taken


class Shipper:
    """Pushes what waits, in a thread of its own, until it is closed.

    Args:
        url: where Loki listens.
        labels: of the stream; few, and none with many values.
        registry: where its counts are registered.
    """

    def __init__(self, url: str, labels: Mapping[str, str], registry: CollectorRegistry) -> None:
        self._pushed = Counter("soma_logs_pushed_total", "Lines that Loki took.", registry=registry)
        self._dropped = Counter(
            "soma_logs_dropped_total", "Lines that Loki did not get, by reason.", ("reason",), registry=registry
        )
        for reason in ("full", "refused", "stopped"):
            self._dropped.labels(reason)
        self.waiting = Waiting(labels["service"], self._dropped)
        self._labels = dict(labels)
        self._client = httpx.Client(
            base_url=url, timeout=httpx.Timeout(PUSH_SECONDS, connect=CONNECT_SECONDS), trust_env=False
        )
        self._last = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="logs to loki", daemon=True)

    def start(self) -> None:
        """Begin to push."""
        self._thread.start()

    def close(self) -> None:
        """Push what still waits, within a bound; what Loki then has not taken is counted as dropped."""
        self._stopping.set()
        self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        batch: list[tuple[int, str]] = []
        while not self._stopping.wait(PAUSE_SECONDS):
            batch = self._round(batch)
        batch = self._round(batch)
        self._dropped.labels("stopped").inc(len(batch) + len(self.waiting.take()))
        self._client.close()

    def _round(self, batch: list[tuple[int, str]]) -> list[tuple[int, str]]:
        """Push a batch and go on while there is more; what is to be tried again, empty where nothing is left."""
        batch = batch or self._ordered(self.waiting.take())
        while batch and self._push(batch):
            batch = self._ordered(self.waiting.take())
        return batch

    def _push(self, batch: list[tuple[int, str]]) -> bool:
        """Whether the batch is done with: taken, or refused for good."""
        values = [[str(at), line] for at, line in batch]
        body = json.dumps({"streams": [{"stream": self._labels, "values": values}]})
        try:
            answer = self._client.post(PATH, content=body, headers={"Content-Type": "application/json"})
        except httpx.HTTPError:
            return False
        if answer.status_code == _TOO_MANY or answer.status_code >= _SERVER:
            return False
        if answer.is_success:
            self._pushed.inc(len(batch))
        else:
            self._dropped.labels("refused").inc(len(batch))
        return True

    def _ordered(self, lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
        """Each later than the one before it: Loki 1.6 refuses a line that is older than the last of its stream."""
        ordered = []
        for at, line in lines:
            self._last = max(at, self._last + 1)
            ordered.append((self._last, line))
        return ordered


@contextmanager
def shipped(url: str, labels: Mapping[str, str], registry: CollectorRegistry) -> Iterator[Shipper]:
    """What a service says goes to Loki too while the ``with`` lasts."""
    shipper = Shipper(url, labels, registry)
    loggers = spoken_by(labels["service"])
    for logger in loggers:
        logger.addHandler(shipper.waiting)
    shipper.start()
    try:
        yield shipper
    finally:
        for logger in loggers:
            logger.removeHandler(shipper.waiting)
        shipper.close()
