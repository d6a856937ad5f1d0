"""A run as its files tell it: verdicts.json, checked and read into the shapes that page and summary are made of."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from blueprint.catalogue import Level, Tier
from blueprint.evidence import PROVEN, Verdict
from blueprint.trouble import Trouble
from reports.wording import ADVISED, Word, counted, word_of, worst_word

SCHEMA = Path(__file__).parent / "verdicts.schema.json"
RUN_AGAIN = "nox -s verify-local"


@dataclass(frozen=True, slots=True)
class Case:
    """One clause in one tier for one case; ``document`` is what verdicts.json says of it."""

    clause: str
    level: Level
    tier: Tier
    case: str
    verdict: Verdict
    document: Mapping[str, Any]

    @property
    def word(self) -> Word:
        """What its verdict is called."""
        return word_of(self.verdict, self.level)

    @property
    def name(self) -> str:
        """The obligation as a reader names it."""
        return f"{self.clause} {self.tier.value}" + ("" if self.case == "whole" else f" {self.case}")

    @property
    def first_finding(self) -> Mapping[str, Any] | None:
        """What was found first, if anything was."""
        findings = self.document.get("findings") or [None]
        first: Mapping[str, Any] | None = findings[0]
        return first


@dataclass(frozen=True)
class Told:
    """One clause as verdicts.json tells it; ``word`` is the worst of its cases, or of what it rolls up."""

    id: str
    document: Mapping[str, Any]
    cases: tuple[Case, ...]
    rolls_up: Mapping[str, Word]

    @cached_property
    def word(self) -> Word:
        """What became of it."""
        return worst_word(self.rolls_up.values() if self.rolls_up else (case.word for case in self.cases))

    @cached_property
    def tiers(self) -> Mapping[Tier, tuple[Case, ...]]:
        """Its cases by tier."""
        return {tier: mine for tier in Tier if (mine := tuple(case for case in self.cases if case.tier is tier))}


@dataclass(frozen=True, slots=True)
class ChapterTold:
    """The clauses of one chapter, in order."""

    id: str
    title: str
    clauses: tuple[Told, ...]

    def cases(self, tier: Tier | None = None) -> tuple[Case, ...]:
        """Its cases, in one tier or in all."""
        return tuple(case for told in self.clauses for case in told.cases if tier in {None, case.tier})

    @property
    def word(self) -> Word:
        """The worst of its clauses."""
        return worst_word(told.word for told in self.clauses)


@dataclass(frozen=True)
class Telling:
    """A whole run."""

    run: Mapping[str, Any]
    summary: Mapping[str, Any]
    chapters: tuple[ChapterTold, ...]

    @cached_property
    def clauses(self) -> Mapping[str, Told]:
        """Every clause by its id."""
        return {told.id: told for chapter in self.chapters for told in chapter.clauses}

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """Every obligation, in order."""
        return tuple(case for chapter in self.chapters for case in chapter.cases())

    @cached_property
    def counts(self) -> Mapping[Word, int]:
        """How often each word occurs, from worst to best."""
        return counted(case.word for case in self.cases)

    @cached_property
    def red(self) -> tuple[Case, ...]:
        """What makes the run red, worst first."""
        return self._of(lambda word: word.red)

    @cached_property
    def advised(self) -> tuple[Case, ...]:
        """Recommendations that do not hold."""
        return self._of(lambda word: word is ADVISED)

    def of(self, word: Word) -> tuple[Case, ...]:
        """The obligations with that word."""
        return self._of(lambda other: other is word)

    def reasons(self, word: Word) -> Mapping[str, tuple[Case, ...]]:
        """Why obligations have that word, as the run says it; the reason of most of them first."""
        groups: dict[str, list[Case]] = {}
        for case in self.of(word):
            groups.setdefault(str(case.document.get("message") or "no reason is given"), []).append(case)
        return {reason: tuple(groups[reason]) for reason in sorted(groups, key=lambda key: -len(groups[key]))}

    def _of(self, wanted: Callable[[Word], bool]) -> tuple[Case, ...]:
        chosen = [case for case in self.cases if wanted(case.word)]
        return tuple(sorted(chosen, key=lambda case: list(self.counts).index(case.word)))


def read_telling(out: Path) -> Telling:
    """Read and check the verdicts of a run.

    Raises:
        Trouble: verdicts.json is missing, not JSON, incomplete, or contradicts itself; names file and line.
    """
    path = out / "verdicts.json"
    text = _text(path)
    document = _parsed(text, path)
    _check(document, text, path)
    clauses = [_told(name, row, document["clauses"]) for name, row in document["clauses"].items()]
    titles = document.get("chapters", {})
    chapters = dict.fromkeys(told.document["chapter"] for told in clauses)
    told = tuple(
        ChapterTold(name, titles.get(name, name), tuple(one for one in clauses if one.document["chapter"] == name))
        for name in chapters
    )
    telling = Telling(document["run"], document["summary"], told)
    _refuse_contradiction(telling, text, path)
    return telling


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Trouble("is not there: no run has ended here", where=str(path), next_command=RUN_AGAIN) from None
    except (OSError, UnicodeDecodeError) as error:
        raise Trouble(f"cannot be read: {error}", where=str(path), next_command=RUN_AGAIN) from None


def _parsed(text: str, path: Path) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"{path}:{error.lineno}"
        raise Trouble(f"is not JSON: {error.msg}", where=where, next_command=RUN_AGAIN) from None
    except RecursionError:
        raise Trouble("is nested too deeply to be read", where=f"{path}:1", next_command=RUN_AGAIN) from None
    if not isinstance(document, dict):
        raise Trouble("is not a JSON object", where=f"{path}:1", next_command=RUN_AGAIN)
    return document


def _check(document: dict[str, Any], text: str, path: Path) -> None:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    validator = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    error = best_match(validator.iter_errors(document))
    if error is not None:
        steps = list(error.absolute_path)
        at = ".".join(map(str, steps)) or "the document"
        where = f"{path}:{_line(text, steps)}"
        raise Trouble(f"{at}: {error.message[:300]}", where=where, next_command=RUN_AGAIN)


def _line(text: str, steps: Sequence[str | int]) -> int:
    """The line of the last key of a path: every key is looked for behind the one before it."""
    position = 0
    for step in steps:
        if isinstance(step, str):
            found = text.find(f"{json.dumps(step, ensure_ascii=False)}:", position)
            position = found if found >= 0 else position
    return text.count("\n", 0, position) + 1


def _told(name: str, row: dict[str, Any], rows: Mapping[str, dict[str, Any]]) -> Told:
    level = Level(row["level"])
    cases = tuple(
        Case(name, level, tier, case, Verdict(document["verdict"]), document)
        for tier in Tier
        for case, document in row.get(tier.value, {}).get("cases", {}).items()
    )
    # A roll-up says the verdicts of its parts; whether one is only advised is known where the part stands.
    rolls_up = {
        part: word_of(Verdict(verdict), Level(rows.get(part, row)["level"]))
        for part, verdict in row.get("rolls_up", {}).items()
    }
    return Told(name, row, cases, rolls_up)


def _refuse_contradiction(telling: Telling, text: str, path: Path) -> None:
    """The summary must count what the clauses say."""
    counts = {verdict: sum(case.verdict is verdict for case in telling.cases) for verdict in Verdict}
    said = {Verdict(name): count for name, count in telling.summary["counts"].items() if name in set(Verdict)}
    proven = sum(counts[verdict] for verdict in PROVEN)
    facts = [
        ("obligations", telling.summary["obligations"], len(telling.cases)),
        ("proven", telling.summary["proven"], proven),
        *((f"counts.{verdict.value}", said.get(verdict, 0), count) for verdict, count in counts.items()),
    ]
    for name, claimed, counted_here in facts:
        if claimed != counted_here:
            where = f"{path}:{_line(text, ['summary', *name.split('.')])}"
            raise Trouble(f"summary.{name} says {claimed}, and the clauses come to {counted_here}", where=where)
    if telling.summary["compliant"] and proven < len(telling.cases) and any(_blocks(case) for case in telling.cases):
        raise Trouble(
            "summary.compliant is true, and a must clause is not proven",
            where=f"{path}:{_line(text, ['summary', 'compliant'])}",
        )


def _blocks(case: Case) -> bool:
    return case.level is Level.MUST and case.verdict is not Verdict.PASS
