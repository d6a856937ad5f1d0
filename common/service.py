"""What every service has: /health, /ready, /live, /metrics, JSON logs, bounds, and a clean stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Gauge,
    GCCollector,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
    start_http_server,
)

from common.config.settings import Settings
from common.health import Check, Health, examine
from common.logs import REQUEST_ID, speak_json
from common.requests import Attended, Meters
from common.shipping import shipped
from common.stopping import stop_on_sigterm

VERSION = "0.1.0"
BODY_BYTES = 64 * 1024
"""A longer request body is refused with 413."""

_LOOKUPS = 32
"""Threads for name look-ups: one that hangs, for a peer that is gone, must not hold up the others."""

_UNAVAILABLE = 503


class Service:
    """One application with everything that every service has; routes of its own are added to `app`.

    Args:
        name: what it is called in health, logs, metrics, and in the header that signs its answers.
        settings: what it was told.
        checks: what it depends on.
        alive: opened before the first request is answered, closed after the last.

    Attributes:
        stopping: set as soon as SIGTERM arrives; streams end on it.
        registry: its metrics, apart from those of any other application of the process.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        checks: Sequence[Check] = (),
        alive: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
    ) -> None:
        self.name = name
        self.settings = settings
        self.logger = speak_json(name, settings.log_level)
        self.stopping = asyncio.Event()
        self.registry = _registry(name, settings)
        self._checks = tuple(checks)
        self._alive = alive
        self._dependencies = Gauge(
            "soma_dependency_up",
            "Whether what the service depends on was well when it was last looked at.",
            ("service", "dependency"),
            registry=self.registry,
        )
        self.app = FastAPI(
            title=name,
            version=VERSION,
            docs_url=None,  # its page would load scripts from elsewhere
            redoc_url=None,
            lifespan=self._lifespan,
            max_body_size=BODY_BYTES,
            exception_handlers={Exception: _broken, RequestValidationError: _refused},
        )
        self.app.add_middleware(Attended, meters=Meters(name, self.registry), logger=self.logger)
        self.app.add_api_route("/health", self._health, response_model_exclude_none=True)
        self.app.add_api_route("/v1/health", self._health, response_model_exclude_none=True)
        self.app.add_api_route("/ready", self._ready, response_model_exclude_none=True)
        self.app.add_api_route("/live", self._live)
        self.app.add_api_route("/metrics", self._metrics, include_in_schema=False)

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        stop_on_sigterm(self.stopping)
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_LOOKUPS, "lookup"))
        fields = {"environment": self.settings.environment, "profiles": self.settings.profiles}
        with _metrics_listener(self.settings, self.registry), self._shipping():
            async with self._alive():
                self.logger.info("started", extra={"fields": fields})
                yield
                self.stopping.set()
            self.logger.info("stopped")

    def _shipping(self) -> AbstractContextManager[object]:
        """Logs go to Loki too where the profile that has it is on."""
        if not self.settings.has("observability"):
            return nullcontext()
        labels = {"service": self.name, "environment": str(self.settings.environment)}
        return shipped(self.settings.loki_url, labels, self.registry)

    async def _health(self, response: Response) -> Health:
        """State of the service and of what it depends on: 200 when ok or degraded, 503 when down."""
        health = await examine(self._checks)
        for name, component in health.components.items():
            self._dependencies.labels(self.name, name).set(component.status != "down")
        if health.status == "down":
            response.status_code = _UNAVAILABLE
        return health

    async def _ready(self, response: Response) -> Health:
        """Whether it can serve: as /health, and 503 too while it is stopping."""
        health = await self._health(response)
        if self.stopping.is_set():
            response.status_code = _UNAVAILABLE
        return health

    async def _live(self) -> dict[str, str]:
        """That the process answers, whatever its dependencies do: what restarts should go by."""
        return {"status": "ok"}

    async def _metrics(self) -> Response:
        return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)


def _registry(name: str, settings: Settings) -> CollectorRegistry:
    disable_created_metrics()  # type: ignore[no-untyped-call] # carries no types; drops a second series nobody reads
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    info = Info("soma_service", "What runs here.", registry=registry)
    info.info({"service": name, "version": VERSION, "environment": settings.environment})
    return registry


@contextmanager
def _metrics_listener(settings: Settings, registry: CollectorRegistry) -> Iterator[None]:
    if not settings.metrics_port:
        yield
        return
    server, thread = start_http_server(settings.metrics_port, settings.metrics_host, registry)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def _refused(_: Request, error: Exception) -> JSONResponse:
    """What is wrong with a request, without repeating it: it may be long, or hold what no answer can hold."""
    errors = error.errors() if isinstance(error, RequestValidationError) else ()
    detail = [{"loc": each["loc"], "msg": each["msg"], "type": each["type"]} for each in errors]
    return JSONResponse({"detail": detail}, status_code=422)


async def _broken(_: Request, __: Exception) -> JSONResponse:
    """What a caller sees of a defect; the traceback goes to the log under the same id."""
    return JSONResponse({"detail": "internal error", "request_id": REQUEST_ID.get()}, status_code=500)
