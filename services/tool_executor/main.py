"""The tool executor: a registry of tools, called by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import FastAPI, HTTPException
from prometheus_client import Counter
from pydantic import BaseModel, Field

from common.config.settings import Settings
from common.service import Service
from services.tool_executor.calculator import NotComputed, calculate

Now = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool: what it is for, and what it makes of its input."""

    purpose: str
    call: Callable[[str], str]


class Called(BaseModel):
    """What a tool is given."""

    input: str = Field(default="", max_length=1000)


class Outcome(BaseModel):
    """What came of a call; `ok` false is an answer too, such as a division by zero."""

    tool: str
    ok: bool
    result: str | None = None
    error: str | None = None


class Listed(BaseModel):
    """A tool as it is listed."""

    name: str
    purpose: str


def utc_now() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)


def tools(now: Now) -> dict[str, Tool]:
    """The registry: name to tool."""
    return {
        "calculator": Tool("arithmetic", calculate),
        "clock": Tool("date and time, UTC", lambda _: now().isoformat(timespec="seconds").replace("+00:00", "Z")),
    }


def build(settings: Settings, *, now: Now = utc_now) -> FastAPI:
    """The application."""
    service = Service("tool_executor", settings)
    registry = tools(now)
    calls = Counter("soma_tool_calls_total", "Calls of tools.", ("tool", "ok"), registry=service.registry)

    @service.app.get("/v1/tools")
    async def listing() -> list[Listed]:
        return [Listed(name=name, purpose=tool.purpose) for name, tool in sorted(registry.items())]

    @service.app.post("/v1/tools/{name}", response_model_exclude_none=True)
    async def call(name: str, called: Called) -> Outcome:
        if name not in registry:
            raise HTTPException(404, f"no tool of that name; there are {', '.join(sorted(registry))}")
        try:
            outcome = Outcome(tool=name, ok=True, result=registry[name].call(called.input))
        except NotComputed as error:
            outcome = Outcome(tool=name, ok=False, error=str(error))
        calls.labels(name, str(outcome.ok).lower()).inc()
        return outcome

    return service.app


app = build(Settings())
