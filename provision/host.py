"""What the machine needs before anything can be stood up: `python -m provision.host`."""

from __future__ import annotations

from provision.engine import Engine, engine

__all__ = ["Engine", "engine"]
