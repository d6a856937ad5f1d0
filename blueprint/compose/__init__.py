"""Compose files with the semantics of Compose, as a pure function: texts in, model out."""

from blueprint.compose.model import ComposeModel, Project, Selection, read_compose
from blueprint.compose.nodes import Node
from blueprint.compose.service import Service

__all__ = ["ComposeModel", "Node", "Project", "Selection", "Service", "read_compose"]
