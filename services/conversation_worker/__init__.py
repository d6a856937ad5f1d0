"""The conversation_worker service."""
