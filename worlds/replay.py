"""A recorded run, read back from its evidence.jsonl, so that the same proofs can be judged again without a world."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeAlias

from blueprint.evidence import JSON, Observation
from blueprint.trouble import Trouble
from provision.waiting import WaitedTooLong
from worlds.lost import WorldLost

Line: TypeAlias = dict[str, Any]
TROUBLES: Mapping[str, type[Trouble]] = {kind.__name__: kind for kind in (Trouble, WaitedTooLong, WorldLost)}
_OBSERVED = {field.name for field in fields(Observation)}


class Replay:
    """The looks of a recorded run, found again by who looked, at what, asking what, for which time.

    Attributes:
        lines: everything that was written down, in order.
        facts: what the run said of itself, as in ``run`` of verdicts.json.

    Raises:
        Trouble: the file is not there, or is not the evidence of a run.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = _lines(path)
        self.facts: Line = {}
        self._looks: defaultdict[tuple[str, str], list[Line]] = defaultdict(list)
        self._tokens: defaultdict[str, list[str]] = defaultdict(list)
        self._proofs: dict[str, float] = {}
        for line in self.lines:
            self._take(line)
        if "as_of" not in self.facts:
            raise Trouble("no line says which run this is; it is not the evidence of a run", where=str(path))

    def _take(self, line: Line) -> None:
        kind = line["kind"]
        if kind in {"run", "end"}:
            self.facts |= line["run"]
        elif kind == "secret":
            self._tokens[line["proof"]].append(line["token"])
        elif kind == "proof":
            self._proofs[line["proof"]] = line["seconds"]
        elif set(line) >= _OBSERVED:
            self._looks[line["proof"], _asked(line["target"], line["asked"])].append(line)

    def look(self, scope: str, target: str, asked: JSON) -> Line:
        """The next recorded look of this scope at this target that asked this.

        Raises:
            Trouble: the recorded run never looked there.
        """
        waiting = self._looks[scope, _asked(target, asked)]
        if not waiting:
            raise Trouble(
                f"the recorded run holds no (further) look at {target} that asks {json.dumps(asked)} for {scope}",
                where=str(self.path),
                next_command="record it again: the same session without --replay",
            )
        return waiting.pop(0)

    def token(self, scope: str) -> str:
        """What stands for the next secret that this scope mints; empty where the recorded run minted none."""
        return self._tokens[scope].pop(0) if self._tokens[scope] else ""

    def seconds(self, proof: str) -> float:
        """How long a proof took when it was recorded."""
        return self._proofs.get(proof, 0.0)


def raise_again(line: Line) -> None:
    """Raise what the recorded look raised, if it did."""
    raised = line.get("raised")
    if raised is not None:
        kind = TROUBLES.get(raised["kind"], Trouble)
        raise kind(raised["what"], where=raised["where"], next_command=raised["next_command"])


def observation(line: Line) -> Observation:
    """The observation that a line holds."""
    return Observation(**{name: line[name] for name in _OBSERVED})


def _asked(target: str, asked: JSON) -> str:
    return json.dumps([target, asked], sort_keys=True)


def _lines(path: Path) -> list[Line]:
    try:
        rows = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Trouble(f"cannot be read as the evidence of a run: {error}", where=str(path)) from None
    lines = []
    for number, row in enumerate(rows, 1):
        try:
            line = json.loads(row)
        except json.JSONDecodeError as error:
            if number == len(rows):
                break  # a run that was killed leaves half a line at the end
            raise Trouble(f"not JSON: {error}", where=f"{path}:{number}") from None
        if not isinstance(line, dict) or "kind" not in line:
            raise Trouble("not a line of evidence: it has no kind", where=f"{path}:{number}")
        lines.append(line)
    return lines
