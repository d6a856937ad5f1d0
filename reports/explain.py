"""``python -m reports.explain CMP-008``: what a clause asks, why, how it is proven, what the last run made of it."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from textwrap import fill

from blueprint.catalogue import WHOLE, Catalogue, Clause, read_catalogue
from blueprint.exemptions import EXEMPTIONS, read_exemptions
from blueprint.trouble import Trouble
from reports.told import Case, read_telling

ROOT = Path(__file__).parents[1]
PROOFS = ROOT / "tests_infra"
OUT = ROOT / "reports" / "out"
_MARK = re.compile(r"""\bproves\(\s*["']([A-Z]{3}-\d{3})["']""")
_TEST = re.compile(r"\s*(?:async )?def (test_\w+)")
_CLOSE = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Explain each clause that is named; exit code 2 and one message where one does not exist."""
    parser = argparse.ArgumentParser(prog="nox -s explain --", description=__doc__)
    parser.add_argument("clauses", nargs="+", metavar="CLAUSE", help="an id, e.g. CMP-008")
    parser.add_argument("--out", type=Path, default=OUT, metavar="DIR", help="folder of the run to ask (reports/out)")
    asked = parser.parse_args(arguments)
    try:
        catalogue = read_catalogue()
        texts = ["\n".join(explain(found(name, catalogue), catalogue, asked.out)) for name in asked.clauses]
    except Trouble as trouble:
        sys.stderr.write(f"{trouble}\n")
        return 2
    sys.stdout.write("\n\n".join(texts) + "\n")
    return 0


def found(name: str, catalogue: Catalogue) -> Clause:
    """The clause of that id, in any case.

    Raises:
        Trouble: there is none; names those that come close, or whose words hold it.
    """
    clause = catalogue.by_id.get(name.strip().upper())
    if clause is not None:
        return clause
    near = get_close_matches(name.strip().upper(), catalogue.by_id, n=_CLOSE)
    near += [one.id for one in catalogue if name.casefold() in one.statement.casefold() and one.id not in near]
    hint = f"; close are {', '.join(near[:_CLOSE])}" if near else ""
    command = f"nox -s explain -- {near[0]}" if near else "nox -s explain -- DOC-001"
    raise Trouble(f"{name!r} is no clause{hint}", next_command=command)


def explain(clause: Clause, catalogue: Catalogue, out: Path) -> Iterator[str]:
    """The lines of the explanation.

    Raises:
        Trouble: the run in ``out`` cannot be read.
    """
    yield f"{clause.id}  {clause.chapter.title}, section {clause.section}, {clause.level.value}"
    yield ""
    yield _told(clause.statement, indent=0)
    yield ""
    if clause.rolls_up:
        yield f"rolls up  {', '.join(clause.rolls_up)}"
    else:
        yield f"tiers     {', '.join(tier.value for tier in clause.tiers)}"
        if clause.cases != (WHOLE,):
            yield f"cases     {', '.join(clause.cases)}"
    yield f"why       {_told(clause.why)}"
    yield f"remedy    {_told(clause.remedy)}"
    yield f"written   blueprint/chapters/{clause.place}"
    if not clause.rolls_up:
        yield from _labelled("proven by", proofs_of(clause.id))
        yield from _labelled("exempt", _exemptions(clause, catalogue))
    yield from _labelled("last run", _last_run(clause, out))


def proofs_of(clause: str, folder: Path = PROOFS) -> Iterator[str]:
    """File, line and name of every test that is marked as a proof of a clause."""
    for path in sorted(folder.rglob("test_*.py")):
        marked = False
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            marked = marked or clause in _MARK.findall(line)
            if marked and (test := _TEST.match(line)):
                yield f"{path.relative_to(folder.parent)}:{number} {test[1]}"
                marked = False


def _exemptions(clause: Clause, catalogue: Catalogue) -> Iterator[str]:
    for row in read_exemptions(EXEMPTIONS, catalogue):
        if row.clause == clause.id:
            scope = " ".join(part for part in (row.tier or "", row.case, row.environment) if part)
            until = f", until {row.until} by {row.owner}" if row.until else ""
            yield f"{row.kind.value} {scope}".rstrip() + f": {row.reason}{until} (blueprint/{row.place})"


def _last_run(clause: Clause, out: Path) -> Iterator[str]:
    if not (out / "verdicts.json").exists():
        yield f"none in {out}"
        return
    telling = read_telling(out)
    told = telling.clauses.get(clause.id)
    if told is None:
        yield f"run {telling.run['id']} knows no such clause"
        return
    yield f"{told.word.text} in run {telling.run['id']}, {telling.run['started']}"
    for case in told.cases:
        yield _verdict(case)
    for part, word in told.rolls_up.items():
        yield f"  {part}: {word.text}"


def _verdict(case: Case) -> str:
    said = case.document.get("message") or case.document["observed"]
    first = said.splitlines()[0] if said else ""
    return f"  {case.name.partition(' ')[2]}: {case.word.text}" + (f" — {first}" if first else "")


def _labelled(label: str, lines: Iterator[str]) -> Iterator[str]:
    for index, line in enumerate(lines):
        yield f"{'' if index else label:<10}{line}"


def _told(text: str, indent: int = 10) -> str:
    return fill(text, width=108, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    sys.exit(main())
