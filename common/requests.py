"""What is done to every request: an id, a count, a time, a line in the log."""

from __future__ import annotations

import logging
import re
import time
import uuid

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.logs import REQUEST_ID
from common.peers import SERVICE_HEADER

_FIT = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_QUIET = frozenset({"/health", "/v1/health", "/ready", "/live", "/metrics"})
_ERROR = 500


class Meters:
    """Counts and times of requests by route template, never by path, so that their number is bounded.

    Args:
        service: name of the service, a label of each.
        registry: where they are registered, one an application.
    """

    def __init__(self, service: str, registry: CollectorRegistry) -> None:
        labels = ("service", "method", "route")
        self.service = service
        self.requests = Counter(
            "soma_http_requests_total", "Requests answered.", (*labels, "status"), registry=registry
        )
        self.seconds = Histogram(
            "soma_http_request_seconds", "Time to the first byte of the answer.", labels, registry=registry
        )
        self.open = Gauge(
            "soma_http_requests_open", "Requests being answered, streams included.", ("service",), registry=registry
        )


class Attended:
    """ASGI middleware: takes or makes X-Request-ID, signs the answer, counts, times, and writes one line."""

    def __init__(self, app: ASGIApp, *, meters: Meters, logger: logging.Logger) -> None:
        self._app = app
        self._meters = meters
        self._logger = logger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Attend one request; anything that is not HTTP passes untouched."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _FIT.fullmatch(given) else uuid.uuid4().hex
        token = REQUEST_ID.set(request_id)
        began = time.perf_counter()
        answer = {"status": _ERROR, "seconds": 0.0}

        async def signed(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.update(status=message["status"], seconds=time.perf_counter() - began)
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                headers[SERVICE_HEADER] = self._meters.service
            await send(message)

        self._meters.open.labels(self._meters.service).inc()
        try:
            await self._app(scope, receive, signed)
        finally:
            self._meters.open.labels(self._meters.service).dec()
            self._note(scope, int(answer["status"]), answer["seconds"], time.perf_counter() - began)
            REQUEST_ID.reset(token)

    def _note(self, scope: Scope, status: int, first_byte: float, total: float) -> None:
        route = getattr(scope.get("route"), "path", "none")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._meters.requests.labels(self._meters.service, method, route, str(status)).inc()
        self._meters.seconds.labels(self._meters.service, method, route).observe(first_byte)
        level = logging.DEBUG if route in _QUIET and status < _ERROR else logging.INFO
        fields = {"method": method, "route": route, "status": status, "seconds": round(total, 4)}
        self._logger.log(level, "%s %s %d", method, route, status, extra={"fields": fields})


_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
