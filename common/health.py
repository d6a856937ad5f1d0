"""Health: what a service says of itself and of what it depends on, within a bound."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pydantic import BaseModel

Status: TypeAlias = Literal["ok", "degraded", "down"]

LOOK_SECONDS = 1.0
"""Bound of one look at a dependency; all run side by side, so it bounds the whole answer too."""


class Component(BaseModel):
    """State of one dependency; `detail` says what is wrong with it."""

    status: Status
    detail: str | None = None


class Health(BaseModel):
    """State of a service: down when a required component is, degraded when anything else is not ok."""

    status: Status
    components: dict[str, Component] = {}


@dataclass(frozen=True, slots=True)
class Check:
    """One dependency: its name, whether the service is of use without it, and how it is looked at."""

    name: str
    required: bool
    look: Callable[[], Awaitable[Component]]


async def examine(checks: Iterable[Check], *, bound: float = LOOK_SECONDS) -> Health:
    """Look at everything side by side; what raises or takes longer than `bound` seconds is down."""
    ordered = tuple(checks)
    seen = await asyncio.gather(*(_bounded(check, bound) for check in ordered))
    components = {check.name: component for check, component in zip(ordered, seen, strict=True)}
    return Health(status=_overall(ordered, components), components=components)


async def _bounded(check: Check, bound: float) -> Component:
    try:
        async with asyncio.timeout(bound):
            return await check.look()
    except TimeoutError:
        return Component(status="down", detail=f"no answer within {bound:g} s")
    except Exception as error:  # noqa: BLE001 - whatever a look raises, the dependency is down and health still answers
        return Component(status="down", detail=f"{type(error).__name__}: {error}"[:200])


def _overall(checks: Iterable[Check], components: dict[str, Component]) -> Status:
    if any(check.required and components[check.name].status == "down" for check in checks):
        return "down"
    return "ok" if all(component.status == "ok" for component in components.values()) else "degraded"
