"""What must hold of the pages: the blueprint page's front matter first of all."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Iterator
from datetime import date
from textwrap import shorten

from blueprint.documents import Document
from blueprint.evidence import Finding, Findings, Place
from blueprint.front_matter import Field, Plain, read_front_matter
from blueprint.versions import read_version

BLUEPRINT_PAGE = "docs/technical-manual/infrastructure.md"
_SHOWN = 60  # characters of a bad value that a finding repeats
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
WARNED_DAYS = 14
"""Days before a calendar clause turns red in which its report says so."""


def _offence_in_text(value: Plain) -> str:
    if not isinstance(value, str):
        return "is not a line of text" if value is not None else "is empty"
    return "" if value.strip() else "is empty"


def _offence_in_slug(value: Plain) -> str:
    return "" if isinstance(value, str) and _SLUG.fullmatch(value) else "is not lower-case words joined by hyphens"


def _offence_in_version(value: Plain) -> str:
    if isinstance(value, str) and read_version(value):
        return ""
    return "is not a semantic version of three numbers, such as 1.0.0"


def _offence_in_date(value: Plain) -> str:
    return "" if _as_date(value) else "is not a day of the calendar written YYYY-MM-DD"


def _offence_in_list(value: Plain) -> str:
    if not isinstance(value, list):
        return "is not a list"
    if not value:
        return "is an empty list"
    if bad := [item for item in value if not isinstance(item, str) or not item.strip()]:
        return f"holds {len(bad)} of {len(value)} items that are not a line of text"
    return "" if len(set(map(str, value))) == len(value) else "names one of its items twice"


def _offence_in_text_or_list(value: Plain) -> str:
    return _offence_in_list(value) if isinstance(value, list) else _offence_in_text(value)


def _as_date(value: Plain) -> date | None:
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


FIELDS: dict[str, Callable[[Plain], str]] = {
    "title": _offence_in_text,
    "slug": _offence_in_slug,
    "version": _offence_in_version,
    "last-reviewed": _offence_in_date,
    "audience": _offence_in_text_or_list,
    "owner": _offence_in_text,
    "reviewers": _offence_in_list,
    "prerequisites": _offence_in_list,
    "verification": _offence_in_list,
}
"""The nine fields of the blueprint page, each with what says how a value offends, or nothing."""


def malformed_front_matter(page: Document) -> Findings:
    """DOC-001: the nine fields are there, once each, and each is of its type."""
    if not page:
        return Findings.of((), FIELDS, [page.absence("write the page, beginning with its front matter")])
    matter = read_front_matter(page.text)
    found = [Finding(problem.what, Place(page.path, problem.line), "see DOC-001") for problem in matter.problems]
    if matter.present and (matter.fields or not matter.problems):
        found += _offences(page.path, dict(matter.fields))
    observed = f"{len(FIELDS.keys() & matter.fields.keys())} of {len(FIELDS)} fields of the front matter in order"
    return Findings.of(FIELDS if matter.present else (), FIELDS, found, observed)


def _offences(path: str, fields: dict[str, Field]) -> Iterator[Finding]:
    for name, offence_in in FIELDS.items():
        field = fields.get(name)
        if field is None:
            yield Finding(f"the front matter has no field {name}", Place(path, 1, name), f"add {name}: to it")
        elif offence := offence_in(field.value):
            yield Finding(f"{name} {offence}{_shown(field.value)}", Place(path, field.line, name), "see DOC-001")


def _shown(value: Plain) -> str:
    text = value if isinstance(value, str) else str(value or "")
    return f": {shorten(text, width=_SHOWN, placeholder=' ...')}" if text.strip() else ""


def overdue_review(page: Document, as_of: date) -> Findings:
    """DOC-002: the page was reviewed within the three months before a day."""
    name = "last-reviewed"
    if not page:
        return Findings.of((), [name], [page.absence("write the page, beginning with its front matter")])
    field = read_front_matter(page.text).fields.get(name)
    reviewed = _as_date(field.value) if field else None
    if field is None or reviewed is None:
        what = "no day of the last review can be read"
        return Findings.of(
            [name], [name], [Finding(what, Place(page.path, field.line if field else 1, name), "see DOC-001")]
        )
    place, due = Place(page.path, field.line, name), a_quarter_after(reviewed)
    found = []
    if reviewed > as_of:
        found.append(Finding(f"the review of {reviewed} has yet to come on {as_of}", place, "correct the day"))
    elif due < as_of:
        found.append(Finding(f"the review of {reviewed} was due again on {due}", place, "review the page, set the day"))
    left = (due - as_of).days
    soon = f", in {left} days" if left <= WARNED_DAYS else ""
    return Findings.of([name], [name], found, f"reviewed on {reviewed}; due again on {due}{soon}")


def a_quarter_after(day: date) -> date:
    """The same day three months later, or the last of that month where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + 3, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
