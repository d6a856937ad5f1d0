"""The ui service."""
