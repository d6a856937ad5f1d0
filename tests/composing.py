"""Compose models of texts that stand in a test, and every rule that judges one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from textwrap import dedent

from blueprint.compose import ComposeModel, read_compose
from blueprint.evidence import Findings
from blueprint.rules.compose_closure import open_selections
from blueprint.rules.compose_credentials import literal_credentials
from blueprint.rules.compose_health import blind_health_checks
from blueprint.rules.compose_images import undigested_images, unpinned_images
from blueprint.rules.compose_names import ENTRY, MEMBERS
from blueprint.rules.compose_ports import clashing_ports, open_ports
from blueprint.rules.compose_profiles import misplaced_members, undeclared_profiles
from blueprint.rules.compose_structure import malformed_compose_file

ROOT = Path(__file__).parent.parent
RULES: Mapping[str, Callable[[ComposeModel], Findings]] = {
    "CMP-001": malformed_compose_file,
    "CMP-002": undeclared_profiles,
    **{
        f"CMP-00{number}": partial(misplaced_members, profile=profile)
        for number, profile in enumerate(MEMBERS, start=3)
    },
    "CMP-007": open_selections,
    "CMP-008": blind_health_checks,
    "CMP-009": unpinned_images,
    "CMP-010": clashing_ports,
    "CMP-017": literal_credentials,
    "CMP-020": undigested_images,
    "CMP-021": open_ports,
}


def model_of(
    text: str | None,
    *,
    files: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    tracked: Iterable[str] | None = None,
) -> ComposeModel:
    """The model of a text that stands at the entry of a checkout, with some files beside it."""
    there = {path: dedent(content) for path, content in (files or {}).items()}
    if text is not None:
        there[ENTRY] = dedent(text)
    return read_compose(there.get, ENTRY, environment or {}, paths=there, tracked=tracked)


def our_text() -> str:
    """Our own Compose file."""
    return (ROOT / ENTRY).read_text(encoding="utf-8")


def our_model(text: str | None = None) -> ComposeModel:
    """The model of our own Compose file, or of another text in its place."""
    paths = [path.relative_to(ROOT).as_posix() for path in (ROOT / "infra").rglob("*") if path.is_file()]
    paths = [path for path in paths if path != "infra/.env"]

    def read(path: str) -> str | None:
        if path == ENTRY and text is not None:
            return text
        return (ROOT / path).read_text(encoding="utf-8") if (ROOT / path).is_file() else None

    return read_compose(read, ENTRY, {}, paths=paths)


def said(findings: Findings) -> list[str]:
    """The findings as they are shown."""
    return [str(finding) for finding in findings.found]
