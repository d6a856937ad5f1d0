"""The tool_executor service."""
