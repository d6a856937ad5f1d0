"""A run in a page of Markdown, for pull requests: from verdicts.json and evidence.jsonl alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from reports.observations import read_evidence
from reports.prose import duration, visible
from reports.told import Case, Telling, Told, read_telling
from reports.wording import NOT_VERIFIED, NOT_YET, headline, unproven

MOST_RED = 20
"""How many red obligations are told at length; a comment on a pull request holds 65,536 characters."""
_LONGEST = 400
_ACTIVE = re.compile(r"([\\`*_\[\]#|~$])")


def markdown(out_dir: Path) -> str:
    """The summary of a run.

    Raises:
        Trouble: the files are missing, corrupt or incomplete; names file and line.
    """
    telling = read_telling(out_dir)
    read_evidence(out_dir, [name for case in telling.cases for name in case.document.get("evidence", [])])
    return "\n".join(_lines(telling))


def write(out_dir: Path) -> Path:
    """Write ``summary.md`` beside the files of a run, and return its path."""
    text = markdown(out_dir)
    path = out_dir / "summary.md"
    path.write_text(text, encoding="utf-8")
    return path


def inert(text: object, longest: int = _LONGEST) -> str:
    """Text that Markdown and HTML read as text, on one line, that notifies nobody."""
    told = str(visible(" ".join(str(text).split())))
    told = told if len(told) <= longest else f"{told[:longest]} …"
    told = _ACTIVE.sub(r"\\\1", told)
    return told.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "@<!-- -->")


def _lines(telling: Telling) -> Iterator[str]:
    summary, run = telling.summary, telling.run
    yield f"## {inert(headline(summary))}"
    yield ""
    if rest := unproven(telling.counts):
        yield f"Not proven: {rest}."
    state = "green: nothing that was asked of it is red" if summary["green"] else "red"
    yield f"The run is **{state}**."
    yield ""
    yield from _notices(telling)
    yield from _told("Red", telling.red, telling.clauses)
    yield from _told("Advised, not red", telling.advised, telling.clauses)
    yield from _chapters(telling)
    yield from _reasons(telling)
    yield from _stand_ins(telling)
    commit = f"{inert(run['commit'][:12])}{' with uncommitted changes' if run.get('dirty') else ''}" or "not under git"
    yield f"Run {inert(run['id'])} of {inert(run['subject'])} at {commit}, {duration(run['seconds'])}."
    yield ""
    yield "Again: `nox -s verify-local`. One clause: `nox -s explain -- CMP-008`."
    yield ""


def _notices(telling: Telling) -> Iterator[str]:
    summary = telling.summary
    notices = [(name, reason) for name in ("broken", "warnings") for reason in summary.get(name, [])]
    if summary.get("narrowed"):
        notices.append(("narrowed", summary["narrowed"]))
    yield from (f"- **{name}:** {inert(reason)}" for name, reason in notices)
    if notices:
        yield ""


def _told(title: str, cases: tuple[Case, ...], remedies: Mapping[str, Told]) -> Iterator[str]:
    if not cases:
        return
    yield f"### {title}"
    yield ""
    for case in cases[:MOST_RED]:
        found = case.first_finding
        what = found["what"] if found else case.document.get("message", "")
        place = _place(case) if found else ""
        remedy = (found or {}).get("remedy") or remedies[case.clause].document["remedy"]
        yield f"- **{case.word.text}** {inert(case.name)}: {place}{inert(what)} — {inert(remedy)}"
    if len(cases) > MOST_RED:
        yield f"- and {len(cases) - MOST_RED} more"
    yield ""


def _place(case: Case) -> str:
    found = case.first_finding or {}
    file, line, key = found.get("file", ""), found.get("line", 0), found.get("key", "")
    place = " ".join(part for part in (f"{file}:{line}" if line else file, key) if part)
    return f"{inert(place)}: " if place else ""


def _chapters(telling: Telling) -> Iterator[str]:
    yield "| chapter | proven | worst verdict |"
    yield "|---|---|---|"
    for chapter in telling.chapters:
        cases = chapter.cases()
        proven = sum(case.word.proven for case in cases)
        told = f"{proven} of {len(cases)}" if cases else "rolled up"
        yield f"| {inert(chapter.title)} | {told} | {chapter.word.text} |"
    yield ""


def _reasons(telling: Telling) -> Iterator[str]:
    rows = [(word, telling.reasons(word)) for word in (NOT_YET, NOT_VERIFIED)]
    if not any(reasons for _, reasons in rows):
        return
    yield "<details><summary>Why the rest is not proven</summary>"
    yield ""
    for word, reasons in rows:
        yield from (f"- {word.text}, {len(cases)}: {inert(reason)}" for reason, cases in reasons.items())
    yield ""
    yield "</details>"
    yield ""


def _stand_ins(telling: Telling) -> Iterator[str]:
    rows = [image for image in telling.run["images"] if not image["same_software"]]
    for image in rows:
        what = image.get("does_not_prove") or "anything about the named product"
        yield f"- stand-in **{inert(image['name'])}**: does not prove {inert(what)}"
    if rows:
        yield ""
