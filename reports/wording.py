"""The words of the report: one for every verdict, and the sentences that say what is proven and what is not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from blueprint.catalogue import Level
from blueprint.evidence import Verdict


@dataclass(frozen=True, slots=True)
class Word:
    """What a verdict is called.

    Attributes:
        slug: its name in the page's markup.
        text: the word itself.
        meaning: one line for the legend.
        plural: how many of them are told in a sentence, after the number.
        red: whether it makes the run red.
        proven: whether it counts as proven.
    """

    slug: str
    text: str
    meaning: str
    plural: str
    red: bool = False
    proven: bool = False


ERROR = Word("error", "error", "the environment broke, or a tier lacked what it needs", "in error", red=True)
FAIL = Word("fail", "fail", "it was looked at, and it does not hold", "failing", red=True)
INCONCLUSIVE = Word("inconclusive", "inconclusive", "passed, but less was seen than there is", "inconclusive", red=True)
NO_PROOF = Word("no-proof", "no proof", "no proof looked at it", "without a proof", red=True)
ADVISED = Word("advised", "advised", "a recommendation does not hold; not red", "advised")
NOT_YET = Word("not-yet", "not yet", "the proof is still to be built", "not yet built")
NOT_VERIFIED = Word("not-verified", "not verified", "it was not selected, or cannot be had here", "not verified")
WAIVED = Word("waived", "waived", "it fails, and somebody answers for that until a day", "waived")
PASS_STAND_IN = Word(
    "pass-stand-in",
    "pass (stand-in)",
    "it holds, on an image that stands in for the named product",
    "on a stand-in",
    proven=True,
)
PASS = Word("pass", "pass", "it holds, and all there is was examined", "passed", proven=True)

WORDS = (ERROR, FAIL, INCONCLUSIVE, NO_PROOF, ADVISED, NOT_YET, NOT_VERIFIED, WAIVED, PASS_STAND_IN, PASS)
"""Every word, from worst to best."""
_BY_VERDICT = dict(
    zip(
        Verdict,
        (ERROR, FAIL, INCONCLUSIVE, NO_PROOF, NOT_YET, NOT_VERIFIED, WAIVED, PASS_STAND_IN, PASS),
        strict=True,
    )
)


def word_of(verdict: Verdict, level: Level) -> Word:
    """The word for a verdict; a ``should`` clause that fails is advised."""
    return ADVISED if verdict is Verdict.FAIL and level is Level.SHOULD else _BY_VERDICT[verdict]


def worst_word(words: Iterable[Word]) -> Word:
    """The worst of them; no proof where there is none."""
    return min(words, key=WORDS.index, default=NO_PROOF)


def counted(words: Iterable[Word]) -> dict[Word, int]:
    """How often each word occurs, from worst to best, those that do not occur left out."""
    told = list(words)
    return {word: told.count(word) for word in WORDS if word in told}


def headline(summary: Mapping[str, Any]) -> str:
    """The first line of every report: whether all is proven, and how much of how much is.

    Args:
        summary: as it stands in verdicts.json.
    """
    proven, obligations = summary["proven"], summary["obligations"]
    stand_ins = summary["counts"].get(Verdict.PASS_STAND_IN.value, 0)
    aside = f", {stand_ins} of them on a stand-in" if stand_ins else ""
    word = "yes" if summary["compliant"] else "no"
    return f"compliant: {word} — {proven} of {obligations} obligations proven{aside}"


def unproven(counts: Mapping[Word, int]) -> str:
    """What is not proven, in a sentence without its full stop; empty where all is."""
    parts = [f"{count} {word.plural}" for word, count in counts.items() if not word.proven]
    return ", ".join(parts)
