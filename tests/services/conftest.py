"""Registers what the tests of the services share."""

from tests.services.wiring import anyio_backend, world

__all__ = ["anyio_backend", "world"]
