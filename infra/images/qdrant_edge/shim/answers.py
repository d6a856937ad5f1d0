"""The form of every answer."""

from __future__ import annotations

import time

from fastapi import Request

from .shards import Collections
from .translation import Json


def collections_of(request: Request) -> Collections:
    """The collections of the application that was asked."""
    found: Collections = request.app.state.collections
    return found


def told(result: object, began: float) -> Json:
    """An answer in the envelope that every answer has."""
    return {"result": result, "status": "ok", "time": time.perf_counter() - began}


def changed(number: int, began: float) -> Json:
    """What a write is answered with; the shim has always written before it answers."""
    return told({"operation_id": number, "status": "completed"}, began)
