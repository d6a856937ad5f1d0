"""The page of a run: one HTML file that holds all it needs, from verdicts.json and evidence.jsonl alone."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from blueprint.catalogue import Tier
from reports.observations import Evidence, read_evidence
from reports.prose import duration, prose, size, visible
from reports.told import ChapterTold, Telling, read_telling
from reports.wording import (
    NOT_VERIFIED,
    NOT_YET,
    PASS_STAND_IN,
    WAIVED,
    WORDS,
    Word,
    headline,
    unproven,
    worst_word,
)

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
LOOKS_A_CASE = 10
"""How many observations of one case the page links; the others stand in evidence.jsonl."""
FINDINGS_A_CASE = 50
BESIDES = {
    "details.html": "every proof, as pytest saw it",
    "verdicts.json": "the verdicts, for programs",
    "evidence.jsonl": "all observations; can be judged again",
    "junit.xml": "for continuous integration",
    "summary.md": "for pull requests",
}
"""What else lies beside the page, where it does."""


@dataclass(frozen=True, slots=True)
class Cell:
    """How much of one chapter is proven in one tier, or in all."""

    proven: int
    obligations: int
    word: Word


def render(out_dir: Path) -> Path:
    """Write ``index.html`` beside the files of a run, and return its path.

    Raises:
        Trouble: the files are missing, corrupt or incomplete; names file and line.
    """
    telling = read_telling(out_dir)
    cited = [name for case in telling.cases for name in case.document.get("evidence", [])]
    evidence = read_evidence(out_dir, cited, _shown(telling))
    page = out_dir / "index.html"
    page.write_text(_html(telling, evidence, out_dir), encoding="utf-8")
    return page


def _shown(telling: Telling) -> Iterator[str]:
    """The observations that the page links: those of what is not in order first."""
    for word in WORDS:
        for case in telling.of(word):
            yield from case.document.get("evidence", [])[:LOOKS_A_CASE]


def _html(telling: Telling, evidence: Evidence, out_dir: Path) -> str:
    style = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    script = (TEMPLATES / "page.js").read_text(encoding="utf-8")
    summary = telling.summary
    return (
        _environment()
        .get_template("page.html.jinja")
        .render(
            telling=telling,
            run=telling.run,
            summary=summary,
            evidence=evidence,
            headline=headline(summary),
            unproven=unproven(telling.counts),
            words=WORDS,
            waived=WAIVED,
            stand_in=PASS_STAND_IN,
            tiers=[tier for tier in Tier if any(case.tier is tier for case in telling.cases)],
            reasons=[(word, telling.reasons(word)) for word in (NOT_YET, NOT_VERIFIED) if telling.of(word)],
            cell=_cell,
            bar=_bar(telling.counts),
            failures=_failures(out_dir),
            folder_of=failures_folder,
            besides={name: what for name, what in BESIDES.items() if name == "summary.md" or (out_dir / name).exists()},
            looks_a_case=LOOKS_A_CASE,
            findings_a_case=FINDINGS_A_CASE,
            style=style,
            script=script,
            style_hash=_hash(style),
            script_hash=_hash(script),
        )
    )


def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=visible,
    )
    environment.filters |= {
        "size": size,
        "duration": duration,
        "prose": prose,
        "listed": lambda names: ", ".join(map(str, names)),
        "href": lambda path: quote(str(path), safe="/"),
        "moment": lambda stamp: str(stamp)[:19].replace("T", " ") + " UTC",
        "anchor": lambda name: quote(str(name), safe="").replace("%", "."),
    }
    return environment


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _cell(chapter: ChapterTold, tier: Tier | None = None) -> Cell | None:
    cases = chapter.cases(tier)
    if not cases:
        return None
    proven = sum(case.word.proven for case in cases)
    return Cell(proven, len(cases), worst_word(case.word for case in cases))


def _bar(counts: Mapping[Word, int]) -> list[tuple[Word, int, float, float]]:
    """Each word from best to worst, with its count, where its part of the bar begins and how wide it is, in percent."""
    total = sum(counts.values()) or 1
    parts, start = [], 0.0
    for word in reversed(WORDS):
        if count := counts.get(word, 0):
            width = 100 * count / total
            parts.append((word, count, start, width))
            start += width
    return parts


def _failures(out_dir: Path) -> frozenset[str]:
    """The folders of logs that there are."""
    folder = out_dir / "failures"
    return frozenset(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else frozenset()


def failures_folder(proof: str) -> str:
    """The name of the folder that holds the logs of a proof: its node id, with dots."""
    name = proof.removeprefix("tests_infra/").replace("/", ".").replace("::", ".")
    return "".join(sign if sign.isalnum() or sign in ".-+_[]" else "_" for sign in name)
