"""Whether the first red line of a run leads to what was seeded: its file, and the key or the line in it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.breakages import ROOT, Breakage
from tests.breaking import Verdicts, red

_WORD = re.compile(r"[A-Za-z_][\w-]{2,}")


def first_line(sound: Verdicts, broken: Verdicts) -> str:
    """What is printed first of what the breakage brought about; empty where that is nothing."""
    return next(
        (
            f"{clause} {tier} {case}: {message.partition(chr(10))[0]}"
            for (clause, tier, case), (verdict, message) in broken.items()
            if (clause, tier, case) in red(broken) and sound.get((clause, tier, case)) != (verdict, message)
        ),
        "",
    )


def leads_there(breakage: Breakage, line: str) -> bool:
    """Whether a line names a file that was edited, and a word or the number of a line that was changed in it."""
    return any(edit["file"] in line and _names_key(edit, line) for edit in breakage.edits)


def _names_key(edit: Mapping[str, Any], line: str) -> bool:
    if edit.get("delete_file") or "write" in edit:
        return True  # the file is what was seeded
    rest = line.replace(edit["file"], "", 1)
    number = re.search(re.escape(edit["file"]) + r":(\d+)", line)
    changed = list(_changed(edit))
    near = {at for at, _ in changed}
    return bool(number and int(number[1]) in near) or bool(
        {word.casefold() for _, text in changed for word in _WORD.findall(text)}
        & {word.casefold() for word in _WORD.findall(rest)}
    )


def _changed(edit: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    """The lines that an edit changes, as they were and as they are, with their numbers in the edited file."""
    before = (ROOT / edit["file"]).read_text(encoding="utf-8")
    after = before + edit["append"] if "append" in edit else before.replace(edit["find"], edit["put"])
    one, other = before.splitlines(), after.splitlines()
    for kind, start, end, new_start, new_end in difflib.SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if kind != "equal":
            yield from ((new_start + 1, text) for text in one[start:end])
            yield from ((number + 1, other[number]) for number in range(new_start, new_end))
