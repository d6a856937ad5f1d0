"""Runbooks without a section, a command or a way to them are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from blueprint.documents import NOT_THERE, Document
from blueprint.rules.documentation import BLUEPRINT_PAGE
from blueprint.rules.runbooks import LINK, RUNBOOKS, SECTIONS, missing_runbooks

GOOD = (Path(__file__).parent / "samples" / "docs" / "runbooks.md").read_text(encoding="utf-8")
LINKING = "# Page\n\n[runbooks](../development-manual/runbooks.md#log-collection)\n"


def offences(runbooks: str = GOOD, page: str = LINKING) -> list[str]:
    findings = missing_runbooks(Document(RUNBOOKS, runbooks), Document(BLUEPRINT_PAGE, page))
    assert not findings.unexamined
    return [f"{finding.place}: {finding.what}" for finding in findings.found]


def test_runbooks_in_order_are_left_in_peace() -> None:
    assert offences() == []
    assert offences(GOOD.replace("## Start and stop", "## Bring-up\n\n```\na\n```\n\n## Shutdown")) == []
    assert offences(page=LINKING.replace("../development", "../../docs/development")) == []


@pytest.mark.parametrize(
    ("find", "put", "expected"),
    [
        ("## Start and stop", "## Start", [f"{RUNBOOKS}:1 stop: no section is about stop"]),
        ("## Scaling events", "## Growth", [f"{RUNBOOKS}:1 scaling: no section is about scaling"]),
        ("## Log collection", "## Collection", []),
        (
            "    docker compose logs gateway",
            "text",
            [f"{RUNBOOKS}:9 log collection: 'Log collection' holds no command"],
        ),
        ("```console\nkubectl", "```yaml\nkubectl", [f"{RUNBOOKS}:17 scaling: 'Scaling events' holds no command"]),
        (
            "kubectl scale deployment/gateway --replicas=3",
            "# later",
            [f"{RUNBOOKS}:17 scaling: 'Scaling events' holds no command"],
        ),
    ],
)
def test_a_section_that_is_missing_or_empty_is_told(find: str, put: str, expected: list[str]) -> None:
    assert GOOD.count(find) == 1
    assert offences(GOOD.replace(find, put)) == expected


@pytest.mark.parametrize(
    ("page", "line"),
    [("# Page\n", 1), ("# Page\n\n`../development-manual/runbooks.md`\n", 1), ("# P\n\n[x](../runbooks.md)\n", 3)],
)
def test_a_page_that_does_not_lead_to_them_is_told(page: str, line: int) -> None:
    assert offences(page=page) == [f"{BLUEPRINT_PAGE}:{line}: the page does not link to the runbooks"]


def test_what_is_absent_is_told_and_hides_nothing() -> None:
    absent = Document(RUNBOOKS, absent=NOT_THERE, nearest="docs/runbooks.md")
    findings = missing_runbooks(absent, Document(BLUEPRINT_PAGE, "# Page\n"))
    assert [finding.place.file for finding in findings.found] == [RUNBOOKS, BLUEPRINT_PAGE]
    assert findings.unexamined == set(SECTIONS)
    findings = missing_runbooks(Document(RUNBOOKS, GOOD), Document(BLUEPRINT_PAGE, absent=NOT_THERE))
    assert findings.unexamined == {LINK}
    assert len(findings.found) == 1
