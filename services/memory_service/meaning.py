"""Embeddings without a model: words and pieces of words, hashed into 256 numbers, the same on every machine.

Texts that share words, stems or spellings come out close. It knows no synonyms.
"""

from __future__ import annotations

import math
import re
from hashlib import blake2b

DIMENSIONS = 256
_WORD = re.compile(r"[^\W_]+")
_PIECES = (3, 4)
_WORD_WEIGHT = 1.0
_PIECES_WEIGHT = 1.3
_ENDINGS = ("ments", "ment", "ings", "ing", "ers", "er", "ies", "ed", "es", "s", "y", "e")
_STEM_CHARACTERS = 3
_FILLERS = frozenset(
    _WORD.findall(
        "a about am an and are as at be but by can could did do does for from had has have i if in is it its me my of "
        "on or our please remember remind so tell that the their them there they this to was we were what when where "
        "which who will with would you your"
    )
)


def embed(text: str) -> list[float]:
    """The direction of a text: DIMENSIONS numbers of length 1, or all 0 where it has no word."""
    sums = [0.0] * DIMENSIONS
    words = _WORD.findall(text.casefold())
    for word in map(_stem, [word for word in words if word not in _FILLERS] or words):
        _add(sums, f"w:{word}", _WORD_WEIGHT)
        pieces = [f"<{word}>"[at : at + size] for size in _PIECES for at in range(len(word) + 3 - size)]
        for piece in pieces:
            _add(sums, f"p:{piece}", _PIECES_WEIGHT / math.sqrt(len(pieces)))
    length = math.sqrt(sum(value * value for value in sums))
    return [value / length for value in sums] if length else sums


def _stem(word: str) -> str:
    """The word without an English ending; wrong for some, and the same for all of a family."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _STEM_CHARACTERS:
            return _stem(word[: -len(ending)])
    return word[:-1] if word[-2:-1] == word[-1:] and len(word) > _STEM_CHARACTERS else word


def _add(sums: list[float], feature: str, weight: float) -> None:
    digest = int.from_bytes(blake2b(feature.encode(), digest_size=4).digest(), "big")
    sums[digest % DIMENSIONS] += weight if digest >> 31 else -weight
