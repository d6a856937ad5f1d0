"""The memory_service service."""
