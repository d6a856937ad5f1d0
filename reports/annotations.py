"""A run as GitHub's workflow commands: each finding beside the line that it is in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from blueprint.fingerprints import fingerprints
from reports.sarif import level_of


def workflow_commands(verdicts: Mapping[str, Any]) -> Iterator[str]:
    """One command for each finding; nothing of a finding can end it or begin another."""
    for _, obligation, finding in fingerprints(verdicts):
        clause = obligation.split()[0]
        fields = {"file": finding["file"], "line": finding["line"], "title": clause}
        told = ",".join(f"{name}={_property(str(value))}" for name, value in fields.items() if value)
        remedy = f" ({finding['remedy']})" if finding["remedy"] else ""
        yield f"::{level_of(verdicts['clauses'][clause])} {told}::{_data(finding['what'] + remedy)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
