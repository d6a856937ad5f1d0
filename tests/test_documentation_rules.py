"""Offences in the front matter of the blueprint page are found, each on its line."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blueprint.documents import NOT_THERE, Document
from blueprint.front_matter import read_front_matter
from blueprint.rules.documentation import (
    BLUEPRINT_PAGE,
    FIELDS,
    a_quarter_after,
    malformed_front_matter,
    overdue_review,
)

GOOD = (Path(__file__).parent / "samples" / "docs" / "infrastructure.md").read_text(encoding="utf-8")


def page(text: str) -> Document:
    return Document(BLUEPRINT_PAGE, text)


def offences(text: str) -> list[tuple[int, str]]:
    return [(finding.place.line, finding.what) for finding in malformed_front_matter(page(text)).found]


def test_a_page_in_order_has_no_offence() -> None:
    findings = malformed_front_matter(page(GOOD))
    assert findings.found == ()
    assert findings.unexamined == frozenset()
    assert findings.population == {
        *("title", "slug", "version", "last-reviewed", "audience", "owner", "reviewers", "prerequisites"),
        "verification",
    }
    assert findings.observed == "9 of 9 fields of the front matter in order"


@pytest.mark.parametrize(
    "put",
    [
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("slug: a-page", 'slug: "a-page"'),
        GOOD.replace("\n---\n", "\n...\n"),
        GOOD.replace("audience: platform-engineers, SRE", "audience: [platform-engineers, SRE]"),
        GOOD.replace("version: 1.10.0", "version: '1.10.0-rc.1+build.5'"),
        GOOD.replace("owner: ", "owner: # a comment\n  "),
        GOOD.replace("---\ntitle", "---  \ntitle"),
    ],
    ids=["crlf", "quoted", "dots", "list", "pre-release", "folded", "trailing-blanks"],
)
def test_other_spellings_of_the_same_are_no_offence(put: str) -> None:
    assert put != GOOD
    assert offences(put) == []


@pytest.mark.parametrize("name", FIELDS)
def test_each_field_must_be_there(name: str) -> None:
    lines = GOOD.splitlines(keepends=True)
    start = next(number for number, line in enumerate(lines) if line.startswith(f"{name}:"))
    end = next(number for number in range(start + 1, len(lines)) if not lines[number].startswith("  - "))
    assert offences("".join(lines[:start] + lines[end:])) == [(1, f"the front matter has no field {name}")]


@pytest.mark.parametrize(
    ("find", "put", "line", "what"),
    [
        ("title: A page that is in order\n", "title:\n", 2, "title is empty"),
        ("title: A page that is in order\n", "title: ' '\n", 2, "title is empty"),
        ("title: A page that is in order\n", "title: [a, b]\n", 2, "title is not a line of text"),
        ("slug: a-page", "slug: A Page", 3, "slug is not lower-case words joined by hyphens: A Page"),
        ("slug: a-page", "slug: a--page", 3, "slug is not lower-case words"),
        ("version: 1.10.0", "version: 1.10", 4, "version is not a semantic version"),
        ("version: 1.10.0", "version: v1.10.0", 4, "version is not a semantic version"),
        ("version: 1.10.0", "version: 1.010.0", 4, "version is not a semantic version"),
        ("version: 1.10.0", "version: 1.10.0\u0665", 4, "version is not a semantic version"),
        ("2026-02-28", "2026-02-29", 5, "last-reviewed is not a day of the calendar"),
        ("2026-02-28", "28.02.2026", 5, "last-reviewed is not a day of the calendar"),
        ("2026-02-28", "2026-02-28T10:00:00Z", 5, "last-reviewed is not a day of the calendar"),
        ("audience: platform-engineers, SRE", "audience: []", 6, "audience is an empty list"),
        ("owner: platform-operations", "owner: {team: a}", 7, "owner is not a line of text"),
        ("reviewers:\n  - infra\n  - sre", "reviewers: infra, sre", 8, "reviewers is not a list: infra, sre"),
        ("  - sre\n", "  -\n", 8, "reviewers holds 1 of 2 items that are not a line of text"),
        ("  - sre\n", "  - infra\n", 8, "reviewers names one of its items twice"),
        ("[a container engine]", "[]", 11, "prerequisites is an empty list"),
        ("  - everything is green\n", "", 12, "verification is not a list"),
        ("owner:", "title: B\nowner:", 7, "the field title stands on line 2 already"),
        ("  - infra", "\t- infra", 9, "the front matter is not YAML: found character '\\t' that cannot start"),
        ("title: A page", "title: A: page", 2, "the front matter is not YAML: mapping values are not allowed here"),
        ("slug: a-page", "slug: a\x07page", 3, "the front matter is not YAML: the character #x0007"),
        ("---\ntitle", "\n\n---\ntitle", 3, "the front matter does not begin on the first line of the page"),
        ("---\ntitle", "<!-- licence -->\n---\ntitle", 2, "the front matter does not begin on the first line"),
        ("---\ntitle", "\ufeff---\ntitle", 1, "a byte order mark stands before the front matter"),
        ("---\n\n#", "\n\n#", 1, "the front matter is never closed by a line ---"),
    ],
)
def test_an_offence_is_told_on_its_line(find: str, put: str, line: int, what: str) -> None:
    assert GOOD.count(find) == 1
    found = offences(GOOD.replace(find, put))
    assert len(found) == 1
    assert found[0][0] == line
    assert found[0][1].startswith(what)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "the page has no front matter"),
        ("# Title\n\ntext\n", "the page has no front matter"),
        ("# Title\n\n---\n\ntext\n", "the page has no front matter"),
        ("---\n---\n", "the front matter is empty"),
        ("---\n- title\n---\n", "the front matter is not a list of fields"),
        ("---", "the front matter is never closed by a line ---"),
    ],
)
def test_a_page_without_fields_is_one_offence(text: str, what: str) -> None:
    findings = malformed_front_matter(page(text))
    assert [finding.what for finding in findings.found] == [what]


def test_a_page_that_is_absent_is_told_with_its_place_and_the_nearest() -> None:
    findings = malformed_front_matter(Document(BLUEPRINT_PAGE, absent=NOT_THERE, nearest="docs/infra.md"))
    assert "infrastructure.md is not there; the nearest is docs/infra.md" in str(findings.found[0])
    assert findings.found[0].place.file == BLUEPRINT_PAGE
    assert findings.unexamined


def test_anchors_neither_multiply_nor_hold_themselves() -> None:
    levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))
    bomb = f"---\na0: &a0 [x]\n{levels}title: &t [*t]\n---\n"
    fields = read_front_matter(bomb).fields
    assert len(fields) == 31
    assert fields["title"].value == [None]


@given(st.text(st.sampled_from(list("-.:[]{}&*!|>'\"#\n\r\t \ufeff\x07aé1")), max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    for candidate in (text, f"---\n{text}\n---\n", f"---\ntitle: {text}\n---\n"):
        matter = read_front_matter(candidate)
        assert matter.present or matter.problems
        assert all(1 <= problem.line <= candidate.count("\n") + 1 for problem in matter.problems)
        assert malformed_front_matter(page(candidate)).found


@pytest.mark.parametrize(
    ("as_of", "what"),
    [
        ("2026-02-28", ""),
        ("2026-05-28", ""),
        ("2026-05-29", "the review of 2026-02-28 was due again on 2026-05-28"),
        ("2026-02-27", "the review of 2026-02-28 has yet to come on 2026-02-27"),
    ],
)
def test_a_review_is_good_for_a_quarter(as_of: str, what: str) -> None:
    findings = overdue_review(page(GOOD), date.fromisoformat(as_of))
    assert [(finding.place.line, finding.what) for finding in findings.found] == ([(5, what)] if what else [])


def test_a_review_that_is_due_soon_is_told_before() -> None:
    assert overdue_review(page(GOOD), date(2026, 5, 13)).observed.endswith("due again on 2026-05-28")
    assert overdue_review(page(GOOD), date(2026, 5, 14)).observed.endswith("due again on 2026-05-28, in 14 days")


@pytest.mark.parametrize("text", ["", GOOD.replace("last-reviewed", "reviewed"), GOOD.replace("2026-02-28", "soon")])
def test_a_review_without_a_day_is_overdue(text: str) -> None:
    findings = overdue_review(page(text), date(2026, 3, 1))
    assert [finding.what for finding in findings.found] == ["no day of the last review can be read"]
    assert overdue_review(Document(BLUEPRINT_PAGE, absent=NOT_THERE), date(2026, 3, 1)).found


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_a_quarter_is_three_months(day: date) -> None:
    due = a_quarter_after(day)
    assert timedelta(days=88) < due - day < timedelta(days=93)
    assert (due.month - day.month) % 12 == 3
