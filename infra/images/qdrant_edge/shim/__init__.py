"""Qdrant Edge shim: the part of Qdrant's REST interface that this deployment calls, over Qdrant's embedded engine.

A stand-in, named so everywhere: it is not the Qdrant server. What it does not know it refuses; it ignores nothing
that would change an answer.
"""
