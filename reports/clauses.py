"""``python -m reports.clauses > docs/clauses.md``: the catalogue as a page of the documentation."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import groupby
from textwrap import fill

from blueprint.catalogue import WHOLE, Catalogue, Clause, Level, read_catalogue
from blueprint.judgement import LONG_DRILLS
from blueprint.trouble import Trouble

HEAD = """\
# The clauses

What must hold, in words. This page is made from `blueprint/chapters/` by `python -m reports.clauses`; change it there.

A clause that speaks of several things has cases, and each is proven on its own, in each of its tiers. Where it says
*should*, a failure is shown and is not red. `nox -s explain -- CMP-008` says how a clause is proven, and what the last
run made of it."""


def page(catalogue: Catalogue) -> str:
    """The whole page."""
    lines = [HEAD, "", f"{_count(catalogue)}."]
    for title, clauses in groupby(catalogue, lambda clause: clause.chapter.title):
        lines += ["", f"## {title}"]
        for clause in clauses:
            lines += _clause(clause)
    return "\n".join(lines) + "\n"


def _count(catalogue: Catalogue) -> str:
    return f"There are {len(catalogue.clauses)} clauses, and {len(catalogue.obligations())} obligations in them"


def _clause(clause: Clause) -> Iterator[str]:
    yield ""
    yield f"### {clause.id}"
    yield ""
    yield _folded(_escaped(clause.statement))
    yield ""
    yield _folded(f"- {_scope(clause)}", indent=2)
    yield _folded(f"- Why: {_escaped(clause.why)}", indent=2)
    yield _folded(f"- Remedy: {_escaped(clause.remedy)}", indent=2)


def _scope(clause: Clause) -> str:
    level = "*should*" if clause.level is Level.SHOULD else "must"
    section = f"section {clause.section}" if clause.section[0].isdigit() else clause.section
    source = "beside the blueprint" if clause.section == "-" else f"blueprint, {section}"
    if clause.rolls_up:
        return f"{level}; {source}; rolls up {', '.join(f'[{part}](#{part.lower()})' for part in clause.rolls_up)}"
    tiers = ", ".join(tier.value for tier in clause.tiers)
    cases = "" if clause.cases == (WHOLE,) else f"; cases {', '.join(f'`{case}`' for case in clause.cases)}"
    long = f"; long, in `{LONG_DRILLS}` alone" if clause.long else ""
    if clause.long and clause.long != set(clause.cases):
        long += f": {', '.join(f'`{case}`' for case in clause.cases if case in clause.long)}"
    return f"{level}; {source}; {tiers}{cases}{long}"


def _folded(text: str, indent: int = 0) -> str:
    return fill(text, width=118, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)


def _escaped(text: str) -> str:
    """Markdown as it is meant: what stands between backticks is code, everything else is text."""
    parts = text.split("`")
    return "`".join(part if index % 2 else _plain(part) for index, part in enumerate(parts))


def _plain(text: str) -> str:
    for sign in ("\\", "*", "_", "[", "]", "<", ">"):
        text = text.replace(sign, f"\\{sign}")
    return text


def main() -> int:
    """Print the page; exit code 2 and one message where the catalogue is not in order."""
    try:
        text = page(read_catalogue())
    except Trouble as trouble:
        sys.stderr.write(f"{trouble}\n")
        return 2
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
